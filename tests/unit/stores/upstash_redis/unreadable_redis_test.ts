/** Records that cannot be read: named, kept as they are, never guessed, and nobody else suffers (G13, G14). */
import assert from "node:assert/strict";
import { SessionError, type SessionErrorCode } from "../../../../src/errors.ts";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import {
  type Kit,
  message,
  type Owned,
  PLAIN,
  receiver,
  START,
  will,
} from "../../../../src/testing/conformance/kit.ts";
import { STATE } from "../../../../src/stores/upstash_redis/lua/log.ts";
import { openRig, type Rig } from "./redis_kit.ts";

const WHOLE = { after: 0, messages: 100, bytes: 1 << 20 };

/** A text of base64 whose first byte, the schema version, is 99. */
function fromFuture(text: string): string {
  const bytes = Uint8Array.fromBase64(text);
  bytes[0] = 99;
  return bytes.toBase64();
}

/** How the base64 of a record may be spoiled, and what is said of it. */
const WAYS: readonly (readonly [way: string, how: (text: string) => string, code: SessionErrorCode])[] = [
  ["no base64", (text) => `!${text.slice(1)}`, "RECORD_UNREADABLE"],
  ["truncated", (text) => text.slice(0, -4), "RECORD_UNREADABLE"],
  ["empty", () => "", "RECORD_UNREADABLE"],
  [
    "longer than it says",
    (text) => `${text.replace(/=+$/, "").padEnd(Math.ceil(text.length / 4) * 4, "A")}AAAA`,
    "RECORD_UNREADABLE",
  ],
  ["of a later release", fromFuture, "RECORD_FROM_FUTURE"],
];

/** Insists on a `SessionError` of a code that names a key in its message and its field. */
function names(code: SessionErrorCode, key: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof SessionError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(error.key?.startsWith(key), `${error.key} is not ${key}`);
    assert.ok(error.message.includes(key), error.message);
    return true;
  };
}

interface Scene {
  readonly rig: Rig;
  readonly store: SessionStore;
  readonly kit: Kit;
  /** Has a Will, a subscription, a mark, identifiers and three messages. */
  readonly keeper: Owned;
  readonly other: Owned;
  readonly log: string;
  readonly rows: string;
  readonly routes: string;
}

async function scene(): Promise<Scene> {
  const rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  await kit.start();
  await store.admitFilters(["t"]);
  const session = await kit.open("keeper", { terms: { will: will(), sendAhead: 0 } });
  const keeper = await kit.change(session, [
    { type: "putSubscription", filter: "t", subscription: { ...PLAIN, qos: 2 } },
    { type: "putOutboundMark", sequence: 1, mark: { packetId: 1, phase: "sent", pubrecOrder: 0 } },
    { type: "putInboundId", packetId: 5 },
  ]);
  const other = await kit.subscribe(await kit.open("other"), "t");
  await kit.fill(keeper, ["one", "two", "three"]);
  const log = await rig.keyOf("{ckeeper}/log");
  const rows = await rig.keyOf("{ckeeper}/rows");
  return { rig, store, kit, keeper, other, log, rows, routes: await rig.keyOf("/routes") };
}

async function fieldOf({ rig }: Scene, key: string, field: string): Promise<string> {
  const value = await rig.run("HGET", key, field);
  assert.equal(typeof value, "string", `${field} of ${key}`);
  return String(value);
}

/** What of a session cannot be lost without losing it: the record's key and field, and how each is spoiled. */
const VITAL: readonly (readonly [field: string, key: "log" | "rows", values: readonly string[]])[] = [
  ["s", "log", ["", "x", "1 2 3", `x ${"0 ".repeat(STATE.length - 1)}`, "0 ".repeat(STATE.length + 1)]],
  ["h", "log", ["", "x", "5 1", "5 1 x - - 3600 - 3600000 - - 0"]],
  ["i/5", "rows", []],
  ["m/1", "rows", ["", "x", "0 0 0", "70000 0 0", "1 9 0", "1 0 x"]],
];

