import { SessionError } from "../../errors.ts";
import type { ClientEffect } from "../../machine/client_effect.ts";
import type { SubscribeRequested, UnsubscribeRequested } from "../../machine/client_event.ts";
import { checkRequest } from "../../machine/rules/client_requests.ts";
import { inspectClient } from "../../machine/state/client_inspection.ts";
import { type Message, messageBytes } from "../../mqtt/message.ts";
import { isTopicName } from "../../mqtt/topic.ts";
import { type SoleOwner, soleOwnerIn } from "../sole_owner.ts";
import { ClientCore, type CoreOwner, PAGE } from "./core.ts";
import { HostConnection } from "./host_connection.ts";
import { openClient } from "./opening.ts";
import type {
  ClientConnection,
  ClientConnectOptions,
  ClientInspection,
  ClientMessage,
  ClientSubscription,
  ClientTransport,
  Published,
  PublishOutcome,
  RequestOutcome,
  SessionClient,
  SessionClientOptions,
} from "./options.ts";
import { Outcomes } from "./outcomes.ts";
import { resolveClient, type ResolvedClient } from "./resolve.ts";

/** The client behind its face. */
class LiveClient implements SessionClient, CoreOwner {
  readonly options: ResolvedClient;
  readonly outcomes: Outcomes = new Outcomes();
  readonly #name: string;
  #owner: SoleOwner | undefined;
  #core: ClientCore | undefined;
  #opening: Promise<ClientCore> | undefined;
  connection: HostConnection | undefined;
  #cancelTimer = () => {};
  #timerAt: number | undefined;
  #isClosed = false;
  /** Calls that wait for the session. */
  #callsWaiting = 0;

  constructor(options: SessionClientOptions) {
    this.options = resolveClient(options);
    this.#name = options.clientId === "" ? this.options.environment.randomId() : options.clientId;
  }

  get clientId(): string {
    return this.#name;
  }

  get online(): boolean {
    return this.#core?.session.online ?? false;
  }

  async open(): Promise<void> {
    await this.#opened();
  }

