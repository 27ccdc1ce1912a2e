import { SessionError } from "../../errors.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import { detachedHead } from "../../machine/rules/lifecycle.ts";
import { parseFilter } from "../../mqtt/filter.ts";
import { hasExpired, type QueuedMessage } from "../../mqtt/message.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import { CommitLane } from "../../runtime/lane.ts";
import { Tasks } from "../../runtime/tasks.ts";
import { persistently } from "../../runtime/within.ts";
import type { AedesContext } from "./context.ts";
import { AedesDue } from "./due.ts";
import { Inbound } from "./inbound.ts";
import { AedesLease } from "./lease.ts";
import type { ResolvedAedesOptions } from "./options.ts";
import { AedesOutbox } from "./outbox.ts";
import { clearing, expiring, releasing, sending } from "./outgoing_plans.ts";
import { PacketStream } from "./packet_stream.ts";
import type {
  AedesBrokerLike,
  AedesClientLike,
  AedesPacket,
  AedesRoutedSubscription,
  AedesSubscription,
} from "./packets.ts";
import { Queueing, type QueuedFor } from "./queueing.ts";
import { AedesRetained } from "./retained.ts";
import type { SessionLine } from "./session_line.ts";
import { SessionLines } from "./session_lines.ts";
import type { SessionView } from "./session_view.ts";
import { aedesSubscription, queuedPacket, subscriptionOf, willOf } from "./translation.ts";
import { AedesWills, WILL_GRACE_MS } from "./wills.ts";

/** How many sessions are named at a time where all of them are looked at. */
const SESSIONS_PER_PAGE = 100;

