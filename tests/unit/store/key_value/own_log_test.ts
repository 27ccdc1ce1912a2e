/** An owner that appends to its own log and removes what it appended, as a client does that keeps its own session. */
import assert from "node:assert/strict";
import { messageBytes } from "../../../../src/mqtt/message.ts";
import type { SessionChange } from "../../../../src/machine/change.ts";
import type { KeyValueDriver } from "../../../../src/store/key_value/driver.ts";
import type { Acquired, CommitBatch, CommitResult, Guard, SessionStore } from "../../../../src/store/session_store.ts";
import { DENO_KV_LIMITS } from "../../../../src/stores/deno_kv.ts";
import { type MapDriver, mapDriver } from "../../../../src/testing/mod.ts";
import { countingDriver } from "./counting_driver.ts";
import { type FaultyDriver, faultyDriver } from "./faulty_driver.ts";
import { acquired, batch, message, request, storeOn, to } from "./kit.ts";

const BYTES = messageBytes(message());
const LARGE = 200_000;

/** Calls of the driver: reads and commits, those that conflict and those that go. */
interface Calls {
  readonly reads: number;
  readonly commits: number;
}
const ONE_COMMIT: Calls = { reads: 0, commits: 1 };
/** What it costs where nothing is known. */
const READ_FIRST: Calls = { reads: 1, commits: 1 };

/** The owner of a session, who counts what its calls cost. */
class Owner {
  readonly map: MapDriver;
  readonly faulty: FaultyDriver;
  readonly store: SessionStore;
  readonly take: () => Calls;
  session: Acquired;
  guard: Guard;
  #batches = 0;

  constructor(parts: Pick<Owner, "map" | "faulty" | "store" | "take" | "session">) {
    this.map = parts.map;
    this.faulty = parts.faulty;
    this.store = parts.store;
    this.take = parts.take;
    this.session = parts.session;
    this.guard = parts.session.guard;
  }

  /** Whose gate is known: the first put read it and found it as the acquire had left it. */
  static async settled(driver: MapDriver = mapDriver({ limits: DENO_KV_LIMITS })): Promise<Owner> {
    const faulty = faultyDriver(driver);
    const { driver: counted, take } = countingDriver(faulty.driver);
    const store = storeOn(counted);
    const wanted = request("c", "1");
    const session = await acquired(store, { ...wanted, terms: { ...wanted.terms, sendAhead: 0 } });
    const owner = new Owner({ map: driver, faulty, store, take, session });
    assert.deepEqual(await owner.costOf(() => owner.put()), READ_FIRST);
    return owner;
  }

  async costOf(act: () => Promise<unknown>): Promise<Calls> {
    this.take();
    await act();
    return this.take();
  }

  batch(parts: Partial<CommitBatch>): CommitBatch {
    return batch(`own ${++this.#batches}`, { guard: this.guard, ...parts });
  }

  async commit(parts: Partial<CommitBatch>): Promise<Extract<CommitResult, { outcome: "committed" }>> {
    const [result] = await this.store.commit([this.batch(parts)]);
    assert.ok(result?.outcome === "committed" && result.guard !== undefined, JSON.stringify(result));
    this.guard = result.guard;
    return result;
  }

  /** Appends to its own log; the sequences. */
  async put(count = 1, payload = 4, parts: Partial<CommitBatch> = {}): Promise<number[]> {
    const deliveries = Array.from({ length: count }, () => ({
      message: message(payload),
      receivers: [to(this.session)],
    }));
    const result = await this.commit({ deliveries, ...parts });
    return result.deliveries.flat().map((each) => each.outcome === "appended" ? each.sequence : 0);
  }

  async remove(...sequences: readonly number[]): Promise<void> {
    await this.commit({ changes: sequences.map(gone) });
  }

  async raise(sentLimit: number): Promise<void> {
    await this.commit({ changes: [{ type: "putSentLimit", sentLimit }] });
  }