for (const [field, which, values] of VITAL) {
  for (const value of values) {
    Deno.test(`a session whose ${field} is ${JSON.stringify(value)} is nobody's, stays as it is, and others go on [G13]`, async () => {
      const here = await scene();
      await using rig = here.rig;
      const { store, kit, other } = here;
      const key = here[which];
      await rig.run("HSET", key, field, value);
      await assertNobodys(here, key, "RECORD_UNREADABLE", { isState: field === "s" });
      assert.deepEqual(await kit.logTexts(other), ["1:for all"]);
      const { guard } = await kit.acquire("other");
      assert.equal((await kit.commit({ guard, changes: [{ type: "deleteWill" }] })).outcome, "committed");
      assert.equal((await store.directory.inspect("other"))?.queuedMessages, 1);
    });
  }
}

for (const [way, how, code] of WAYS) {
  Deno.test(`a session with a subscription that is ${way} is nobody's, stays as it is, and others go on [G13]`, async () => {
    const here = await scene();
    await using rig = here.rig;
    await rig.run("HSET", here.rows, "s/t", how(await fieldOf(here, here.rows, "s/t")));
    await assertNobodys(here, here.rows, code, { isState: false });
    assert.deepEqual(await here.kit.logTexts(here.other), ["1:for all"]);
  });

  Deno.test(`a Will that is ${way} keeps nobody out: it goes with its connection, or waits as it is in the outbox [G13]`, async () => {
    for (const cleanStart of [false, true]) {
      const here = await scene();
      await using rig = here.rig;
      const { store, kit, keeper, rows } = here;
      const spoiled = how(await fieldOf(here, rows, "w"));
      await rig.run("HSET", rows, "w", spoiled);
      await assert.rejects(store.read("keeper"), names(code, rows));
      await assert.rejects(store.directory.inspect("keeper"), names(code, rows));
      const { resumed, snapshot } = await kit.acquire("keeper", { terms: { cleanStart } });
      assert.deepEqual([resumed, snapshot.will], [!cleanStart, undefined]);
      if (!cleanStart) continue;
      const owed = await rig.keyOf("/owed");
      assert.ok((await fieldOf(here, owed, `=${keeper.incarnation}/1/m`)).endsWith(` ${spoiled}`));
      await assert.rejects(store.readOutbox(keeper.incarnation, 1), names(code, owed));
    }
  });

  Deno.test(`an entry that is ${way} is set aside as it is and counted once, and the session goes on [G13] [G14]`, async () => {
    for (const piece of [1, 2]) {
      const here = await scene();
      await using rig = here.rig;
      const { store, kit, keeper, log, rows } = here;
      const parts = (await fieldOf(here, log, "2")).split(";");
      const spoiled = parts.map((part, index) => index === piece ? how(part) : part).join(";");
      // What stands before the body of an entry has no version of its own.
      if (piece === 1 && code === "RECORD_FROM_FUTURE") continue;
      await rig.run("HSET", log, "2", spoiled);
      await assertAside(here, spoiled);
      const { queue, guard } = await kit.acquire("keeper");
      assert.deepEqual([queue.unreadable, queue.messages.map(({ sequence }) => sequence)], [0, [1, 3]]);
      assert.deepEqual(await kit.deliver([receiver(keeper)]), [
        { outcome: "appended", clientId: "keeper", incarnation: keeper.incarnation, sequence: 4, ownerNode: "node-a" },
      ]);
      await kit.commit({ guard, changes: [{ type: "deleteQueued", sequence: 1, bytes: 0 }] });
      assert.equal((await store.directory.inspect("keeper"))?.queuedMessages, 2);
      assert.equal(await fieldOf(here, rows, "x/2"), spoiled);
      // It is no row of the session that anybody reads, and goes with it.
      const { guard: last, snapshot } = (await store.read("keeper")) ?? assert.fail();
      assert.equal(snapshot.subscriptions.size, 1);
      await kit.commit({ guard: last, changes: [{ type: "endSession", reason: "expired" }] });
      assert.equal(await rig.run("EXISTS", rows), 0);
    }
  });

  Deno.test(`a member of a routing list that is ${way} costs nobody a message, and stays as it is [G13] [G14]`, async () => {
    const here = await scene();
    await using rig = here.rig;
    const { store, kit, keeper, routes } = here;
    const before = await store.matchSubscriptions(["t"]);
    const list = await fieldOf(here, routes, "t");
    const data = /\/keeper\/[^/]*\/([^;]*)/.exec(list)?.[1] ?? assert.fail();
    const spoiled = list.replace(data, how(data));
    await rig.run("HSET", routes, "t", spoiled);
    const found = await store.matchSubscriptions(["t"]);
    assert.deepEqual(sortedById(found[0] ?? []), sortedById(before[0] ?? []));
    assert.equal(await fieldOf(here, routes, "t"), spoiled);
    assert.deepEqual((await store.directory.inspect("keeper"))?.dropped, {});
    // It goes with its subscription.
    await kit.change(keeper, [{ type: "deleteSubscription", filter: "t" }]);
    assert.deepEqual((await store.matchSubscriptions(["t"]))[0]?.map(({ clientId }) => clientId), ["other"]);
    assert.ok(!(await fieldOf(here, routes, "t")).includes("keeper"));
  });

  Deno.test(`where a member of a routing list and its subscription are ${way}, what is missed is counted [G14]`, async () => {
    const here = await scene();
    await using rig = here.rig;
    const { store, rows, routes } = here;
    const list = await fieldOf(here, routes, "t");
    const data = /\/keeper\/[^/]*\/([^;]*)/.exec(list)?.[1] ?? assert.fail();
    await rig.run("HSET", routes, "t", list.replace(data, how(data)));
    const row = how(await fieldOf(here, rows, "s/t"));
    await rig.run("HSET", rows, "s/t", row);
    for (let count = 1; count <= 2; count++) {
      const [found] = await store.matchSubscriptions(["t"]);
      assert.deepEqual(found?.map(({ clientId }) => clientId), ["other"]);
      // By the count of reason 7 in the log's own record, since its rows cannot be read.
      assert.equal((await fieldOf(here, here.log, "d")).split(" ")[6], String(count));
    }
    assert.equal(await fieldOf(here, rows, "s/t"), row);
  });

  Deno.test(`an entry of an outbox that is ${way} is told by its key, and stays as it is [G13]`, async () => {
    const here = await scene();
    await using rig = here.rig;
    const { store, kit, keeper } = here;
    const batch = kit.batch({ deliveries: [{ message: message(), receivers: undefined }] });
    await store.commit([batch]);
    const number = (await store.readOutbox(batch.id, 1))[0]?.number ?? 0;
    const receivers = [receiver(keeper), receiver(here.other)];
    await kit.commit({ outbox: { outboxId: batch.id, number, from: 0, to: 0, receivers } });
    const owed = await rig.keyOf("/owed");
    for (const [field, prefix] of [[`=${batch.id}/${number}/m`, "m"], [`=${batch.id}/${number}/r`, ""]] as const) {
      const value = await fieldOf(here, owed, field);
      await rig.run("HSET", owed, field, prefix + how(value.slice(prefix.length)));
      const before = await rig.contents();
      await assert.rejects(store.readOutbox(batch.id, 1), names(code, owed));
      assert.deepEqual(await rig.contents(), before);
      await rig.run("HSET", owed, field, value);
      assert.equal((await store.readOutbox(batch.id, 1)).length, 1);
    }
  });
}

