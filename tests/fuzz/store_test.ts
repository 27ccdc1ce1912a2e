/** A whole store some of whose rows are spoiled: whatever is asked of it, the others go on and nothing is thrown away. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Entry } from "../../src/store/key_value/driver.ts";
import { SessionError } from "../../src/errors.ts";
import type { SessionStore } from "../../src/store/session_store.ts";
import { acquired, batch, NOW, request, to } from "../unit/store/key_value/kit.ts";
import { withinLater } from "./support/allocation.ts";
import { type Damage, damage } from "./support/damage.ts";
import { type Attempt, lookAround, useAll } from "./support/port_calls.ts";
import { kindOf, readRow } from "./support/stored_rows.ts";
import { furnished, LATER, open, published, type StoredWorld } from "./support/stored_world.ts";
import { allowed, outcomeOf, UNREADABLE } from "./support/verdict.ts";

/** More than any list or value of the world holds, and far less than a spoiled length claims. */
const ROOM = 100_000;

const ROWS = await furnished();

/** A call that fails leaves its other reads, and digests, to end by themselves, in whatever test they do. */
function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: false });
}

/** A row, and what becomes of it. */
type Spoiling = readonly [row: number, damage: Damage];

/** One to three rows, mostly one: each kind as often as any other, however many rows there are of it. */
function spoilings(rows: readonly Entry[]): fc.Arbitrary<readonly Spoiling[]> {
  const kinds = new Map<string, number[]>();
  for (const [at, { key }] of rows.entries()) {
    const kind = kindOf(key);
    kinds.set(kind, [...kinds.get(kind) ?? [], at]);
  }
  const row = fc.constantFrom(...kinds.values()).chain((places) => fc.constantFrom(...places));
  const one = fc.tuple(row, damage);
  return fc.oneof(
    { weight: 3, arbitrary: fc.tuple(one) },
    { weight: 1, arbitrary: fc.array(one, { minLength: 2, maxLength: 3 }) },
  );
}

/** A copy of the world, some of whose rows are spoiled; and those of them that nobody can read now. */
function spoiledWorld(rows: readonly Entry[], spoiled: readonly Spoiling[]) {
  const world = open(ROWS);
  const unreadable: Entry[] = [];
  for (const [at, { apply }] of spoiled) {
    const { key } = rows[at] as Entry; // As many places as rows.
    const before = world.driver.entries().find((entry) => entry.key === key);
    if (before === undefined) continue;
    const value = apply(before.value);
    world.driver.overwrite(key, value);
    if ("error" in outcomeOf(() => readRow(key, value))) unreadable.push({ ...before, value });
  }
  return { ...world, unreadable: unreadable.filter(({ key, value }) => holds(world, key, value)) };
}