  /** What the log holds, and that all counters say the same. */
  async log(): Promise<number[]> {
    const page = await this.store.readQueue({ ...this.guard }, { after: 0, messages: 1_000, bytes: 1e9 });
    const summary = await this.store.directory.inspect("c");
    assert.equal(summary?.queuedMessages, page.messages.length, "messages are counted wrongly");
    const bytes = page.messages.reduce((sum, each) => sum + messageBytes(each), 0);
    assert.equal(summary?.queuedBytes, bytes, "bytes are counted wrongly");
    return page.messages.map(({ sequence }) => sequence);
  }
}

function gone(sequence: number): SessionChange {
  return { type: "deleteQueued", sequence, bytes: BYTES };
}

/** Somebody else, in another process, who appends to the same log. */
async function publish(driver: KeyValueDriver, session: Acquired, parts: Partial<CommitBatch> = {}): Promise<void> {
  const deliveries = [{ message: message(), receivers: [to(session)] }];
  const [result] = await storeOn(driver).commit([batch(`other ${Math.random()}`, { deliveries, ...parts })]);
  assert.equal(result?.outcome, "committed");
}

const NO_MORE_THAN_TWO = { maximumMessages: 2, maximumBytes: 1e9, whenFull: "dropOldest" } as const;

Deno.test("a put and the removal of what was put cost one commit each, and no read", async () => {
  const owner = await Owner.settled();
  for (let round = 2; round < 6; round++) {
    let put: number[] = [];
    assert.deepEqual(await owner.costOf(async () => put = await owner.put()), ONE_COMMIT);
    assert.deepEqual(put, [round]);
    assert.deepEqual(await owner.costOf(() => owner.remove(round)), ONE_COMMIT);
  }
  assert.deepEqual(await owner.log(), [1]);
});

Deno.test("what was put above the limit is removed without a read, below the limit that was raised since as well", async () => {
  const owner = await Owner.settled();
  await owner.put(3);
  assert.deepEqual(await owner.costOf(() => owner.remove(4)), ONE_COMMIT);
  await owner.raise(10);
  assert.deepEqual(await owner.costOf(() => owner.remove(2)), ONE_COMMIT);
  await owner.put(2);
  assert.deepEqual(await owner.costOf(() => owner.remove(5, 6)), ONE_COMMIT);
  assert.deepEqual(await owner.log(), [1, 3]);
});

Deno.test("a hundred puts in one batch cost one commit, their removal one more", async () => {
  const owner = await Owner.settled(mapDriver());
  const all = Array.from({ length: 100 }, (_, index) => index + 2);
  let put: number[] = [];
  assert.deepEqual(await owner.costOf(async () => put = await owner.put(100)), ONE_COMMIT);
  assert.deepEqual(put, all);
  assert.deepEqual(await owner.costOf(() => owner.remove(...put)), ONE_COMMIT);
  assert.deepEqual(await owner.log(), [1]);
});

Deno.test("where a commit checks little, a quarter of its checks go to what was put above the limit, and none below", async () => {
  const owner = await Owner.settled();
  await owner.raise(41);
  const put = await owner.put(80);
  assert.deepEqual(await owner.costOf(() => owner.remove(...put.slice(0, 40))), ONE_COMMIT);
  assert.deepEqual(await owner.costOf(() => owner.remove(...put.slice(40, 65))), ONE_COMMIT);
  await owner.raise(200);
  assert.deepEqual(await owner.costOf(() => owner.remove(...put.slice(65))), ONE_COMMIT);
  assert.deepEqual(await owner.log(), [1]);
});

Deno.test("more entries above the limit than a commit has checks for are read first, and removed in one commit", async () => {
  const owner = await Owner.settled();
  const put = await owner.put(60);
  await owner.raise(100);
  assert.deepEqual(await owner.costOf(() => owner.remove(...put)), READ_FIRST);
  assert.deepEqual(await owner.log(), [1]);
});