function sortedById<Match extends { readonly clientId: string }>(matches: readonly Match[]): readonly Match[] {
  return matches.toSorted((a, b) => a.clientId < b.clientId ? -1 : 1);
}

/** The session can be had by nobody, and nothing of it changes. */
async function assertNobodys(
  { rig, store, kit, keeper, other, log, rows }: Scene,
  key: string,
  code: SessionErrorCode,
  { isState }: { readonly isState: boolean },
): Promise<void> {
  const isIts = (each: string): boolean => each === log || each === rows;
  const before = await rig.contents(isIts);
  const told = names(code, key);
  await assert.rejects(kit.tryAcquire("keeper"), told);
  await assert.rejects(kit.tryAcquire("keeper", { terms: { mustBeNew: false } }), told);
  await assert.rejects(store.read("keeper"), told);
  await assert.rejects(store.directory.inspect("keeper"), told);
  if (isState) {
    assert.deepEqual(await rig.contents(isIts), before);
    await assert.rejects(kit.commit({ guard: keeper.guard, changes: [{ type: "deleteWill" }] }), told);
    await assert.rejects(store.readQueue(keeper.guard, WHOLE), told);
    const [outcomes] = [await kit.deliver([receiver(keeper), receiver(other)], { payload: textOf("for all") })];
    assert.deepEqual(outcomes.map(({ outcome }) => outcome), ["dropped", "appended"]);
    assert.deepEqual(await rig.contents(isIts), before);
  } else {
    await kit.deliver([receiver(other)], { payload: textOf("for all") });
  }
  // What is due names it, or not; it stops nobody else.
  await store.listDue(START * 2, { limit: 100, graceMs: 0 });
}

