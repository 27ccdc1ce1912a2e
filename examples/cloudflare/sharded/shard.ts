/**
 * One of several objects that share the clients of a tenant, as its broker sees that: who belongs here, and how messages come
 * from and go to the other shards.
 *
 * @module
 */
import type {
  AuthorizeQuestion,
  BrokerOptions,
  CommitBatch,
  ConnectPacket,
  Delivery,
  DeliveryReceiver,
  SessionBroker,
  SessionStore,
} from "@edge-mqtt/session";
import { matches, NEVER_EXPIRES, REASON } from "@edge-mqtt/session";
import { setWakeAlarm } from "@edge-mqtt/session/durable-object";
import type { ObjectContext } from "../platform.ts";
import type { Environment } from "../settings.ts";
import type { Sharding } from "../tenant.ts";
import { call, calledBy, type Mirror, type Take } from "./call.ts";
import { Notes } from "./notes.ts";
import { OUTBOX, Outbox } from "./outbox.ts";
import { addressOf, type Place, routingStub, shardOf, shardStub } from "./place.ts";
import { bitOf, Routes } from "./routes.ts";

/** While something may wait for other shards the object is woken within this time: it may lose its memory before it has sent it. */
const GUARD_MS = 15_000;

/** What a filter is noted as: the routing object has confirmed it, or is about to hear that nobody wants it any more. */
const WANTED = 1;
const LEAVING = 0;

/** A shard; an object of the same class is the routing object. */
export class Shard implements Sharding {
  readonly #context: ObjectContext;
  readonly #environment: Environment;
  readonly #shards: number;
  readonly #notes: Notes;
  readonly #routes: Routes;
  #outbox: Outbox | undefined;
  #broker: (() => SessionBroker) | undefined;
  /** Filters that were asked for, and how many of those subscriptions may still be on their way to the store. */
  readonly #asked = new Map<string, number>();
  /** Those that were asked for since another shard's messages are being published. */
  #askedSince = new Set<string>();
  /** Filters that the routing object has yet to hear of. */
  readonly #untold = new Set<string>();
  #telling: Promise<void> = Promise.resolve();
  #taking: Promise<void> = Promise.resolve();
  #mirroring: Promise<void> = Promise.resolve();
  #draining: Promise<void> | undefined;
  #isOwed = false;
  /** Until then an alarm is known to be set. */
  #guardedUntil = 0;
  #retryAt: number | undefined;

  constructor(context: ObjectContext, environment: Environment, shards: number) {
    this.#context = context;
    this.#environment = environment;
    this.#shards = shards;
    this.#notes = new Notes(context.storage);
    this.#routes = new Routes(this.#notes, environment.OBJECTS, shards);
  }