Deno.test("a large message is staged first, one commit per part of it, and removed with its parts without a read", async () => {
  const owner = await Owner.settled();
  assert.deepEqual(await owner.costOf(() => owner.put(1, LARGE)), { reads: 0, commits: 2 });
  assert.equal(owner.map.entries().filter(({ key }) => key.includes("/staged/")).length, 4);
  const page = await owner.store.readQueue({ ...owner.guard }, { after: 1, messages: 9, bytes: 1e9 });
  assert.equal(page.messages[0]?.payload.length, LARGE);
  const bytes = messageBytes(message(LARGE));
  const changes = [{ type: "deleteQueued", sequence: 2, bytes }] as const;
  assert.deepEqual(await owner.costOf(() => owner.commit({ changes })), ONE_COMMIT);
  assert.deepEqual(owner.map.entries().filter(({ key }) => key.includes("/staged/")), []);
  assert.deepEqual(await owner.log(), [1]);
});

Deno.test("who finds that others append asks first, until they have stopped", async () => {
  const owner = await Owner.settled();
  await publish(owner.map, owner.session);
  // The guess fails once: the gate is not what it was.
  assert.deepEqual(await owner.costOf(() => owner.put()), { reads: 1, commits: 2 });
  await publish(owner.map, owner.session);
  assert.deepEqual(await owner.costOf(() => owner.put()), READ_FIRST);
  await publish(owner.map, owner.session);
  assert.deepEqual(await owner.costOf(() => owner.put()), READ_FIRST);
  assert.deepEqual(await owner.costOf(() => owner.put()), READ_FIRST);
  assert.deepEqual(await owner.costOf(() => owner.put()), ONE_COMMIT);
  assert.deepEqual(await owner.costOf(() => owner.remove(3, 5, 7, 8, 9)), ONE_COMMIT);
  assert.deepEqual(await owner.log(), [1, 2, 4, 6]);
});

Deno.test("a gate is not guessed where something has to be read all the same", async () => {
  const owner = await Owner.settled();
  const other = await acquired(owner.store, request("other", "1"));
  await publish(owner.map, owner.session);
  const deliveries = [{ message: message(), receivers: [to(owner.session), to(other)] }];
  assert.deepEqual(await owner.costOf(() => owner.commit({ deliveries })), READ_FIRST);
  assert.deepEqual(await owner.log(), [1, 2, 3]);
});

Deno.test("what gave way to another's message is removed once, whatever its owner remembers of it", async () => {
  const owner = await Owner.settled();
  await owner.put();
  await publish(owner.map, owner.session, { limits: NO_MORE_THAN_TWO });
  assert.deepEqual(await owner.log(), [2, 3]);
  assert.deepEqual(await owner.costOf(() => owner.remove(1)), { reads: 1, commits: 2 });
  assert.deepEqual(await owner.log(), [2, 3]);
  assert.deepEqual(await owner.costOf(() => owner.remove(2)), ONE_COMMIT);
  assert.deepEqual(await owner.log(), [3]);
  assert.deepEqual((await owner.store.directory.inspect("c"))?.dropped, { queueFullOldest: 1 });
});

Deno.test("what gave way below a limit that was raised too late is removed once", async () => {
  const owner = await Owner.settled();
  await owner.put();
  await publish(owner.map, owner.session, { limits: NO_MORE_THAN_TWO });
  await owner.raise(9);
  await owner.remove(1, 2);
  assert.deepEqual(await owner.log(), [3]);
});