  connect(transport: ClientTransport, options: ClientConnectOptions = {}): ClientConnection {
    if (this.connection?.isOver === false) throw new TypeError("Cannot connect: the client has a connection");
    const connection = new HostConnection(transport, {
      tell: (event) => this.#core?.tell(event),
      isFull: () => this.#isFull(),
    });
    this.connection = connection;
    this.#opened().then((core) => {
      if (connection.isOver) return;
      core.tell({ type: "connectRequested", connect: { ...this.options.connect, ...options } });
      connection.begin();
    }).catch((error) => {
      this.options.observe({ type: "workFailed", work: "session", error });
      connection.close();
    });
    return connection;
  }

  publish(given: ClientMessage): Published {
    const message = this.#messageOf(given);
    if (!isTopicName(message.topic)) throw new RangeError("Cannot publish: the topic is no Topic Name");
    const bytes = messageBytes(message);
    if (bytes > this.options.store.capabilities.maxMessageBytes) {
      throw new RangeError(`Cannot publish: ${bytes} bytes are more than the store holds of one message`);
    }
    const { ref, published } = this.outcomes.publish(message);
    this.#withCore((core) => {
      const isStored = message.qos > 0 || (!core.session.online && core.session.policy.qos0WhileOffline === "queue");
      if (isStored && this.#isQueueFull(core, bytes)) return this.outcomes.settled(ref, { outcome: "queueFull" });
      if (isStored) {
        core.queuedMessages++;
        core.queuedBytes += bytes;
      }
      core.tell({ type: "publishRequested", ref, message });
      // What is neither rejected nor stored is sent.
      if (!isStored) this.outcomes.settled(ref, { outcome: "sent" });
    }, (error) => this.outcomes.failed(error));
    return published;
  }

  subscribe(
    filters: readonly ClientSubscription[],
    options: { readonly subscriptionIdentifier?: number } = {},
  ): Promise<RequestOutcome> {
    const subscriptions = filters.map((filter) => ({
      qos: 2 as const,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
      ...filter,
    }));
    return this.#ask((ref) => ({ type: "subscribeRequested", ref, subscriptions, ...options }));
  }

  unsubscribe(filters: readonly string[]): Promise<RequestOutcome> {
    return this.#ask((ref) => ({ type: "unsubscribeRequested", ref, filters }));
  }

  async disconnect(
    options: { readonly reasonCode?: number; readonly sessionExpiryInterval?: number } = {},
  ): Promise<void> {
    const connection = this.connection;
    if (connection === undefined || connection.isOver) return;
    const core = await this.#opened();
    core.tell({ type: "disconnectRequested", ...options });
    await connection.done;
  }

  authenticate(authenticationData: Uint8Array | undefined, reasonCode: 0x18 | 0x19 = 0x18): void {
    const data = authenticationData === undefined ? {} : { authenticationData };
    this.#core?.tell({ type: "authRequested", reasonCode, ...data });
  }

  async inspect(): Promise<ClientInspection> {
    const core = this.#isClosed ? undefined : await this.#opened();
    if (core === undefined) return { state: "closed", established: false, outgoing: [], inboundIds: [], unhandled: 0 };
    const { messages } = await core.read(0);
    return { ...inspectClient(core.session, messages), unhandled: core.inbox.size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const core = this.#core ?? await this.#opening?.catch(() => undefined);
    this.#cancelTimer();
    core?.tell({ type: "connectionClosed" });
    this.connection?.close();
    await core?.release();
    this.#core = undefined;
    this.outcomes.over(false);
    await this.#owner?.release();
  }

  // For its session.

  runEffect(effect: ClientEffect, connection: HostConnection | undefined): void {
    const { outcomes, options: { observe } } = this;
    switch (effect.type) {
      case "sendPacket":
        return connection?.send(effect.packet);
      case "closeConnection":
        observe({ type: "closed", reasonCode: effect.reasonCode });
        return connection?.close();
      case "connected":
        return observe({ type: "accepted", sessionPresent: effect.sessionPresent, connack: effect.connack });
      case "connectRefused":
        return observe({ type: "refused", connack: effect.connack });
      case "clientIdentifierAssigned":
        return observe({ type: "identifierAssigned", clientId: effect.clientId });
      case "serverDisconnected":
        return observe({ ...effect, type: "serverDisconnected" });
      case "authReceived":
        return observe({ type: "authentication", packet: effect.packet });
      case "requestAnswered":
        return outcomes.answered(effect.ref, { outcome: "answered", reasonCodes: effect.reasonCodes });
      case "requestFailed":
        return outcomes.answered(effect.ref, { outcome: "failed", reasonCode: effect.reasonCode });
      case "publishRejected":
        this.#countBack(effect.ref);
        return outcomes.settled(effect.ref, { outcome: "refused", reasonCode: effect.reasonCode });
      case "deliveryCompleted":
        return outcomes.delivered(effect.sequence, outcomeOf(effect.reasonCode));
      case "messageDropped":
        observe({ ...effect, type: "messageLost" });
        if (effect.sequence === undefined) return;
        return outcomes.delivered(effect.sequence, { outcome: "lost", reason: effect.reason });
      case "messageReceived":
        return this.#core?.inbox.offer(effect.message, effect.subscriptionIdentifiers);
      case "diagnosed":
        return observe({ ...effect, clientId: this.#name });
      default:
        effect satisfies never;
    }
  }

  takenOver(): void {
    this.#isClosed = true;
    this.#core = undefined;
    this.#cancelTimer();
    this.outcomes.over(true);
    this.connection?.close();
    this.options.observe({ type: "takenOver" });
    void this.#owner?.release();
  }

  /** What is in memory counts no more: the session is taken anew when it is needed. */
  failed(error: SessionError): void {
    this.#core?.drop();
    this.#core = this.#opening = undefined;
    this.outcomes.failed(error);
    this.options.observe({ type: "workFailed", work: "session", error });
    this.connection?.close();
  }

  moved(): void {
    this.connection?.roomChanged();
    const at = this.#core?.deadline;
    if (at === this.#timerAt) return;
    this.#cancelTimer();
    this.#timerAt = at;
    if (at === undefined) return;
    this.#cancelTimer = this.options.environment.wake(at, () => {
      this.#timerAt = undefined;
      this.#core?.tell({ type: "timePassed" });
      this.moved();
    });
  }

  #opened(): Promise<ClientCore> {
    if (this.#isClosed) return Promise.reject(new SessionError("CLOSED", "Cannot go on: the client is closed"));
    return this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
  }

  async #open(): Promise<ClientCore> {
    const { store, environment, commit, observe, whenOwned, locks } = this.options;
    this.#owner ??= await this.#own(whenOwned, locks);
    const opened = await openClient(
      {
        store,
        environment,
        commit,
        observe: (event) => {
          if (event.type === "workFailed") observe(event);
        },
        page: PAGE,
        lost: this.#owner.lost,
      },
      this.#name,
    );
    if (opened === undefined) {
      if (!this.#isClosed) this.takenOver();
      throw new SessionError("CLOSED", "Cannot open a session: another page has taken it");
    }
    const core = new ClientCore(this, opened);
    if (!this.#isClosed) this.#core = core;
    return core;
  }

  async #own(whenOwned: ResolvedClient["whenOwned"], locks: ResolvedClient["locks"]): Promise<SoleOwner> {
    const owner = await soleOwnerIn(this.options.store, this.#name, {
      ...(whenOwned === undefined ? {} : { whenOwned }),
      ...(locks === undefined ? {} : { locks }),
    });
    if (owner.outcome === "refused") {
      throw new SessionError("CLOSED", "Cannot open a session: another page has it");
    }
    owner.lost.addEventListener("abort", () => this.#core?.commitSuperseded());
    return owner;
  }

  /** Does something with the session, at once where it is here, and in the order of the calls. */
  #withCore(use: (core: ClientCore) => void, failed: (error: SessionError) => void): void {
    if (this.#core !== undefined && !this.#isClosed && this.#callsWaiting === 0) return use(this.#core);
    this.#callsWaiting++;
    this.#opened().then((core) => {
      this.#callsWaiting--;
      use(core);
    }, (error) => {
      this.#callsWaiting--;
      failed(asOurs(error));
    });
  }

  #ask(event: (ref: number) => SubscribeRequested | UnsubscribeRequested): Promise<RequestOutcome> {
    checkRequest(event(0));
    const { ref, outcome } = this.outcomes.ask();
    const request = event(ref);
    this.#withCore((core) => core.tell(request), (error) => this.outcomes.failed(error));
    return outcome;
  }

  #messageOf(
    { topic, payload, qos = 0, retain = false, properties = {}, messageExpiryInterval }: ClientMessage,
  ): Message {
    const publishedAt = this.options.environment.now();
    const expiresAt = messageExpiryInterval === undefined
      ? {}
      : { expiresAt: publishedAt + messageExpiryInterval * 1_000 };
    const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
    return { topic, payload: bytes, qos, retain, properties, publisher: this.#name, publishedAt, ...expiresAt };
  }

  #isQueueFull({ queuedMessages, queuedBytes }: ClientCore, bytes: number): boolean {
    const { maximumMessages, maximumBytes } = this.options.queue;
    return queuedMessages >= maximumMessages || queuedBytes + bytes > maximumBytes;
  }

  #countBack(ref: number): void {
    const message = this.outcomes.messageOf(ref);
    if (this.#core === undefined || message === undefined || message.qos === 0) return;
    this.#core.queuedMessages--;
    this.#core.queuedBytes -= messageBytes(message);
  }

  #isFull(): boolean {
    const core = this.#core;
    if (core === undefined) return false;
    return core.inbox.size >= this.options.queue.maximumUnhandled || core.pending.bytes > MOST_PENDING_BYTES;
  }
}