  options(plain: BrokerOptions, broker: () => SessionBroker): BrokerOptions {
    const { retained: _, ...options } = plain;
    const { authenticate, environment } = plain;
    this.#broker = broker;
    this.#outbox = new Outbox(plain.store, broker, (shard, batch) => {
      const { tenant, shard: from } = this.#place;
      return call(shardStub(this.#environment.OBJECTS, tenant, shard), "take", { from, ...batch });
    });
    return {
      ...options,
      store: this.#watched(plain.store),
      // Each group would need one home, and a message that is retained a copy in each shard: neither is here.
      limits: { ...plain.limits, sharedSubscriptionAvailable: false },
      authenticate: async (connect, context) =>
        this.#elsewhere(connect) ?? await authenticate?.(connect, context) ?? { ok: true },
      authorize: (question) => question.action !== "subscribe" || this.#want(question),
      ...(environment === undefined
        ? {}
        : { environment: { ...environment, randomId: () => this.#idFrom(environment) } }),
    };
  }

  async fetch(request: Request): Promise<Response | undefined> {
    const called = await calledBy(request);
    if (called === undefined) {
      this.#arrived(request);
      return undefined;
    }
    try {
      const { take, want, mirror } = called;
      if (want !== undefined) await this.#routes.want(want);
      // One after the other: of two that overlap the later one would have to win.
      if (mirror !== undefined) {
        await (this.#mirroring = this.#mirroring.catch(() => {}).then(() => this.#mirror(mirror)));
      }
      if (take !== undefined) await (this.#taking = this.#taking.catch(() => {}).then(() => this.#take(take)));
      return new Response();
    } catch (error) {
      console.error(`A call between shards failed`, error);
      return new Response(null, { status: 503 });
    }
  }

  get wakeAt(): number | undefined {
    return this.#retryAt;
  }

  async alarm(): Promise<void> {
    // The one that guarded is gone.
    this.#guardedUntil = 0;
    this.#isOwed = true;
    await this.drained();
  }

  async drained(): Promise<void> {
    if (this.#isOwed) this.#drain();
    await this.#draining;
  }

  get #place(): Place {
    const { place } = this.#notes;
    if (place === undefined) throw new Error("No client was ever sent to this shard");
    return place;
  }

  /** The worker has sent a client here: it says where that is. */
  #arrived(request: Request): void {
    const { searchParams, protocol, host, pathname } = new URL(request.url);
    const origin = `${protocol === "https:" ? "wss" : "ws"}://${host}`;
    const place = { tenant: pathname.split("/")[2] ?? "main", shard: Number(searchParams.get("shard")), origin };
    const { place: known } = this.#notes;
    if (JSON.stringify(place) !== JSON.stringify(known)) this.#notes.place = place;
  }

  /** The verdict on a client that belongs to another shard, or on the outbox; `undefined` for all others. */
  #elsewhere(connect: ConnectPacket) {
    const { clientId } = connect;
    if (this.#outbox?.isOwn(connect)) {
      return { ok: true, principal: OUTBOX, sessionExpiryInterval: NEVER_EXPIRES } as const;
    }
    if (clientId === OUTBOX) return { ok: false, reasonCode: REASON.clientIdentifierNotValid } as const;
    const place = this.#place;
    if (clientId === "" || shardOf(clientId, this.#shards) === place.shard) return undefined;
    return { ok: false, reasonCode: REASON.useAnotherServer, serverReference: addressOf(place, clientId) } as const;
  }

  /** The broker makes ids for clients that have none: they have to be clients of this shard. */
  #idFrom({ randomId }: { randomId(): string }): string {
    const shard = this.#notes.place?.shard;
    for (;;) {
      const id = randomId();
      if (shard === undefined || shardOf(id, this.#shards) === shard) return id;
    }
  }

  /** A client subscribes: SUBACK waits until all shards know. */
  async #want({ topic: filter }: AuthorizeQuestion): Promise<boolean> {
    this.#asked.set(filter, (this.#asked.get(filter) ?? 0) + 1);
    this.#askedSince.add(filter);
    try {
      if (this.#notes.filter(filter) !== WANTED) {
        this.#untold.add(filter);
        await this.#tell([filter], true);
      }
      return true;
    } finally {
      // From here on it goes its way to the store.
      Promise.resolve().then(() => this.#broker?.().settled()).then(() => {
        const left = (this.#asked.get(filter) ?? 1) - 1;
        if (left > 0) this.#asked.set(filter, left);
        else this.#asked.delete(filter);
      });
    }
  }

  /** Tells the routing object, one call after the other; what it has confirmed is noted. */
  #tell(filters: readonly string[], isWanted: boolean): Promise<void> {
    const turn = this.#telling.then(async () => {
      const notes = this.#notes;
      const open = isWanted
        ? [...new Set([...filters, ...this.#untold])].filter((filter) => notes.filter(filter) !== WANTED)
        : filters.filter((filter) => notes.filter(filter) === LEAVING);
      if (isWanted) this.#untold.clear();
      if (open.length === 0) return;
      const { tenant, shard } = this.#place;
      const want = { tenant, shard, version: notes.next("asked"), filters: open, isWanted };
      await call(routingStub(this.#environment.OBJECTS, tenant), "want", want);
      for (const filter of open) notes.setFilter(filter, isWanted ? WANTED : undefined);
    });
    this.#telling = turn.catch(() => {});
    return turn;
  }

  async #mirror({ version, filters }: Mirror): Promise<void> {
    if (!this.#notes.raise("mirrored", version)) throw new Error("A later call was here already");
    const self = this.#notes.place === undefined ? 0 : bitOf(this.#place.shard);
    for (const [filter, shards] of filters) await this.#outbox?.mirror(filter, shards & ~self);
  }

  /** Publishes what another shard has sent, in order. What is known to have been published already is left out. */
  async #take({ from, log, messages }: Take): Promise<void> {
    const name = `taken/${from}/${log}`;
    const vain = new Set<string>();
    this.#askedSince = new Set(this.#asked.keys());
    const before = this.#notes.number(name);
    for (const { sequence, ...message } of messages) {
      if (sequence <= before) continue;
      const result = await this.#broker?.().publish(message);
      if (result?.receivers === 0) vain.add(message.topic);
    }
    this.#notes.raise(name, messages.at(-1)?.sequence ?? 0);
    if (vain.size > 0) await this.#giveUp([...vain]);
  }

  /**
   * Nobody here has got these topics: so nobody has any of the filters that match them, but who asked for one meanwhile. That
   * is when they are given up, and not with an UNSUBSCRIBE: so a session may end in any way, and nothing is read for it.
   */
  async #giveUp(topics: readonly string[]): Promise<void> {
    const gone = this.#notes.filters().filter((filter) =>
      !this.#askedSince.has(filter) && topics.some((topic) => matches(filter, topic))
    );
    // Whoever asks from now on waits for a call that comes after this one.
    for (const filter of gone) this.#notes.setFilter(filter, LEAVING);
    // Where this fails the next message in vain says it again.
    if (gone.length > 0) await this.#tell(gone, false).catch(() => {});
  }

  /** The store, which says when something goes into the outbox, and keeps a copy of QoS 0 there. */
  #watched(store: SessionStore): SessionStore {
    return {
      ...store,
      commit: async (batches, options) => {
        const isOwed = batches.some(isForOthers);
        if (isOwed) await this.#guardOutbox();
        const results = await store.commit(isOwed ? batches.map(keptForOthers) : batches, options);
        if (isOwed) {
          // The alarm may have come, and found nothing, just before.
          await this.#guardOutbox();
          this.#drain();
        }
        return results;
      },
    };
  }

  /** Nothing goes into the outbox before an alarm is set that empties it, whatever becomes of this memory. */
  async #guardOutbox(): Promise<void> {
    const now = Date.now();
    if (now < this.#guardedUntil) return;
    const until = now + GUARD_MS;
    await setWakeAlarm(this.#context.storage, { nextWakeAt: () => Promise.resolve(until) }, now);
    this.#guardedUntil = until;
  }

  #drain(): void {
    this.#isOwed = true;
    this.#draining ??= this.#sendAll().finally(() => {
      this.#draining = undefined;
      if (this.#isOwed) this.#drain();
    });
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#isOwed) {
        this.#isOwed = false;
        await this.#outbox?.drain();
      }
      this.#retryAt = undefined;
    } catch (error) {
      console.error("Messages for other shards wait", error);
      this.#retryAt = Date.now() + GUARD_MS;
    }
  }
}

function isForOthers({ deliveries }: CommitBatch): boolean {
  return deliveries.some(({ receivers = [] }) => receivers.some(({ clientId }) => clientId === OUTBOX));
}

/** The outbox is connected to by nobody, and takes QoS 0 all the same. */
function keptForOthers(batch: CommitBatch): CommitBatch {
  const deliveries = batch.deliveries.map((delivery): Delivery => {
    const receivers = delivery.receivers?.map((receiver): DeliveryReceiver => {
      const { onlyIfOwned: _, ...kept } = receiver;
      return receiver.clientId === OUTBOX ? kept : receiver;
    });
    return { ...delivery, receivers };
  });
  return { ...batch, deliveries };
}