async function assertAside({ rig, store, keeper, rows, log }: Scene, spoiled: string): Promise<void> {
  const page = await store.readQueue(keeper.guard, WHOLE);
  assert.deepEqual(page.messages.map(({ sequence }) => sequence), [1, 3]);
  assert.deepEqual([page.unreadable, page.through, page.tail], [1, 3, 3]);
  assert.equal(await rig.run("HGET", rows, "x/2"), spoiled);
  assert.equal(await rig.run("HGET", log, "2"), null);
  assert.deepEqual((await store.directory.inspect("keeper"))?.dropped, { unreadable: 1 });
  assert.equal((await store.readQueue(keeper.guard, WHOLE)).unreadable, 0);
}

function textOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

for (const value of ["", "x", "12", ";;", "12 1;AA==", "12 2;AA==;AA==", "-1 0;AA==;AA==", "12 0;AA==;AA==;AA=="]) {
  Deno.test(`an entry that is ${JSON.stringify(value)} is set aside and counted, and the session goes on [G13] [G14]`, async () => {
    const here = await scene();
    await using rig = here.rig;
    await rig.run("HSET", here.log, "2", value);
    await assertAside(here, value);
    const limits = { maximumMessages: 2, maximumBytes: 1 << 20, whenFull: "dropOldest" } as const;
    const outcomes = await here.kit.deliver([receiver(here.keeper)], {}, limits);
    assert.equal(outcomes[0]?.outcome, "appended");
  });
}

Deno.test("an entry set aside beside a session that was left ends with it", async () => {
  const here = await scene();
  await using rig = here.rig;
  const { kit, store } = here;
  const bare = await kit.open("bare");
  await kit.fill(bare, ["one"]);
  await kit.detach(bare);
  const log = await rig.keyOf("{cbare}/log");
  await rig.run("HSET", log, "1", "x");
  const { guard } = (await store.read("bare")) ?? assert.fail();
  assert.equal((await store.readQueue(guard, WHOLE)).unreadable, 1);
  const [ofLog, ofRows] = [
    Number(await rig.run("PTTL", log)),
    Number(await rig.run("PTTL", log.replace(/log$/, "rows"))),
  ];
  assert.ok(ofRows > 0 && Math.abs(ofLog - ofRows) < 10_000, `${ofLog} and ${ofRows}`);
});

Deno.test("lists of routing and of shapes that cannot be read are told by their keys, and stay as they are [G13]", async () => {
  for (const field of ["t", "!"]) {
    for (const value of ["", "x", "L", "L1", "La 1;", "L13 1;", "L99 1;", "T =f1", "S f1"]) {
      const here = await scene();
      await using rig = here.rig;
      await rig.run("HSET", here.routes, field, value);
      const before = await rig.contents();
      const told = names("RECORD_UNREADABLE", `${here.routes}/${field}`);
      for (const store of [here.store, rig.store()]) {
        await assert.rejects(store.matchSubscriptions(["t"]), told, `${field} is ${JSON.stringify(value)}`);
      }
      assert.deepEqual(await rig.contents(), before);
    }
  }
});

Deno.test("who comes, goes or ends changes what can be read, and leaves a list that cannot as it is [G13]", async () => {
  for (const value of ["x", "L", "L13 2;", "L99 2;"]) {
    const here = await scene();
    await using rig = here.rig;
    const { store, kit, keeper, routes } = here;
    await store.admitFilters(["u"]);
    await rig.run("HSET", routes, "t", value);
    const subscribed = await kit.change(keeper, [
      { type: "deleteSubscription", filter: "t" },
      { type: "putSubscription", filter: "u", subscription: PLAIN },
    ]);
    const again = await kit.change(subscribed, [{ type: "putSubscription", filter: "t", subscription: PLAIN }]);
    assert.deepEqual((await store.matchSubscriptions(["u"]))[0]?.map(({ clientId }) => clientId), ["keeper"]);
    await kit.change(again, [{ type: "endSession", reason: "administrative" }]);
    assert.equal(await store.read("keeper"), undefined);
    assert.equal(await fieldOf(here, routes, "t"), value);
    assert.equal(await rig.run("HEXISTS", routes, "u"), 0);
    await assert.rejects(store.matchSubscriptions(["t"]), names("RECORD_UNREADABLE", `${routes}/t`));
  }
});