Deno.test("a limit is kept by what is remembered: its own oldest give way, or the newest, or the batch is refused", async () => {
  const owner = await Owner.settled();
  await owner.put();
  assert.deepEqual(await owner.put(1, 4, { limits: NO_MORE_THAN_TWO }), [3]);
  assert.deepEqual(await owner.log(), [2, 3]);
  assert.deepEqual(await owner.put(3, 4, { limits: NO_MORE_THAN_TWO }), [4, 5, 6]);
  assert.deepEqual(await owner.log(), [5, 6]);
  await owner.remove(5, 6);
  assert.deepEqual(await owner.log(), []);
  await owner.put(2);
  const newest = { ...NO_MORE_THAN_TWO, whenFull: "dropNewest" } as const;
  assert.deepEqual(await owner.put(1, 4, { limits: newest }), [0]);
  assert.deepEqual((await owner.store.directory.inspect("c"))?.dropped, { queueFullOldest: 4, queueFullNewest: 1 });
  const deliveries = [{ message: message(), receivers: [to(owner.session)] }];
  const rejected = owner.batch({ deliveries, limits: { ...NO_MORE_THAN_TWO, whenFull: "reject" } });
  assert.deepEqual(await owner.store.commit([rejected]), [{ outcome: "refused", reason: "queueFull" }]);
  assert.deepEqual(await owner.log(), [7, 8]);
});

Deno.test("a batch is not refused for a gate that was guessed: another has emptied it since", async () => {
  const owner = await Owner.settled();
  await owner.put(1);
  const reject = { ...NO_MORE_THAN_TWO, whenFull: "reject" } as const;
  // A row that cannot be read is set aside by whoever reads it, and counts no more.
  const row = owner.map.entries().find(({ key }) => key.includes("/queue/"));
  assert.ok(row !== undefined);
  owner.map.overwrite(row.key, new Uint8Array([1, 2, 3]));
  await storeOn(owner.map).readQueue({ ...owner.guard }, { after: 0, messages: 9, bytes: 1e9 });
  assert.deepEqual(await owner.put(1, 4, { limits: reject }), [3]);
});

Deno.test("whoever lost the session puts and removes nothing, and the next owner starts from what is stored", async () => {
  const owner = await Owner.settled();
  await owner.put(2);
  const next = await acquired(storeOn(owner.map), request("c", "2", { nodeId: "other" }));
  assert.equal(next.queue.messages.length, 3);
  const deliveries = [{ message: message(), receivers: [to(owner.session)] }];
  const late = [owner.batch({ deliveries }), owner.batch({ changes: [gone(2)] })];
  for (const each of late) assert.deepEqual(await owner.store.commit([each]), [{ outcome: "superseded" }]);
  assert.deepEqual(await owner.log(), [1, 2, 3]);
  owner.session = await acquired(owner.store, request("c", "3"));
  owner.guard = owner.session.guard;
  assert.deepEqual(await owner.put(), [4]);
  assert.deepEqual(await owner.costOf(() => owner.remove(1)), ONE_COMMIT);
  assert.deepEqual(await owner.costOf(() => owner.put()), ONE_COMMIT);
  assert.deepEqual(await owner.log(), [2, 3, 4, 5]);
});

Deno.test("a session that began anew is not appended to by what an owner of before remembers", async () => {
  const owner = await Owner.settled();
  const wanted = request("c", "2");
  await acquired(storeOn(owner.map), { ...wanted, terms: { ...wanted.terms, cleanStart: true } });
  const deliveries = [{ message: message(), receivers: [to(owner.session)] }];
  assert.deepEqual(await owner.store.commit([owner.batch({ deliveries })]), [{ outcome: "superseded" }]);
  const [sessionless] = await owner.store.commit([batch("late", { deliveries })]);
  assert.ok(sessionless?.outcome === "committed");
  assert.equal(sessionless.deliveries[0]?.[0]?.outcome, "ended");
});

Deno.test("a put that others get ahead of several times is one put, and the next ones know the log again", async () => {
  const owner = await Owner.settled();
  let conflicts = 3;
  owner.faulty.decide = () => conflicts-- > 0 ? "conflicts" : "goes";
  assert.deepEqual(await owner.put(), [2]);
  owner.faulty.decide = undefined;
  assert.deepEqual(await owner.costOf(() => owner.put()), ONE_COMMIT);
  assert.deepEqual(await owner.costOf(() => owner.remove(2, 3)), ONE_COMMIT);
  assert.deepEqual(await owner.log(), [1]);
});

