import { SessionError } from "../../errors.ts";
import { expiryNumbers } from "../../machine/rules/lifecycle.ts";
import type { SessionHead } from "../../machine/snapshot.ts";
import * as REASON from "../../mqtt/reason.ts";
import type { FencedSession } from "../../runtime/client/opening.ts";
import { CommitLane } from "../../runtime/lane.ts";
import { type SoleOwner, soleOwnerIn } from "../../runtime/sole_owner.ts";
import type { ClientStore } from "../../store/client_store.ts";
import { UNLIMITED } from "../../store/unlimited.ts";
import type { MqttJsClient, MqttJsPacket } from "./client.ts";
import { IncomingStore } from "./incoming_store.ts";
import { Journal } from "./journal.ts";
import { Link } from "./link.ts";
import { type Ask, asking, failuresFor, type Opened, type OpenedPair, openPair, PAGE } from "./opening.ts";
import {
  type MqttJsSessionOptions,
  requireCapabilities,
  type ResolvedMqttJsOptions,
  resolveOptions,
} from "./options.ts";
import { OutgoingStore } from "./outgoing_store.ts";
import { PacketIds } from "./packet_ids.ts";
import { PacketMemory } from "./packet_memory.ts";
import type { MqttJsConnectOptions, MqttJsSession } from "./session.ts";
import type { SessionContext } from "./session_context.ts";

/**
 * Opens the session of a client, and reads what it holds. Connect with `session.options()`, and attach the client.
 *
 * @throws {TypeError} If the Client Identifier is missing or cannot be one.
 * @throws {SessionError} `CAPABILITY_MISSING` if the store cannot keep what is promised; `CLOSED` if another page has the
 *   session and `whenOwned` leaves it there; that of the store if it cannot be read.
 */
export async function mqttjsSession(store: ClientStore, options: MqttJsSessionOptions): Promise<MqttJsSession> {
  const resolved = resolveOptions(options);
  requireCapabilities(store.capabilities);
  const { clientId, whenOwned, signal, locks } = resolved;
  const owner = await soleOwnerIn(store, clientId, {
    whenOwned,
    ...(signal === undefined ? {} : { signal }),
    ...(locks === undefined ? {} : { locks }),
  });
  if (owner.outcome === "refused") {
    throw new SessionError("CLOSED", `Cannot take the session of "${clientId}": another page has it`);
  }
  try {
    const ask = asking(resolved);
    return new OpenedSession(store, resolved, ask, await openPair(store, ask, resolved, owner.lost), owner);
  } catch (error) {
    await owner.release();
    throw error;
  }
}

class OpenedSession implements MqttJsSession {
  readonly clientId: string;
  readonly #options: ResolvedMqttJsOptions;
  readonly #link: Link;
  readonly #lane: CommitLane;
  readonly #outbound: Journal;
  readonly #inbound: Journal;
  readonly #outgoing: OutgoingStore;
  readonly #incoming: IncomingStore;
  readonly #ids: PacketIds;
  readonly #owner: SoleOwner;
  readonly #lost = new AbortController();
  /** Whether CONNECT asks the server to start clean, since it has accepted no connection yet. */
  #startsClean: boolean;
  /** Whether that was left to the session. */
  #decidesClean = false;
  /** When the latest connection ended, if that was witnessed. */
  #onlineUntil: number | undefined;
  #isOnline = false;
  #closing: Promise<void> | undefined;

