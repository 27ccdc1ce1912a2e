/**
 * The broker: connections in, packets out, everything durable in between.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import { type Message, messageBytes } from "../mqtt/message.ts";
import { unsendableProperty } from "../mqtt/message_properties.ts";
import * as REASON from "../mqtt/reason.ts";
import { isTopicName } from "../mqtt/topic.ts";
import type { DirectoryPage, DirectoryQuery, SessionSummary } from "../store/directory.ts";
import type { StoreCallOptions } from "../store/call.ts";
import type { ConnectedAdministration } from "../store/administration.ts";
import { ConnectedSessions } from "./administration.ts";
import type { Resumed } from "./attachment.ts";
import { type Clockwork, clockwork } from "./clockwork.ts";
import { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import { Deadlines } from "./deadlines.ts";
import { Doorbell } from "./doorbell.ts";
import { Due } from "./due.ts";
import { EndlessLease } from "./endless_lease.ts";
import { Groups } from "./groups/groups.ts";
import { type HibernatingTransport, isHibernating } from "./hibernating_transport.ts";
import { CommitLane } from "./lane.ts";
import { LocalSessions } from "./local_sessions.ts";
import { NodeLease } from "./node_lease.ts";
import type { BrokerOptions, ResolvedOptions } from "./options.ts";
import { resolveOptions } from "./resolve_options.ts";
import { Orphans } from "./orphans.ts";
import { Outbox } from "./outbox.ts";
import { Router } from "./publish.ts";
import type { BrokerMessage, PublishResult, RunDueOptions, SessionBroker } from "./session_broker.ts";
import { type RetainedAdministration, Retention } from "./retention.ts";
import { Quotas } from "./quota.ts";
import { type HibernationRules, hibernationRules } from "./hibernation_rules.ts";
import { Tasks, Turns } from "./tasks.ts";
import type { BrokerConnection, Transport } from "./transport.ts";

/**
 * Makes a broker.
 *
 * @throws {RangeError} If a number in the options is out of range.
 * @throws {SessionError} `CAPABILITY_MISSING` if the store promises less than is required.
 *
 * @example
 * ```ts
 * import { sessionBroker } from "@edge-mqtt/session";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * const broker = sessionBroker({ store: memoryStore() });
 * const connection = broker.accept({ send: (packet) => console.log(packet.type), close: () => {} });
 * await connection.receive([
 *   { type: "connect", protocolVersion: 5, clientId: "c1", cleanStart: true, keepAlive: 60 },
 * ]);
 * await broker.settled();
 * await broker.shutdown();
 * ```
 */
export function sessionBroker(options: BrokerOptions): SessionBroker {
  return new Broker(resolveOptions(options));
}

/** How often ending a session is tried against others that change it. */
const END_ATTEMPTS = 8;

