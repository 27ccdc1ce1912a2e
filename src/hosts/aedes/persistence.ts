import { SessionError } from "../../errors.ts";
import { detachedHead } from "../../machine/rules/lifecycle.ts";
import { CommitLane } from "../../runtime/lane.ts";
import { Tasks } from "../../runtime/tasks.ts";
import type { AedesContext } from "./context.ts";
import type { AedesPersistence, AedesQueuedFor, AedesStream } from "./contract.ts";
import { AedesDue } from "./due.ts";
import { Inbound } from "./inbound.ts";
import { AedesLease } from "./lease.ts";
import type { ResolvedAedesOptions } from "./options.ts";
import { AedesOutbox } from "./outbox.ts";
import { Outgoing } from "./outgoing.ts";
import { PacketStream } from "./packet_stream.ts";
import type {
  AedesBrokerLike,
  AedesClientLike,
  AedesPacket,
  AedesRoutedSubscription,
  AedesSubscription,
} from "./packets.ts";
import { Queueing } from "./queueing.ts";
import { AedesRetained } from "./retained.ts";
import { SessionLines } from "./session_lines.ts";
import { AedesSubscriptions } from "./subscriptions.ts";
import { willOf } from "./translation.ts";
import { AedesWills, WILL_GRACE_MS } from "./wills.ts";

/** A persistence of aedes 1.2, in its asynchronous form, over the stores of this library. */
export class SessionPersistence implements AedesPersistence {
  readonly #options: ResolvedAedesOptions;
  readonly #tasks = new Tasks();
  readonly #context: AedesContext;
  readonly #lines: SessionLines;
  readonly #inbound: Inbound;
  readonly #queueing: Queueing;
  readonly #subscriptions: AedesSubscriptions;
  readonly #outgoing: Outgoing;
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
  /** What is done once aedes is closed, which waits for nobody. */
  #releasing = Promise.resolve();