for (const fate of ["unheard", "lost"] as const) {
  Deno.test(`a put whose outcome is not known is one put when it is repeated: it was ${fate}`, async () => {
    const owner = await Owner.settled();
    const put = owner.batch({ deliveries: [{ message: message(), receivers: [to(owner.session)] }] });
    owner.faulty.decide = () => fate;
    await assert.rejects(owner.store.commit([put]), { code: "OUTCOME_UNKNOWN" });
    owner.faulty.decide = undefined;
    const [again] = await owner.store.commit([put]);
    assert.ok(again?.outcome === "committed" && again.guard !== undefined);
    owner.guard = again.guard;
    assert.deepEqual(await owner.log(), [1, 2]);
    await owner.put(2);
    await owner.remove(2, 3);
    assert.deepEqual(await owner.log(), [1, 4]);
  });

  Deno.test(`a removal whose outcome is not known is one removal when it is repeated: it was ${fate}`, async () => {
    const owner = await Owner.settled();
    await owner.put(2);
    const removal = owner.batch({ changes: [gone(2)] });
    owner.faulty.decide = () => fate;
    await assert.rejects(owner.store.commit([removal]), { code: "OUTCOME_UNKNOWN" });
    owner.faulty.decide = undefined;
    const [again] = await owner.store.commit([removal]);
    assert.ok(again?.outcome === "committed" && again.guard !== undefined);
    owner.guard = again.guard;
    assert.deepEqual(await owner.put(), [4]);
    assert.deepEqual(await owner.log(), [1, 3, 4]);
  });
}

Deno.test("what is behind the outbox is owed, and nothing is read for it", async () => {
  const owner = await Owner.settled();
  const deliveries = [{ message: message(), receivers: [to(owner.session)] }];
  const cost = await owner.costOf(async () => {
    const result = await owner.commit({ deliveries, behindOutbox: true });
    assert.equal(result.deliveries[0]?.[0]?.outcome, "owed");
  });
  assert.deepEqual(cost, ONE_COMMIT);
  // The step of the outbox is nobody's put: the gate is read for it, and the guess after it fails once.
  const move = { outboxId: owner.session.snapshot.incarnation, number: 1, from: 0, to: 1 };
  const [moved] = await owner.store.commit([batch("step", { deliveries, outbox: move })]);
  assert.equal(moved?.outcome, "committed");
  assert.deepEqual(await owner.put(), [3]);
  await owner.remove(1, 2, 3);
  assert.deepEqual(await owner.log(), []);
});

Deno.test("what another batch of the same commit takes out again was never there", async () => {
  const owner = await Owner.settled();
  await owner.put();
  const deliveries = [{ message: message(), receivers: [to(owner.session)] }];
  const both = [
    owner.batch({ deliveries }),
    batch("other", { deliveries, limits: { ...NO_MORE_THAN_TWO, maximumMessages: 1 } }),
  ];
  const [own] = await owner.store.commit(both);
  assert.ok(own?.outcome === "committed" && own.guard !== undefined);
  owner.guard = own.guard;
  assert.deepEqual(await owner.log(), [4]);
  await owner.remove(1, 2, 3);
  assert.deepEqual(await owner.log(), [4]);
  await owner.put();
  assert.deepEqual(await owner.costOf(() => owner.put()), ONE_COMMIT);
  assert.deepEqual(await owner.log(), [4, 5, 6]);
});

Deno.test("an owner on another node rings nobody for its own message, and others ring it", async () => {
  const owner = await Owner.settled();
  await owner.put();
  assert.deepEqual(await owner.store.readRings("node"), []);
  await publish(owner.map, owner.session);
  assert.deepEqual(await owner.store.readRings("node"), ["c"]);
});
