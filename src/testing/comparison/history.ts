import type { Message } from "../../mqtt/message.ts";
import type { SubscriptionMatch } from "../../routing/resolve.ts";
import type {
  AcquireRequest,
  CommitBatch,
  CommitResult,
  Guard,
  OutboxEntry,
  OutboxMove,
  SessionStore,
} from "../../store/session_store.ts";
import { expectEqual } from "../conformance/expect.ts";
import type { Random } from "../random.ts";
import { drawClaim, drawReturn, type Taker } from "./claims.ts";
import {
  comparableAcquire,
  comparableDue,
  comparableEntry,
  comparablePage,
  comparableResult,
  shown,
  sorted,
  withoutOutcomes,
} from "./comparable.ts";
import {
  CLIENT_IDS,
  drawAcquire,
  drawChanges,
  drawLimits,
  drawMessage,
  drawReceivers,
  drawTerms,
  FILTERS,
  NODE_IDS,
  type Target,
  TOPICS,
} from "./draw.ts";

/** A value of the model and that of the subject. */
type Pair<Value> = readonly [model: Value, subject: Value];

/** A session as one of its owners knew it; its guards may be stale by now. */
interface Known extends Target {
  readonly guards: Pair<Guard>;
}

/** A batch of which only the guards differ between the stores. */
interface SentBatch {
  readonly batch: CommitBatch;
  readonly known: Known | undefined;
}

const START = 1_700_000_000_000;
const WHOLE_LOG = { after: 0, messages: 1_000, bytes: 1 << 24 };
const EVERYTHING = { limit: 1_000, graceMs: 0 };

/** A history that two stores live through side by side. Every step compares what they answer. */
export class History {
  readonly #chance: Random;
  readonly #stores: Pair<SessionStore>;
  readonly #mayLeaveOutcomesOut: boolean;
  readonly #known: Known[] = [];
  readonly #outboxIds = new Set<string>();
  /** Whether one of them delivers through outboxes alone: then all sessions do. */
  readonly #owesAll: boolean;
  /** Whether both can move entries from one log into others. */
  readonly #moves: boolean;
  #now = START;
  readonly #acquires: AcquireRequest[] = [];
  #lastBatch: SentBatch | undefined;

  constructor(stores: Pair<SessionStore>, chance: Random, mayLeaveOutcomesOut: boolean) {
    this.#stores = stores;
    this.#chance = chance;
    this.#mayLeaveOutcomesOut = mayLeaveOutcomesOut;
    this.#moves = stores.every(({ capabilities }) => capabilities.claims);
    this.#owesAll = stores.some(({ capabilities }) => capabilities.delivery === "outbox");
  }

  /** Begins: the nodes are alive, the filters admitted. */
  async start(): Promise<void> {
    for (const nodeId of NODE_IDS) await this.#both((store) => store.renewNode(nodeId, START + 100_000));
    await this.#same("admitFilters", (store) => store.admitFilters(FILTERS));
  }