/** A persistence of aedes 1.2, in its asynchronous form, over the stores of this library. */
export class SessionPersistence implements AsyncDisposable {
  readonly #options: ResolvedAedesOptions;
  readonly #tasks = new Tasks();
  readonly #context: AedesContext;
  readonly #lines: SessionLines;
  readonly #inbound: Inbound;
  readonly #queueing: Queueing;
  readonly #retained: AedesRetained;
  readonly #wills: AedesWills;
  readonly #due: AedesDue;
  readonly #lease: AedesLease;
  /** The rows of which ended sessions are on their way out. */
  readonly #sweeps = new Map<string, Promise<void>>();
  /** Why the session of a connection could not be taken. */
  readonly #refusals = new WeakMap<object, unknown>();
  readonly #beat = (_packet: unknown, done: () => void): void => {
    this.#tasks.add(this.#lease.beat().catch(this.#options.onError));
    done();
  };
  #broker: AedesBrokerLike | undefined;
  #heartbeat: string | undefined;

  constructor(options: ResolvedAedesOptions) {
    this.#options = options;
    const { store, environment, commit } = options;
    const broker = () => this.broker;
    const lane = new CommitLane({
      store,
      environment,
      commit,
      observe: () => {},
      afterResults: () => {},
      outcomeLost: () => {},
    });
    this.#lease = new AedesLease(options, broker);
    const outbox = new AedesOutbox({ options, lane, tasks: this.#tasks }, broker);
    this.#context = {
      options,
      lane,
      tasks: this.#tasks,
      lease: this.#lease,
      workOff: (outboxId) => outbox.workOff(outboxId),
      ended: (clientId, incarnation, owes, at) => {
        const swept = (owes ? outbox.workOff(incarnation) : Promise.resolve())
          .then(() => this.#due.sweep({ clientId, incarnation, dueAt: at }))
          .finally(() => this.#sweeps.delete(incarnation));
        this.#sweeps.set(incarnation, swept);
        this.#tasks.add(swept);
      },
    };
    this.#lines = new SessionLines(this.#context);
    this.#inbound = new Inbound(this.#lines, (client) => this.#isConnection(client));
    this.#queueing = new Queueing(this.#context, this.#lines, this.#inbound);
    this.#retained = new AedesRetained(options);
    this.#wills = new AedesWills(this.#context, this.#lines, () => this.broker.id);
    this.#due = new AedesDue(this.#context);
  }

  /** The broker that has set this persistence up. */
  get broker(): AedesBrokerLike {
    if (this.#broker === undefined) throw new SessionError("CLOSED", "Cannot use the persistence: it is not set up");
    return this.#broker;
  }

  /** Is called by the broker before it listens. */
  async setup(broker: AedesBrokerLike): Promise<void> {
    this.#broker = broker;
    broker.on?.("clientDisconnect", (client) => this.#left(client));
    broker.on?.("closed", () => void this.#released().catch(this.#options.onError));
    const heartbeat = `$SYS/${broker.id}/heartbeat`;
    await new Promise<void>((resolve) => broker.subscribe(heartbeat, this.#beat, resolve));
    this.#heartbeat = heartbeat;
  }

  /** Retains a message, or removes what is retained where it has no payload. */
  async storeRetained(packet: AedesPacket): Promise<void> {
    await this.#retained.put(packet);
  }

  /** What is retained for a filter. */
  createRetainedStream(pattern: string): PacketStream<AedesPacket> {
    return this.createRetainedStreamCombi([pattern]);
  }

  /** What is retained for any of the filters. */
  createRetainedStreamCombi(patterns: readonly string[]): PacketStream<AedesPacket> {
    return this.#stream(this.#retained.match(patterns));
  }

  /** Stores subscriptions; of the same filter the last one holds. */
  async addSubscriptions(client: AedesClientLike, subscriptions: readonly AedesSubscription[]): Promise<void> {
    const wanted = new Map(subscriptions.map((each) => [each.topic, subscriptionOf(each)]));
    const filters = [...wanted.keys()];
    if (filters.some((filter) => parseFilter(filter) === undefined)) {
      throw new RangeError("Cannot subscribe: a Topic Filter is none");
    }
    const { store, environment, commit } = this.#options;
    const admit = (signal: AbortSignal) => store.admitFilters(filters, { signal });
    const admitted = await persistently(environment, commit, "admit filters", admit, () => {});
    if (admitted.includes(false)) throw new SessionError("LIMIT_EXCEEDED", "Cannot subscribe: too many kinds of filters");
    const line = this.#lines.of(client.id);
    await this.#inParts([...wanted], (part) =>
      line.run(({ view }) => {
        if (view === undefined) return { need: "session" };
        for (const [filter, subscription] of part) {
          if (isSame(view.draft.subscriptions.get(filter), subscription)) continue;
          view.change({ type: "putSubscription", filter, subscription });
        }
        return { answer: undefined };
      }, { asOwner: true }));
  }

  /** Removes subscriptions. */
  async removeSubscriptions(client: AedesClientLike, filters: readonly string[]): Promise<void> {
    const line = this.#lines.of(client.id);
    await this.#inParts([...new Set(filters)], (part) =>
      line.run(({ view, isCertain }) => {
        if (view === undefined) return isCertain ? { answer: undefined } : { need: "reload" };
        for (const filter of part) {
          if (view.draft.subscriptions.has(filter)) view.change({ type: "deleteSubscription", filter });
        }
        return { answer: undefined };
      }, { asOwner: true }));
  }

  /** The subscriptions of a client. */
  async subscriptionsByClient(client: AedesClientLike): Promise<AedesSubscription[]> {
    const view = await this.#viewOf(this.#lines.of(client.id));
    return [...view?.draft.subscriptions ?? []].map(([filter, options]) => aedesSubscription(filter, options));
  }

  /** How many subscriptions at QoS 1 and 2 there are, and how many clients have any. It looks at all sessions. */
  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    let [subsCount, clientsCount] = [0, 0];
    for await (const { subscriptions } of this.#sessions()) {
      if (subscriptions.size > 0) clientsCount++;
      for (const { qos } of subscriptions.values()) if (qos > 0) subsCount++;
    }
    return { subsCount, clientsCount };
  }

  /** The subscriptions at QoS 1 and 2 that a topic matches, of all clients of all brokers. */
  async subscriptionsByTopic(topic: string): Promise<AedesRoutedSubscription[]> {
    return await this.#queueing.match(topic);
  }

  /** Ends the session of a client with all that is in it, and leaves none of its rows. */
  async cleanSubscriptions(client: AedesClientLike): Promise<void> {
    const ended = await this.#lines.of(client.id).run<string | undefined>(({ view, isCertain }) => {
      if (view === undefined) return isCertain ? { answer: undefined } : { need: "reload" };
      view.change({ type: "endSession", reason: "cleanStart" });
      return { answer: view.guard.incarnation };
    });
    if (ended !== undefined) await this.#sweeps.get(ended);
  }

  /** Queues a message for one client. */
  async outgoingEnqueue(subscription: QueuedFor, packet: AedesPacket): Promise<void> {
    await this.#queueing.enqueue([subscription], packet);
  }

  /** Queues a message for all of these, in one step. */
  async outgoingEnqueueCombi(subscriptions: readonly QueuedFor[], packet: AedesPacket): Promise<void> {
    await this.#queueing.enqueue(subscriptions, packet);
  }

  /** A message is about to be sent, or its PUBREC came. */
  async outgoingUpdate(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    const line = this.#lines.of(client.id);
    if (packet.cmd !== "pubrel") return await line.run(sending(packet, line.sent), { asOwner: true });
    if (isPacketId(packet.messageId)) await line.run(releasing(packet.messageId));
  }

  /** A message was acknowledged, or is not to be delivered; answers what it was. */
  async outgoingClearMessageId(client: AedesClientLike, packet: AedesPacket): Promise<AedesPacket | undefined> {
    // Nothing of a session that ends with its connection is stored.
    if (this.#isConnection(client) && client.clean === true) return undefined;
    const line = this.#lines.of(client.id);
    return await line.run(clearing(packet, line.sent, this.#options.asBuffer));
  }

  /** What is to be sent to a client that has connected: PUBREL of what it has received, then its messages in order. */
  outgoingStream(client: AedesClientLike): PacketStream<AedesPacket> {
    return this.#stream(this.#outgoing(client));
  }

  /** A message came at QoS 2. */
  async incomingStorePacket(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    await this.#inbound.store(client, packet);
  }

  /** The message that came under this Packet Identifier; rejects when none did. */
  async incomingGetPacket(client: AedesClientLike, packet: AedesPacket): Promise<AedesPacket> {
    return await this.#inbound.get(client, packet);
  }

  /** Its PUBREL came. */
  async incomingDelPacket(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    await this.#inbound.delete(client, packet);
  }

  /** Forgets what came at QoS 2. */
  async cleanIncoming(client: AedesClientLike): Promise<void> {
    await this.#inbound.clean(client);
  }

  /** Stores the Will of a client, and writes into it whose it is and which broker has the client. */
  async putWill(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    packet.brokerId = this.broker.id;
    packet.clientId = client.id;
    if (this.#refusals.has(client)) throw this.#refusals.get(client);
    const { holder } = this.#lines.of(client.id);
    if (holder?.connection === client && holder.will !== undefined) return;
    await this.#wills.put(client.id, packet);
  }

  /** The Will of a client. */
  async getWill(client: AedesClientLike): Promise<AedesPacket | undefined> {
    return await this.#wills.get(client.id);
  }

  /**
   * Deletes the Will of a client. Of a client that connects, which aedes tells of in this way, the session is taken, and
   * its own Will stored with it; this does not reject, since aedes does not expect it.
   */
  async delWill(client: AedesClientLike): Promise<AedesPacket | undefined> {
    if (!this.#isConnection(client)) return await this.#wills.delete(client);
    try {
      await this.#arrived(client);
    } catch (error) {
      this.#refusals.set(client, error);
      this.#options.onError(error);
    }
    return undefined;
  }

  /** Wills of clients whose broker is dead, and other work that is due for nobody. */
  streamWill(brokers: Readonly<Record<string, number>> = {}): PacketStream<AedesPacket> {
    return this.#stream(this.#dueWills(brokers));
  }

  /** The clients that have subscribed to a filter. It looks at all sessions. */
  getClientList(topic: string): PacketStream<string> {
    return this.#stream(this.#subscribersOf(topic));
  }

  /** Does what is due and needs no Will to be published: ends, lost connections, rows that are left. */
  async runDue(): Promise<void> {
    for await (const _will of this.#due.run());
  }

  /** Ends when nothing is done in the background any more. */
  async settled(): Promise<void> {
    await this.#tasks.done(undefined);
  }

  /** Lets the broker go once all that was asked for is done. The stores stay open. */
  async destroy(): Promise<void> {
    const heartbeat = this.#heartbeat;
    this.#heartbeat = undefined;
    if (heartbeat !== undefined) {
      await new Promise<void>((resolve) => this.broker.unsubscribe(heartbeat, this.#beat, resolve));
    }
    await this.#released();
  }

  /** The same as `destroy`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  #isConnection(client: AedesClientLike): boolean {
    return client.broker !== undefined && client.broker === this.#broker;
  }

  #stream<Packet>(packets: AsyncIterable<Packet>): PacketStream<Packet> {
    return new PacketStream(packets, this.#options.onError);
  }

  /** Takes the session of a client that connects. One that ends with its connection is stored only for its Will. */
  async #arrived(client: AedesClientLike): Promise<void> {
    const isClean = client.clean === true;
    const will = client.will ?? undefined;
    if (isClean && will === undefined) return;
    await this.#lines.of(client.id).hold({
      connection: client,
      cleanStart: isClean,
      interval: isClean ? 0 : this.#options.sessionExpiryInterval,
      will: will && willOf(will),
    });
    if (will !== undefined) this.#wills.held(client.id);
  }

  /** Lets the session of a client go whose connection has ended. */
  #left(client: AedesClientLike): void {
    const line = this.#lines.at(client.id);
    if (line?.holder?.connection !== client) return;
    const leaving = line.run(({ view }) => {
      if (view?.draft.head.attached !== true) return { answer: undefined };
      const { draft: { head, will } } = view;
      const now = this.#options.environment.now();
      const left = detachedHead(head, now, 0);
      // aedes publishes the Will just now, if it is to be; somebody else does if it cannot.
      const due = now + WILL_GRACE_MS;
      const endsAt = left.endsAt === undefined ? {} : { endsAt: Math.max(left.endsAt, due) };
      if (will !== undefined) view.change({ type: "putHead", head: { ...left, willDueAt: due, ...endsAt } });
      else if (left.endsAt !== undefined && left.endsAt <= now) {
        view.change({ type: "endSession", reason: "disconnected" });
      } else view.change({ type: "putHead", head: left });
      return { answer: undefined };
    }, { asOwner: true });
    const isTaken = (error: unknown) => error instanceof SessionError && error.code === "CLOSED";
    const left = leaving.catch((error) => isTaken(error) ? undefined : this.#options.onError(error))
      .then(() => line.letGo(client));
    this.#tasks.add(left);
  }

  async #released(): Promise<void> {
    await this.#tasks.done(undefined);
    await this.#lease.release();
  }

  /** The session as it is stored, unless a connection here has it. */
  #viewOf(line: SessionLine): Promise<SessionView | undefined> {
    return line.run(({ view, isCertain }) => isCertain ? { answer: view } : { need: "reload" });
  }

  async *#outgoing(client: AedesClientLike): AsyncGenerator<AedesPacket> {
    if (this.#isConnection(client) && client.clean === true) return;
    const line = this.#lines.of(client.id);
    const view = await this.#viewOf(line);
    if (view === undefined) return;
    const released = [...view.draft.outbound.values()].filter(({ phase }) => phase === "released")
      .sort((a, b) => a.pubrecOrder - b.pubrecOrder);
    for (const { packetId } of released) yield { cmd: "pubrel", messageId: packetId };
    // What is queued from now on is delivered by aedes as it comes.
    let tail = Infinity;
    for (let after = 0; after < tail;) {
      const page = await line.readQueue(view, after);
      tail = Math.min(tail, page.tail);
      for (const entry of page.messages) {
        if (entry.sequence > tail) return;
        const packet = await this.#toSend(line, entry);
        if (packet !== undefined) yield packet;
      }
      after = page.through;
    }
  }

  /** The packet of an entry; none where it was sent on this connection meanwhile, or is sent no more. */
  async #toSend(line: SessionLine, entry: QueuedMessage): Promise<AedesPacket | undefined> {
    const { sequence } = entry;
    if (line.sent?.has(sequence) === true) return undefined;
    const view = await this.#viewOf(line);
    if (view === undefined) return undefined;
    view.log.add(entry);
    const packetId = view.packetIdAt(sequence);
    if (packetId === undefined && hasExpired(entry, this.#options.environment.now())) {
      await line.run(expiring(entry));
      return undefined;
    }
    return queuedPacket(entry, packetId, this.#options.asBuffer);
  }

  async *#dueWills(brokers: Readonly<Record<string, number>>): AsyncGenerator<AedesPacket> {
    for (const packet of [...this.#wills.own]) if (!brokers[packet.brokerId ?? ""]) yield packet;
    yield* this.#due.run();
  }

  async *#subscribersOf(topic: string): AsyncGenerator<string> {
    const clientIds: string[] = [];
    for await (const { clientId, subscriptions } of this.#sessions()) {
      if (subscriptions.has(topic)) clientIds.push(clientId);
    }
    yield* clientIds.sort();
  }

  async *#sessions(): AsyncGenerator<SessionSnapshot> {
    const { store } = this.#options;
    for (let cursor: { cursor?: string } | undefined = {}; cursor !== undefined;) {
      const page = await store.directory.list({ limit: SESSIONS_PER_PAGE, ...cursor });
      for (const { clientId } of page.sessions) {
        const stored = await store.read(clientId);
        if (stored !== undefined) yield stored.snapshot;
      }
      cursor = page.cursor === undefined ? undefined : { cursor: page.cursor };
    }
  }

  /** As many at a time as a commit takes. */
  async #inParts<Item>(items: readonly Item[], work: (part: readonly Item[]) => Promise<void>): Promise<void> {
    const most = Math.min(this.#options.store.capabilities.maxChangesPerBatch, Math.max(1, items.length));
    const parts: Promise<void>[] = [];
    for (let start = 0; start < items.length; start += most) parts.push(work(items.slice(start, start + most)));
    await Promise.all(parts);
  }
}

function isSame(a: object | undefined, b: object): boolean {
  return a !== undefined && JSON.stringify(entriesOf(a)) === JSON.stringify(entriesOf(b));
}

function entriesOf(object: object): unknown {
  return Object.entries(object).sort(([a], [b]) => a < b ? -1 : 1);
}