/** Above this the server is read no more until what came is stored, in bytes. */
const MOST_PENDING_BYTES = 8_388_608;

function outcomeOf(reasonCode: number): PublishOutcome {
  return reasonCode >= 0x80 ? { outcome: "refused", reasonCode } : { outcome: "acknowledged", reasonCode };
}

function asOurs(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  return new SessionError("OUTCOME_UNKNOWN", "Cannot open a session: the store failed", { cause: error });
}

/**
 * Makes a client that keeps its session in a store, over any codec and transport.
 *
 * @throws {TypeError} If there is nobody to take messages.
 * @throws {RangeError} If the Client Identifier is none.
 * @throws {SessionError} `CAPABILITY_MISSING` if the store promises less than is required.
 *
 * @example A message that is published without a connection is delivered by the next one
 * ```ts
 * import { sessionClient } from "@edge-mqtt/session/client";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * const client = sessionClient({ store: memoryStore(), clientId: "meter-7", onMessage: ({ topic }) => console.log(topic) });
 * const { stored, done } = client.publish({ topic: "meter/7", payload: "12.3", qos: 1 });
 * await stored;
 *
 * const connection = client.connect({
 *   send: (packet) => {
 *     // A server would answer like this.
 *     if (packet.type === "connect") connection.receive([{ type: "connack", sessionPresent: false, reasonCode: 0 }]);
 *     if (packet.type !== "publish" || packet.packetId === undefined) return;
 *     connection.receive([{ type: "puback", packetId: packet.packetId, reasonCode: 0 }]);
 *   },
 *   close: () => {},
 * });
 * console.assert((await done).outcome === "acknowledged");
 * await client[Symbol.asyncDispose]();
 * ```
 */
export function sessionClient(options: SessionClientOptions): SessionClient {
  return new LiveClient(options);
}