  constructor(
    store: ClientStore,
    options: ResolvedMqttJsOptions,
    ask: Ask,
    { outgoing, incoming }: OpenedPair,
    owner: SoleOwner,
  ) {
    const { clientId, environment, commit, observe, protocolVersion, asBuffer } = options;
    this.clientId = clientId;
    this.#options = options;
    this.#owner = owner;
    this.#link = new Link(observe);
    this.#lane = new CommitLane({
      store,
      environment,
      commit,
      observe: failuresFor(observe),
      run: environment.randomId(),
      queue: UNLIMITED,
      afterResults: () => {},
      outcomeLost: () => {},
    });
    this.#outbound = this.#journal(store, outgoing);
    this.#inbound = this.#journal(store, incoming);
    const context: SessionContext = {
      clientId,
      link: this.#link,
      observe,
      now: environment.now,
      queue: options,
      whenSessionLost: options.whenSessionLost,
      pubrecs: { last: lastPubrec(outgoing.taken) },
      packetForm: () => ({ version: protocolVersion, asBuffer, now: environment.now() }),
      freeId: (messageId) => this.#ids.deallocate(messageId),
    };
    const read = (journal: Journal, after: number) =>
      ask("read a queue", (signal) => store.readQueue(journal.guard, { after, ...PAGE }, { signal }));
    this.#outgoing = new OutgoingStore(context, this.#outbound, new PacketMemory(read), outgoing.entries);
    this.#incoming = new IncomingStore(context, this.#inbound, new PacketMemory(read), incoming.entries);
    this.#ids = new PacketIds({
      nextSequence: () => this.#outbound.nextSequence,
      isStored: (messageId) => this.#outgoing.has(messageId),
      requested: () => this.#link.requested(),
    });
    const { head, snapshot } = outgoing.taken;
    // The server can have no session that belongs to it.
    const isNew = head.connectedAt === 0;
    this.#startsClean = isNew && protocolVersion === 5;
    this.#onlineUntil = snapshot.head.disconnectedAt;
    if (isNew) this.#discard();
    owner.lost.addEventListener("abort", () => this.#lose(owner.lost.reason));
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get stored(): { readonly outgoing: number; readonly incoming: number } {
    return { outgoing: this.#outgoing.size, incoming: this.#incoming.size };
  }

  options<Own extends object>(own?: Own): Own & MqttJsConnectOptions {
    const { protocolVersion, sessionExpiryInterval } = this.#options;
    const { properties, ...others }: { properties?: object } = own ?? {};
    this.#decidesClean = !("clean" in others);
    const options = {
      clean: this.#startsClean,
      ...others,
      protocolVersion,
      clientId: this.clientId,
      outgoingStore: this.#outgoing,
      incomingStore: this.#incoming,
      messageIdProvider: this.#ids,
      ...(protocolVersion === 5 ? { properties: { ...properties, sessionExpiryInterval } } : {}),
    };
    // True because what is the caller's own is in it, with the properties put together.
    return options as unknown as Own & MqttJsConnectOptions;
  }

  attach(client: MqttJsClient): void {
    if (this.#link.client !== undefined) {
      throw new TypeError(`Cannot attach: "${this.clientId}" has its client already`);
    }
    this.#link.client = client;
    client.on("packetreceive", (packet) => {
      if (packet?.cmd === "connack") this.#connack(packet);
      else if (packet?.cmd === "publish") this.#link.learnAlias(packet);
    });
    client.on("packetsend", (packet) => {
      const sends = packet?.cmd === "publish" || packet?.cmd === "pubrel";
      if (sends && packet?.messageId) this.#outgoing.sending(packet.messageId);
    });
    client.on("close", () => this.#disconnected());
    // `reconnect()` puts stores of its own in the place of ours, unless it is given some.
    client.on("reconnect", () => this.#restoreStores(client));
    const handle = client.handleMessage;
    client.handleMessage = (packet, callback) => {
      const handled = (done: (error?: Error) => void): void => handle.call(client, packet, done);
      if (!this.#handle(packet, handled, callback)) handled(callback);
    };
  }

  messageKey(packet: object): string | undefined {
    const entry = this.#incoming.entryOf(packet);
    return entry && this.#incoming.keyOf(entry);
  }

  async flush(): Promise<void> {
    await Promise.all([this.#outbound.idle(), this.#inbound.idle()]);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #journal(store: ClientStore, { taken, tail }: Opened<unknown>): Journal {
    const { observe } = this.#options;
    return new Journal({
      owner: {
        lost: (error) => this.#lose(error),
        storeFailed: (error) => {
          observe({ type: "storeFailed", error });
          // What was received and could not be stored comes again; what is published waits.
          if (this.#closing === undefined) this.#link.cut(error);
          else this.#endJournals(error);
        },
      },
      lane: this.#lane,
      capabilities: store.capabilities,
      guard: taken.guard,
      head: taken.head,
      tail,
    });
  }

  /** MQTT.js has read a CONNACK, and does with it what it does after this. */
  #connack(packet: MqttJsPacket): void {
    const { reasonCode, returnCode, sessionPresent, properties } = packet as Connack;
    if ((reasonCode ?? returnCode ?? 0) !== 0) return;
    this.#disconnected();
    this.#link.receiveMaximum = properties?.receiveMaximum ?? Infinity;
    // MQTT.js lets its users change them, and so does this; they are options of ours at first.
    const options = this.#link.client?.options as { clean?: boolean };
    if (this.#options.protocolVersion === 5 && options.clean === true && sessionPresent === true) {
      return this.#refuse(packet as Connack);
    }
    const isResumed = options.clean !== true && sessionPresent === true;
    if (!isResumed) this.#discard();
    if (this.#decidesClean) options.clean = false;
    this.#startsClean = false;
    this.#isOnline = true;
    const { head } = this.#outbound;
    const interval = properties?.sessionExpiryInterval ?? this.#options.sessionExpiryInterval;
    if (isResumed && head.connectedAt > 0 && head.sessionExpiryInterval === interval) return;
    const connectedAt = this.#options.environment.now();
    // Whoever cannot store it is told by the journal.
    this.#outbound.changeHead((current) => ({ ...current, connectedAt, sessionExpiryInterval: interval }))
      .catch(() => {});
  }

  /** A server that goes on with a session it was asked to forget has to be left ([MQTT-3.2.2-4]). */
  #refuse(packet: Connack): void {
    const found = "the server has a session of before, which it was asked to forget";
    const error = new SessionError("CLOSED", `Cannot go on with the session of "${this.clientId}": ${found}`);
    // MQTT.js looks at it next, takes it for a refused connection, closes, and tells its user.
    packet.reasonCode = REASON.protocolError;
    this.#options.observe({ type: "cut", error });
  }

  #disconnected(): void {
    if (this.#isOnline) this.#onlineUntil = this.#options.environment.now();
    this.#isOnline = false;
    this.#link.nextConnection();
    this.#outgoing.disconnected();
  }

  #restoreStores(client: MqttJsClient): void {
    const options = client.options as { incomingStore?: unknown; outgoingStore?: unknown };
    options.incomingStore ??= this.#incoming;
    options.outgoingStore ??= this.#outgoing;
    client.incomingStore = options.incomingStore;
    client.outgoingStore = options.outgoingStore;
  }

  /** Has a QoS 2 message handled, and lets PUBCOMP leave once it is removed. Answers whether it is one of ours. */
  #handle(
    packet: MqttJsPacket,
    handled: (done: (error?: Error) => void) => void,
    callback: (error?: Error) => void,
  ): boolean {
    const entry = this.#incoming.entryOf(packet);
    if (entry === undefined) return false;
    let ended = (): void => {};
    entry.handling = new Promise((resolve) => ended = resolve);
    const done = (error?: Error): void => {
      entry.handling = undefined;
      ended();
      callback(error);
    };
    handled((error) => {
      if (error) return done(error);
      this.#incoming.remove(entry).then(() => queueMicrotask(done), (failure) => {
        entry.handling = undefined;
        ended();
        this.#link.cut(failure);
      });
    });
    return true;
  }

  /** The server has no session that belongs to what was started. */
  #discard(): void {
    const outgoing = this.#outgoing.discard();
    const incoming = this.#incoming.discard();
    if (outgoing + incoming > 0) this.#options.observe({ type: "discarded", outgoing, incoming });
  }

  #lose(error: SessionError): void {
    if (this.#lost.signal.aborted || this.#closing !== undefined) return;
    this.#lost.abort(error);
    this.#endJournals(error);
    this.#options.observe({ type: "lost", error });
    for (const messageId of this.#link.requested()) this.#link.failPublish(messageId, error);
    this.#link.end();
    void this.#owner.release();
  }

  #endJournals(error: SessionError): void {
    this.#outbound.end(error);
    this.#inbound.end(error);
  }

  async #close(): Promise<void> {
    const now = this.#options.environment.now();
    const disconnectedAt = this.#isOnline ? now : this.#onlineUntil;
    this.#link.end();
    const leaving = [this.#outbound, this.#inbound].map(async (journal) => {
      await journal.idle();
      const keeps = journal === this.#inbound || this.#outgoing.holdsUnsent;
      await journal.changeHead((head) => detached(head, disconnectedAt ?? now, keeps));
    });
    // Where the store fails or somebody else has the session nothing can be left behind, and nothing has to be.
    await Promise.allSettled(leaving);
    this.#endJournals(new SessionError("CLOSED", `Cannot go on with the session of "${this.clientId}": it is closed`));
    await this.#lane.idle;
    await this.#owner.release();
  }
}

/** What of a CONNACK is looked at. */
interface Connack {
  reasonCode?: number;
  readonly returnCode?: number;
  readonly sessionPresent?: boolean;
  readonly properties?: { readonly receiveMaximum?: number; readonly sessionExpiryInterval?: number };
}

/** The head of a session that nobody owns. What was never sent has no end, and keeps the session. */
function detached(head: SessionHead, disconnectedAt: number, keeps: boolean): SessionHead {
  const { endsAfterMs } = keeps ? {} : expiryNumbers(head.sessionExpiryInterval);
  return {
    ...head,
    attached: false,
    disconnectedAt,
    disconnectReason: 0,
    ...(endsAfterMs === undefined ? {} : { endsAfterMs, endsAt: disconnectedAt + endsAfterMs }),
  };
}

function lastPubrec({ snapshot }: FencedSession): number {
  let last = 0;
  for (const { pubrecOrder } of snapshot.outbound.values()) last = Math.max(last, pubrecOrder);
  return last;
}