function holds({ driver }: Pick<StoredWorld, "driver">, key: string, value: Uint8Array): boolean {
  return driver.entries().some((entry) => entry.key === key && isSame(entry.value, value));
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Makes calls one by one; any that fails with anything but an unreadable record fails the run. */
function attempts({ restart }: Pick<StoredWorld, "restart">, told: string[] = []): Attempt {
  return async (name, call) => {
    restart();
    try {
      return await withinLater(ROOM, call);
    } catch (error) {
      try {
        told.push(`${name}: ${allowed(error, UNREADABLE).key}`);
      } catch (failure) {
        throw new Error(`${name}: ${failure instanceof Error ? failure.message : failure}`, { cause: error });
      }
      return undefined;
    }
  };
}

function describe(rows: readonly Entry[], spoiled: readonly Spoiling[]): string {
  return spoiled.map(([at, { name }]) => `${rows[at]?.key}: ${name}`).join("; ");
}

/** Runs, and says of a failure which rows were spoiled and how. */
async function telling(rows: readonly Entry[], spoiled: readonly Spoiling[], run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw new Error(`${describe(rows, spoiled)}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

test("an unspoiled store answers every call", async () => {
  const world = open(ROWS);
  const told: string[] = [];
  const attempt = attempts(world, told);
  await lookAround(world.store, attempt);
  await useAll(world.store, attempt);
  await lookAround(world.store, attempt);
  assert.deepEqual(told, []);
});

test("whatever becomes of some rows, every call of the store gives a value or a SessionError [G13]", async () => {
  let told = 0;
  await fc.assert(
    fc.asyncProperty(spoilings(ROWS), (spoiled) =>
      telling(ROWS, spoiled, async () => {
        const world = spoiledWorld(ROWS, spoiled);
        const errors: string[] = [];
        const attempt = attempts(world, errors);
        await lookAround(world.store, attempt);
        await useAll(world.store, attempt);
        await lookAround(world.store, attempt);
        told += errors.length;
      })),
    { numRuns: 250 },
  );
  assert.ok(told > 60, `only ${told} calls met a spoiled row`);
});

/** Rows that a call may take away or write anew without having read them: news, leases, what is due, what counts by being there. */
const PASSING = /\/1\/(node|owned|ring|bell|due)\/|\/own\/(owed|rev)/;

test("a row that cannot be read stays, under its key or set aside, whatever is called [G13]", async () => {
  const rows = ROWS.filter(({ key }) => !PASSING.test(key) && !key.includes("ended") && !key.includes("/staged/"));
  let kept = 0;
  await fc.assert(
    fc.asyncProperty(spoilings(rows), (spoiled) =>
      telling(rows, spoiled, async () => {
        const world = spoiledWorld(rows, spoiled);
        await useAll(world.store, attempts(world));
        const left = world.driver.entries();
        for (const { key, value } of world.unreadable) {
          assert.ok(left.some((entry) => isSame(entry.value, value)), `${key} is gone`);
          kept++;
        }
      })),
    { numRuns: 200 },
  );
  assert.ok(kept > 60, `only ${kept} rows could not be read`);
});

/** Whether a row tells of something that is due by then: the journal of an ended session is swept a day later. */
function isDue(key: string): boolean {
  const [, at] = /\/due\/(\d+)\//.exec(key) ?? [];
  return at !== undefined && Number(at) <= LATER;
}

test("a due row that cannot be read is set aside with its bytes, and what else is due is listed [G13]", async () => {
  const rows = ROWS.filter(({ key }) => isDue(key) && !key.includes("sleeper"));
  await fc.assert(
    fc.asyncProperty(spoilings(rows), (spoiled) =>
      telling(rows, spoiled, async () => {
        const world = spoiledWorld(rows, spoiled);
        const listed = await world.store.listDue(LATER, { limit: 100, graceMs: 0 }).catch((error: unknown) => {
          allowed(error, UNREADABLE);
          return world.store.listDue(LATER, { limit: 100, graceMs: 0 });
        });
        assert.ok(listed.some((work) => work.type === "session" && work.clientId === "sleeper"));
        const left = world.driver.entries();
        for (const { key, value } of world.unreadable) {
          assert.ok(left.some((entry) => entry.key.includes("/unreadable/") && isSame(entry.value, value)), key);
        }
      })),
    { numRuns: 150 },
  );
});

/** What those see whose rows are not spoiled: it must be the same, whatever the state of the others. */
async function seenByOthers(world: Pick<StoredWorld, "store">): Promise<unknown> {
  const { store } = world;
  const sleeper = await store.read("sleeper");
  const session = await acquired(store, request("bystander", "again"));
  const matches = (await store.matchSubscriptions(["t", "sleep", "lost/1"])).map((list) =>
    list.filter(({ clientId }) => ["bystander", "sleeper", "lost"].includes(clientId))
  );
  const appended = await publish(store, session);
  const page = await store.readQueue(session.guard, { after: 0, messages: 10, bytes: 1e6 });
  const newcomer = await acquired(store, request("newcomer", "1"));
  const { snapshot, resumed, queue } = session;
  const summary = await store.directory.inspect("bystander");
  return {
    sleeper: sleeper?.snapshot,
    snapshot,
    resumed,
    queue,
    matches,
    appended,
    page,
    new: newcomer.resumed,
    summary,
  };
}

/** A message to everybody who wants it, as far as a broker gets: those it can name. */
async function publish(store: SessionStore, session: Parameters<typeof to>[0]): Promise<unknown> {
  const receivers = [{ ...to(session), clientId: "victim", incarnation: "victim-1" }, to(session)];
  const [result] = await store.commit([batch("publish", { deliveries: [{ message: published(10), receivers }] })]);
  return result?.outcome === "committed" ? result.deliveries[0]?.[1] : result;
}

test("whatever becomes of one session's rows, the others see what they would have seen [G13]", async () => {
  const rows = ROWS.filter(({ key }) => key.includes("victim") || key.includes("ended"));
  const expected = await seenByOthers(open(ROWS));
  await fc.assert(
    fc.asyncProperty(spoilings(rows), (spoiled) =>
      telling(rows, spoiled, async () => {
        const world = spoiledWorld(rows, spoiled);
        assert.deepEqual(await seenByOthers(world), expected);
      })),
    { numRuns: 200 },
  );
});

test("a listing names the sessions whose records can be read, when that of another cannot [G13]", async () => {
  const rows = ROWS.filter(({ key }) => /\/(head|gate)\/victim$/.test(key));
  await fc.assert(
    fc.asyncProperty(spoilings(rows), (spoiled) =>
      telling(rows, spoiled, async () => {
        const { store } = spoiledWorld(rows, spoiled);
        const { sessions } = await store.directory.list({ limit: 100 });
        assert.ok(sessions.some(({ clientId }) => clientId === "bystander"));
      })),
    { numRuns: 50 },
  );
});

/** Stores that are wrong on purpose, and what has to notice each. */
const WRONG: readonly (readonly [what: string, wrong: (store: SessionStore) => SessionStore, notices: RegExp])[] = [
  ["throws what it found as it is", (store) => ({
    ...store,
    read: (clientId) => store.read(clientId).catch((error) => Promise.reject(new TypeError(error.message))),
  }), /TypeError/],
  ["says that nothing happened when a record cannot be read", (store) => ({
    ...store,
    read: (clientId) =>
      store.read(clientId).catch((error) => Promise.reject(new SessionError("STORE_UNAVAILABLE", error.message))),
  }), /neither a value nor RECORD_UNREADABLE/],
  ["takes room for what is claimed", (store) => ({
    ...store,
    read: (clientId) => Promise.resolve(new Uint8Array(2 ** 20)).then(() => store.read(clientId)),
  }), /room for 1048576/],
];

for (const [what, wrong, notices] of WRONG) {
  test(`a store that ${what} is noticed`, async () => {
    const heads = ROWS.filter(({ key }) => key.endsWith("/head/victim"));
    const found = await fc.check(
      fc.asyncProperty(spoilings(heads), async (spoiled) => {
        const world = spoiledWorld(heads, spoiled);
        await lookAround(wrong(world.store), attempts(world));
      }),
      { numRuns: 200, endOnFailure: true },
    );
    assert.ok(found.failed, `seed ${found.seed}: nobody noticed`);
    assert.ok(found.errorInstance instanceof Error);
    assert.match(found.errorInstance.message, notices);
  });
}

test("a store that throws a spoiled row away is noticed", () => {
  const world = spoiledWorld(ROWS, [[0, { name: "emptied", apply: () => new Uint8Array() }]]);
  assert.equal(holds(world, ROWS[0]?.key ?? "", new Uint8Array()), true);
  assert.equal(holds(world, ROWS[0]?.key ?? "", Uint8Array.of(1)), false);
});

test("a store that reads rows without end is noticed", async () => {
  const { store, driver } = open(ROWS);
  assert.ok(driver.entries().length > 0);
  const reads = async () => {
    for (let turn = 0; turn < 1_000; turn++) await store.renewNode("node", NOW + turn);
  };
  await assert.rejects(reads, /more than 400 calls of the driver/);
});