  /** One step; what it was, for the message of a failure. */
  async step(): Promise<string> {
    const chance = this.#chance;
    this.#now += chance.pick([0, 1, 700, 3_000]);
    const kind = chance.below(this.#moves ? 23 : 20);
    if (kind < 5) return await this.#acquire();
    if (kind < 11) return await this.#commit();
    if (kind < 13) return await this.#publish();
    if (kind < 15) return await this.#workOutbox();
    if (kind < 16) return await this.#renew();
    if (kind < 17) return await this.#group();
    if (kind < 18) return await this.#sweep();
    return kind < 20 ? await this.#look() : await this.#claim();
  }

  /** Compares all that can be seen. */
  async compareAll(): Promise<void> {
    for (const clientId of CLIENT_IDS) {
      const read = await this.#same(
        "read",
        (store) => store.read(clientId),
        (stored) => stored && { ...stored, guard: 0 },
      );
      await this.#same("inspect", (store) => store.directory.inspect(clientId));
      if (read === undefined) continue;
      const guards = await this.#both(async (store) => (await store.read(clientId))?.guard);
      await this.#log(guards);
    }
    for (const outboxId of this.#outboxIds) await this.#outbox(outboxId);
    for (const nodeId of NODE_IDS) await this.#rings(nodeId);
    await this.#same("listDue", (store) => store.listDue(this.#now, EVERYTHING), comparableDue);
    await this.#same("list", (store) => store.directory.list({ limit: 1_000 }), ({ sessions }) => sorted(sessions));
    await this.#matches();
  }

  async #acquire(): Promise<string> {
    const chance = this.#chance;
    const repeated = this.#pastAcquire();
    // The incarnation of every attempt is its own: the first may have begun a session that has ended since.
    const request = repeated === undefined ? drawAcquire(chance, this.#now) : { ...repeated, incarnation: chance.id() };
    this.#acquires.push(request);
    const [model, subject] = await this.#both((store) => store.acquire(request));
    expectEqual(comparableAcquire(subject), comparableAcquire(model), "acquire");
    if (model.outcome === "acquired" && subject.outcome === "acquired") {
      if (model.ended !== undefined) this.#outboxIds.add(model.ended.incarnation);
      this.#remember({
        clientId: request.terms.clientId,
        incarnation: model.guard.incarnation,
        guards: [model.guard, subject.guard],
      });
    }
    return `${repeated === undefined ? "acquire" : "acquire again"} ${shown(request)}`;
  }

  /** The last acquire again, or one that was long on its way; nothing for a new one. */
  #pastAcquire(): AcquireRequest | undefined {
    const chance = this.#chance;
    if (chance.chance(0.15)) return this.#acquires.at(-1);
    return this.#acquires.length > 0 && chance.chance(0.1) ? chance.pick(this.#acquires.slice(-30)) : undefined;
  }

  async #commit(): Promise<string> {
    const chance = this.#chance;
    if (chance.chance(0.1) && this.#lastBatch !== undefined) {
      await this.#send([this.#lastBatch], true);
      return `commit again ${this.#lastBatch.batch.id}`;
    }
    const sent = await this.#drawBatch();
    if (sent === undefined) return "nothing to commit for";
    this.#lastBatch = sent;
    await this.#send([sent]);
    return `commit ${shown(sent.batch)}`;
  }

  /** Entries of one log move into others that somebody owns, or back. */
  async #claim(): Promise<string> {
    const chance = this.#chance;
    const [model] = this.#stores;
    const known = this.#known.length === 0 ? undefined : chance.pick(this.#known);
    if (known === undefined) return "nobody to claim from";
    // By the latest guard, if there is a later one.
    const source = this.#known.findLast(({ incarnation }) => incarnation === known.incarnation) ?? known;
    const { messages } = await model.readQueue(source.guards[0], WHOLE_LOG);
    const takers: Taker[] = [];
    for (const { clientId, incarnation } of this.#known) {
      if (incarnation === source.incarnation || takers.some((each) => each.incarnation === incarnation)) continue;
      takers.push({ clientId, incarnation, token: (await model.read(clientId))?.owner?.token });
    }
    const isReturn = messages.some(({ claimed }) => claimed !== undefined) && chance.chance(0.5);
    if (messages.length === 0 || takers.length === 0) return "nothing to claim";
    const moves = isReturn ? drawReturn(chance, messages) : drawClaim(chance, source, messages, takers);
    const batch = { ...this.#bareBatch(), ...moves };
    this.#lastBatch = { batch, known: source };
    await this.#send([this.#lastBatch]);
    return `claim ${shown(batch)}`;
  }

  /** Batches of several sessions at once. They have no deliveries, whose order is free. */
  async #group(): Promise<string> {
    const sent: SentBatch[] = [];
    for (let count = 0; count < 4; count++) {
      const drawn = await this.#drawBatch();
      if (drawn === undefined || sent.some(({ known }) => known?.clientId === drawn.known?.clientId)) continue;
      sent.push({ ...drawn, batch: { ...drawn.batch, deliveries: [], behindOutbox: false } });
    }
    await this.#send(sent);
    return `commit together ${shown(sent.map(({ batch }) => batch))}`;
  }

  async #publish(): Promise<string> {
    const batch: CommitBatch = { ...this.#bareBatch(), deliveries: [this.#drawDelivery(this.#chance.chance(0.3))] };
    this.#outboxIds.add(batch.id);
    await this.#send([{ batch, known: undefined }]);
    return `publish ${shown(batch)}`;
  }

  /** Takes one step of an outbox that is not empty; or repeats it, or takes one that is late. */
  async #workOutbox(): Promise<string> {
    const chance = this.#chance;
    const outboxId = this.#outboxIds.size === 0 ? "none" : chance.pick([...this.#outboxIds]);
    const [model, subject] = await this.#outbox(outboxId);
    const [first, other] = [model[0], subject[0]];
    if (first === undefined || other === undefined) return `an empty outbox ${outboxId}`;
    const fixes = first.receivers === undefined ? drawReceivers(chance, this.#known) : undefined;
    const owed = fixes ?? first.receivers?.slice(first.cursor) ?? [];
    const count = chance.below(owed.length + 1);
    const bare = this.#bareBatch();
    const drawn = drawTerms(chance);
    const terms = drawn === undefined ? {} : { terms: drawn };
    const batchFor = (entry: OutboxEntry): CommitBatch => {
      const from = entry.cursor + (chanceOfLate ? 1 : 0);
      const outbox: OutboxMove = {
        outboxId,
        number: entry.number,
        from,
        to: from + count,
        ...(fixes === undefined ? {} : { receivers: fixes }),
      };
      return { ...bare, deliveries: [{ message: entry.message, receivers: owed.slice(0, count), ...terms }], outbox };
    };
    const chanceOfLate = chance.chance(0.1);
    const [ofModel, ofSubject] = this.#stores;
    const results: Pair<readonly CommitResult[]> = [
      await ofModel.commit([batchFor(first)]),
      await ofSubject.commit([batchFor(other)]),
    ];
    expectEqual(results[1].map(comparableResult), results[0].map(comparableResult), "an outbox step");
    return `work the outbox ${outboxId} off, ${count} of ${owed.length}`;
  }

  async #renew(): Promise<string> {
    const nodeId = this.#chance.pick(NODE_IDS);
    const until = this.#chance.chance(0.1) ? 0 : this.#now + this.#chance.pick([1, 5_000, 100_000]);
    await this.#both((store) => store.renewNode(nodeId, until));
    return `renew ${nodeId} by ${until - this.#now}`;
  }

  async #sweep(): Promise<string> {
    await this.#both(async (store) => {
      for (const work of await store.listDue(this.#now, EVERYTHING)) {
        if (work.type === "sweep") await store.sweep(work.work);
      }
    });
    // Of a batch that ended its session, a store may forget with the rows that it had come.
    if (this.#lastBatch?.batch.changes.some(({ type }) => type === "endSession")) this.#lastBatch = undefined;
    return "sweep";
  }

  async #look(): Promise<string> {
    const chance = this.#chance;
    const known = this.#known.length === 0 ? undefined : chance.pick(this.#known);
    if (known !== undefined) await this.#log(known.guards);
    if (known !== undefined) {
      const position = { after: chance.below(6), messages: 1 + chance.below(4), bytes: 1 + chance.below(100) };
      const [model, subject] = await this.#each(known.guards, (store, guard) => store.readQueue(guard, position));
      expectEqual(comparablePage(subject), comparablePage(model), "a page of the log");
    }
    const nodeId = chance.pick(NODE_IDS);
    await this.#rings(nodeId);
    await this.#same("listDue", (store) => store.listDue(this.#now, EVERYTHING), comparableDue);
    await this.#matches();
    return "look";
  }

  async #drawBatch(): Promise<SentBatch | undefined> {
    const chance = this.#chance;
    // Mostly the latest, who is the likeliest to be an owner.
    const known = chance.chance(0.85)
      ? this.#known.at(-1 - chance.below(3))
      : this.#known[chance.below(this.#known.length)];
    if (known === undefined) return undefined;
    const [model] = this.#stores;
    const stored = await model.read(known.clientId);
    const page = await model.readQueue(known.guards[0], WHOLE_LOG);
    const ground = stored && { snapshot: stored.snapshot, log: page.messages, tail: page.tail, now: this.#now };
    this.#outboxIds.add(known.incarnation);
    return {
      known,
      batch: {
        ...this.#bareBatch(),
        ...(chance.chance(0.1) ? { raiseEpoch: { token: chance.id() } } : {}),
        ...(chance.chance(0.15) || this.#owesAll ? { behindOutbox: true } : {}),
        changes: ground === undefined ? [] : drawChanges(chance, ground),
        deliveries: chance.chance(0.5) ? [this.#drawDelivery(chance.chance(0.15))] : [],
      },
    };
  }

  #bareBatch(): CommitBatch {
    const chance = this.#chance;
    const limits = drawLimits(chance);
    // Where everything is owed first, nothing is refused.
    const whenFull = limits.whenFull === "reject" && this.#owesAll ? "dropNewest" : limits.whenFull;
    return { id: chance.id(), changes: [], deliveries: [], limits: { ...limits, whenFull }, now: this.#now };
  }

  #drawDelivery(isUnrouted: boolean): CommitBatch["deliveries"][number] {
    const message: Message = drawMessage(this.#chance, this.#now);
    // What goes behind an outbox needs receivers to be owed to, or none at all: both are drawn.
    const receivers = isUnrouted ? undefined : drawReceivers(this.#chance, this.#known);
    const terms = drawTerms(this.#chance);
    return { message, receivers, ...(terms === undefined ? {} : { terms }) };
  }

  async #send(sent: readonly SentBatch[], isRepeated = false): Promise<void> {
    const batchesFor = (side: 0 | 1): CommitBatch[] =>
      sent.map(({ batch, known }) => known === undefined ? batch : { ...batch, guard: known.guards[side] });
    const [ofModel, ofSubject] = this.#stores;
    const model = await ofModel.commit(batchesFor(0));
    const subject = await ofSubject.commit(batchesFor(1));
    const comparable = isRepeated || this.#mayLeaveOutcomesOut ? withoutOutcomes : comparableResult;
    expectEqual(subject.map(comparable), model.map(comparable), "commit");
    for (const [index, { known }] of sent.entries()) {
      const [a, b] = [model[index], subject[index]];
      if (known === undefined || a?.outcome !== "committed" || b?.outcome !== "committed") continue;
      if (a.guard !== undefined && b.guard !== undefined) this.#remember({ ...known, guards: [a.guard, b.guard] });
    }
  }

  #remember(known: Known): void {
    this.#known.push(known);
    if (this.#known.length > 12) this.#known.shift();
  }

  async #outbox(outboxId: string): Promise<Pair<readonly OutboxEntry[]>> {
    const [model, subject] = await this.#both((store) => store.readOutbox(outboxId, 1_000));
    expectEqual(subject.map(comparableEntry), model.map(comparableEntry), `the outbox ${outboxId}`);
    return [model, subject];
  }

  async #log(guards: Pair<Guard | undefined>): Promise<void> {
    const logs = await this.#each(
      guards,
      async (store, guard) => guard === undefined ? undefined : await store.readQueue(guard, WHOLE_LOG),
    );
    expectEqual(logs[1] && comparablePage(logs[1]), logs[0] && comparablePage(logs[0]), "the log");
  }

  /** A store that mends its index may ring once more than there is news. */
  async #rings(nodeId: string): Promise<void> {
    const [model, subject] = await this.#both((store) => store.readRings(nodeId));
    const heard = this.#owesAll ? subject.filter((clientId) => model.includes(clientId)) : subject;
    expectEqual(sorted(heard), sorted(model), "readRings");
  }

  /** Ended sessions may be named, so only what living ones hold is compared. */
  async #matches(): Promise<void> {
    const [model] = this.#stores;
    const living = new Set<string>();
    for (const clientId of CLIENT_IDS) {
      const stored = await model.read(clientId);
      if (stored !== undefined) living.add(stored.snapshot.incarnation);
    }
    const comparable = (lists: readonly (readonly SubscriptionMatch[])[]): unknown =>
      lists.map((list) => sorted(list.filter(({ incarnation }) => living.has(incarnation))));
    await this.#same("matchSubscriptions", (store) => store.matchSubscriptions(TOPICS), comparable);
  }

  async #both<Result>(call: (store: SessionStore) => Promise<Result>): Promise<Pair<Result>> {
    const [model, subject] = this.#stores;
    return [await call(model), await call(subject)];
  }

  async #each<Value, Result>(
    values: Pair<Value>,
    call: (store: SessionStore, value: Value) => Promise<Result>,
  ): Promise<Pair<Result>> {
    const [model, subject] = this.#stores;
    return [await call(model, values[0]), await call(subject, values[1])];
  }

  async #same<Result>(
    what: string,
    call: (store: SessionStore) => Promise<Result>,
    comparable: (result: Result) => unknown = (result) => result,
  ): Promise<Result> {
    const [model, subject] = await this.#both(call);
    expectEqual(comparable(subject), comparable(model), what);
    return model;
  }
}