class Broker implements SessionBroker {
  readonly nodeId: string;
  readonly #options: ResolvedOptions;
  readonly #context: BrokerContext;
  readonly #hibernation: HibernationRules | undefined;
  readonly #connections = new Set<Connection>();
  readonly #doorbell: Doorbell;
  readonly #due: Due;
  readonly #clockwork: Clockwork;
  #shutdown: Promise<void> | undefined;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    const { environment, observe } = options;
    const run = `${options.nodeId}.${environment.randomId()}`;
    const isAlone = options.hibernation !== undefined;
    const nodeId = this.nodeId = isAlone ? options.nodeId : run;
    const sessions = new LocalSessions(nodeId, observe, (clientId) => sleepers?.rouse(clientId));
    const lane = new CommitLane({
      store: options.store,
      environment,
      observe,
      commit: options.commit,
      run,
      queue: options.queue,
      afterResults: () => sessions.takeArrivals(),
      outcomeLost: ({ id, guard, deliveries, outbox: step }) => {
        for (const { receivers = [] } of deliveries) sessions.probe(receivers);
        if (step === undefined) outbox.kick(guard?.incarnation ?? id);
      },
    });
    const tasks = new Tasks();
    const deadlines = new Deadlines();
    this.#hibernation = hibernationRules(options.hibernation);
    const sleepers = this.#hibernation?.sleepers({
      options,
      nodeId,
      deadlines,
      tasks,
      lane,
      resume: (transport, resumed) => this.#connect(transport, resumed),
    });
    const retention = options.retained && new Retention(options, options.retained, nodeId);
    const router = new Router({ options, sessions, lane, owed: (outboxId) => outbox.kick(outboxId) });
    const outbox: Outbox = new Outbox({
      options,
      sessions,
      lane,
      router,
      tasks,
      retention,
      emptied: (outboxId) => sessions.outboxEmptied(outboxId),
    });
    const context: BrokerContext = this.#context = {
      options,
      nodeId,
      sessions,
      lane,
      router,
      outbox,
      retention,
      get groups(): Groups {
        return groups;
      },
      lease: isAlone ? new EndlessLease(nodeId, options) : new NodeLease(nodeId, options, () => this.#leaseLost()),
      deadlines,
      sleepers,
      tasks,
      quotas: new Quotas(options, tasks),
      acquires: new Turns(),
      orphans: new Orphans(),
      noteDue: ({ endsAt = 0, willDueAt = 0 }) => {
        // 0 says that the session ends with its connection: that is no time.
        if (endsAt > 0) this.#clockwork.storeDueAt(endsAt);
        if (willDueAt > 0) this.#clockwork.storeDueAt(willDueAt);
      },
      lookAt: (clientId) => this.#doorbell.lookAt(clientId),
      deadlineMoved: () => this.#clockwork.look(),
      connectionEnded: (connection) => {
        this.#connections.delete(connection as Connection);
        sleepers?.remove(connection as Connection);
      },
    };
    const groups: Groups = new Groups(context);
    this.#doorbell = new Doorbell(this.#context);
    this.#due = new Due(this.#context, this.#hibernation);
    this.#clockwork = clockwork(this.#context, this.#doorbell, this.#due);
  }

  get connected(): ConnectedAdministration {
    return new ConnectedSessions(this.#context, async (clientId) => {
      await this.#context.sleepers?.wake(clientId);
      const session = this.#context.sessions.get(clientId);
      // The log of a shared group has an owner here too, and is nobody's session.
      return session instanceof Connection && session.live ? session.orders : undefined;
    });
  }

  get retained(): RetainedAdministration | undefined {
    return this.#context.retention;
  }

  accept(transport: Transport): BrokerConnection {
    if (isHibernating(transport) && this.#options.hibernation === undefined) {
      throw new TypeError("Cannot accept a connection that sleeps: the broker was made without the option hibernation");
    }
    return this.#connect(transport);
  }

  resume(transport: HibernatingTransport, attachment: Uint8Array): BrokerConnection {
    const { sleepers } = this.#context;
    if (sleepers === undefined) {
      throw new TypeError("Cannot resume a connection: the broker was made without the option hibernation");
    }
    const resumed = sleepers.read(attachment);
    const awake = resumed && sleepers.awake(resumed.attachment.token);
    // Those that sleep are connections like all others.
    if (awake !== undefined) return awake as Connection;
    const connection = this.#connect(transport, resumed);
    // Of what cannot be read nothing is left but a client that has to connect again.
    if (resumed === undefined) Promise.resolve().then(() => connection.cut(REASON.implementationSpecificError));
    return connection;
  }

  #connect(transport: Transport, resumed?: Resumed): Connection {
    const connection = new Connection(this.#context, transport, this.#hibernation, resumed);
    this.#connections.add(connection);
    if (isHibernating(transport)) this.#context.sleepers?.add(connection);
    if (this.#shutdown !== undefined) {
      // Not before the caller has the connection in its hands.
      Promise.resolve().then(() => connection.requestClose(REASON.serverShuttingDown));
    }
    return connection;
  }

  async publish(given: BrokerMessage): Promise<PublishResult> {
    this.#refuseWhenClosed("publish");
    const { environment, store, queue } = this.#options;
    const { router, lane, sessions, outbox, retention } = this.#context;
    if (!isTopicName(given.topic)) throw new TypeError("Cannot publish: the topic is not a Topic Name");
    const unsendable = unsendableProperty(given.properties ?? {});
    if (unsendable !== undefined) throw new TypeError(`Cannot publish: no packet can carry the ${unsendable}`);
    const message: Message = {
      qos: 0,
      retain: false,
      properties: {},
      publisher: "",
      publishedAt: environment.now(),
      ...given,
    };
    if (messageBytes(message) > store.capabilities.maxMessageBytes) {
      throw new SessionError("LIMIT_EXCEEDED", "Cannot publish: the message is larger than the store takes");
    }
    if (message.retain && retention !== undefined) {
      const outcome = await retention.retain(message, { refusable: true });
      if (outcome === "refused") return { receivers: 0, accepted: false };
    }
    const matches = await router.match([message.topic]);
    const receivers = router.receivers(message, matches.get(message.topic) ?? []);
    const { delivery, offers } = router.dispatch(message, receivers);
    if (delivery !== undefined) {
      const isTaken = message.retain && retention !== undefined;
      const refusable = message.qos === 0 || isTaken ? {} : { limits: queue };
      const batch = lane.batch({ deliveries: [delivery], ...refusable });
      const result = await lane.commit(batch);
      if (result.outcome !== "committed") return { receivers: 0, accepted: false };
      if (sessions.deliver(batch, result)) outbox.kick(batch.id);
      sessions.takeArrivals();
    }
    for (const offer of offers) offer();
    return { receivers: receivers.length, accepted: true };
  }

  inspect(clientId: string, options?: StoreCallOptions): Promise<SessionSummary | undefined> {
    return this.#options.store.directory.inspect(clientId, options);
  }

  list(query: Partial<DirectoryQuery> = {}): Promise<DirectoryPage> {
    return this.#options.store.directory.list({ limit: 100, ...query });
  }

  async end(clientId: string): Promise<boolean> {
    this.#refuseWhenClosed("end a session");
    for (let attempt = 0; attempt < END_ATTEMPTS; attempt++) {
      const { sessions, sleepers } = this.#context;
      if (sessions.get(clientId) === undefined) await sleepers?.seek(clientId);
      const session = sessions.get(clientId);
      if (session?.live) {
        session.requestEnd();
        await session.done;
        // Else it had been superseded, unknown to it, and the session lives on elsewhere.
        if (session.ended) return true;
      } else if (session?.leaving) await session.done;
      const moved = await this.#due.move(clientId, () => ({ type: "endRequested" }));
      if (moved === "absent") return false;
      if (moved === "moved") return true;
    }
    throw new SessionError("STORE_UNAVAILABLE", "Cannot end a session: others keep changing it");
  }

  async runDue({ signal }: RunDueOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    this.#refuseWhenClosed("run what is due");
    await this.#clockwork.runAll(signal);
    await this.#context.sleepers?.settling;
  }

  nextWakeAt(): Promise<number | undefined> {
    return this.#clockwork.nextWakeAt();
  }

  start(signal?: AbortSignal): void {
    this.#refuseWhenClosed("start");
    this.#clockwork.start();
    signal?.addEventListener("abort", () => this.#clockwork.stop(), { once: true });
  }

  async settled(): Promise<void> {
    const { tasks, lane, sleepers } = this.#context;
    while (!tasks.idle || lane.idle !== undefined || sleepers?.settling !== undefined) {
      await tasks.settled();
      await lane.idle;
      await sleepers?.settling;
    }
  }

  shutdown(): Promise<void> {
    return this.#shutdown ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #close(): Promise<void> {
    this.#clockwork.stop();
    this.#context.sleepers?.wakeAll();
    for (const connection of this.#connections) connection.requestClose(REASON.serverShuttingDown);
    await Promise.all([...this.#connections].map((connection) => connection.done));
    await this.settled();
    try {
      await this.#context.lease.release();
    } catch (error) {
      // The lease runs out by itself.
      this.#options.observe({ type: "workFailed", work: "lease", error });
    }
  }

  #leaseLost(): void {
    this.#options.observe({ type: "leaseLost", nodeId: this.nodeId });
    // Others may act for their sessions soon: nothing more may reach the clients, not even a good-bye.
    for (const connection of this.#connections) connection.cut(REASON.implementationSpecificError);
  }

  #refuseWhenClosed(what: string): void {
    if (this.#shutdown !== undefined) throw new SessionError("CLOSED", `Cannot ${what}: the broker was shut down`);
  }
}