  constructor(options: ResolvedAedesOptions) {
    this.#options = options;
    const broker = () => this.broker;
    const lane = new CommitLane({
      ...options,
      run: options.environment.randomId(),
      afterResults: () => {},
      // Whether it was carried out or not, what it owes stands there.
      outcomeLost: ({ id, guard, outbox: step }) => {
        if (step === undefined) void outbox.workOff(guard?.incarnation ?? id);
      },
    });
    this.#lease = new AedesLease(options, broker);
    const outbox = new AedesOutbox({ options, lane, tasks: this.#tasks }, broker);
    this.#context = {
      options,
      lane,
      tasks: this.#tasks,
      lease: this.#lease,
      past: new WeakSet(),
      isConnection: (client) => this.#isConnection(client),
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
    this.#subscriptions = new AedesSubscriptions(this.#context, this.#lines);
    this.#outgoing = new Outgoing(options, this.#lines);
    this.#queueing = new Queueing(this.#context, this.#lines, this.#inbound);
    this.#retained = new AedesRetained(options);
    this.#wills = new AedesWills(this.#context, this.#lines, () => this.broker.id);
    this.#due = new AedesDue(this.#context);
  }

  get broker(): AedesBrokerLike {
    if (this.#broker === undefined) throw new SessionError("CLOSED", "Cannot use the persistence: it is not set up");
    return this.#broker;
  }

  async setup(broker: AedesBrokerLike): Promise<void> {
    this.#broker = broker;
    broker.on?.("clientDisconnect", (client) => this.#left(client));
    broker.on?.("closed", () => this.#releasing = this.#released().catch(this.#options.onError));
    const heartbeat = `$SYS/${broker.id}/heartbeat`;
    await new Promise<void>((resolve) => broker.subscribe(heartbeat, this.#beat, resolve));
    this.#heartbeat = heartbeat;
  }

  async storeRetained(packet: AedesPacket): Promise<void> {
    await this.#retained.put(packet);
  }

  createRetainedStream(pattern: string): AedesStream<AedesPacket> {
    return this.createRetainedStreamCombi([pattern]);
  }

  createRetainedStreamCombi(patterns: readonly string[]): AedesStream<AedesPacket> {
    return this.#stream(this.#retained.match(patterns));
  }

  async addSubscriptions(client: AedesClientLike, subscriptions: readonly AedesSubscription[]): Promise<void> {
    await this.#subscriptions.add(client, subscriptions);
  }

  async removeSubscriptions(client: AedesClientLike, filters: readonly string[]): Promise<void> {
    await this.#subscriptions.remove(client, filters);
  }

  async subscriptionsByClient(client: AedesClientLike): Promise<AedesSubscription[]> {
    return await this.#subscriptions.of(client);
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    return await this.#subscriptions.count();
  }

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

  async outgoingEnqueue(subscription: AedesQueuedFor, packet: AedesPacket): Promise<void> {
    await this.#queueing.enqueue([subscription], packet);
  }

  async outgoingEnqueueCombi(subscriptions: readonly AedesQueuedFor[], packet: AedesPacket): Promise<void> {
    await this.#queueing.enqueue(subscriptions, packet);
  }

  async outgoingUpdate(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    await this.#outgoing.update(client, packet);
  }

  async outgoingClearMessageId(client: AedesClientLike, packet: AedesPacket): Promise<AedesPacket | undefined> {
    // Nothing of a session that ends with its connection is stored.
    if (this.#isTransient(client)) return undefined;
    return await this.#outgoing.clear(client, packet);
  }

  outgoingStream(client: AedesClientLike): AedesStream<AedesPacket> {
    return this.#stream(this.#isTransient(client) ? nothing() : this.#outgoing.of(client));
  }

  async incomingStorePacket(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    await this.#inbound.store(client, packet);
  }

  async incomingGetPacket(client: AedesClientLike, packet: AedesPacket): Promise<AedesPacket> {
    return await this.#inbound.get(client, packet);
  }

  async incomingDelPacket(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    await this.#inbound.delete(client, packet);
  }

  async cleanIncoming(client: AedesClientLike): Promise<void> {
    await this.#inbound.clean(client);
  }

  async putWill(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    packet.brokerId = this.broker.id;
    packet.clientId = client.id;
    if (this.#refusals.has(client)) throw this.#refusals.get(client);
    const { holder } = this.#lines.of(client.id);
    if (holder?.connection === client && holder.will !== undefined) return;
    await this.#wills.put(client.id, packet);
  }

  async getWill(client: AedesClientLike): Promise<AedesPacket | undefined> {
    return await this.#wills.get(client.id);
  }

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

  streamWill(brokers: Readonly<Record<string, number>> = {}): AedesStream<AedesPacket> {
    return this.#stream(this.#dueWills(brokers));
  }

  getClientList(topic: string): AedesStream<string> {
    return new PacketStream(this.#subscriptions.clientsOf(topic), this.#options.onError);
  }

  async runDue(): Promise<void> {
    for await (const _will of this.#due.run());
  }

  async settled(): Promise<void> {
    await this.#tasks.done(undefined);
    await this.#releasing;
  }

  async destroy(): Promise<void> {
    const heartbeat = this.#heartbeat;
    this.#heartbeat = undefined;
    if (heartbeat !== undefined) {
      await new Promise<void>((resolve) => this.broker.unsubscribe(heartbeat, this.#beat, resolve));
    }
    await this.#released();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  /** Whether nothing of its session is stored but its Will: it ends with the connection. */
  #isTransient(client: AedesClientLike): boolean {
    return client.clean === true && this.#isConnection(client);
  }

  #isConnection(client: object): boolean {
    return this.#broker !== undefined && "broker" in client && client.broker === this.#broker;
  }

  #stream<Packet>(packets: AsyncIterable<Packet>): AedesStream<Packet> {
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
      const { draft: { head, will }, startedThrough } = view;
      const now = this.#options.environment.now();
      const { entries = [], ahead = [] } = line.sent ?? {};
      // What was marked and is not sent any more is as if it never had been.
      for (const sequence of ahead) view.change({ type: "deleteOutboundMark", sequence });
      const sentLimit = Math.max(startedThrough, ...entries);
      const left = detachedHead({ ...head, sentLimit }, now, 0);
      // aedes publishes the Will just now, if it is to be; somebody else does if it cannot.
      const due = now + WILL_GRACE_MS;
      const endsAt = left.endsAt === undefined ? {} : { endsAt: Math.max(left.endsAt, due) };
      if (will !== undefined) view.change({ type: "putHead", head: { ...left, willDueAt: due, ...endsAt } });
      else if (left.endsAt !== undefined && left.endsAt <= now) {
        view.change({ type: "endSession", reason: "disconnected" });
      } else view.change({ type: "putHead", head: left });
      return { answer: undefined };
    }, { asOwner: client });
    const isTaken = (error: unknown) => error instanceof SessionError && error.code === "CLOSED";
    const left = leaving.catch((error) => isTaken(error) ? undefined : this.#options.onError(error))
      .then(() => line.letGo(client));
    this.#tasks.add(left);
  }

  async #released(): Promise<void> {
    await this.#tasks.done(undefined);
    await this.#lease.release();
  }

  async *#dueWills(brokers: Readonly<Record<string, number>>): AsyncGenerator<AedesPacket> {
    for (const packet of [...this.#wills.own]) if (!brokers[packet.brokerId ?? ""]) yield packet;
    yield* this.#due.run();
  }
}

/** No packets. */
// deno-lint-ignore require-yield -- there are none
async function* nothing(): AsyncGenerator<AedesPacket> {
  await undefined;
}
