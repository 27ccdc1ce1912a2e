import assert from "node:assert/strict";
import type { SessionChange } from "../../../../src/machine/change.ts";
import { SessionError } from "../../../../src/errors.ts";
import type { KeyValueDriver } from "../../../../src/store/key_value/driver.ts";
import { digestOf } from "../../../../src/store/keys.ts";
import type { Guard, SessionStore } from "../../../../src/store/session_store.ts";
import { DENO_KV_LIMITS, denoKvStore } from "../../../../src/stores/deno_kv.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { faultyDriver } from "./faulty_driver.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

/** As long as MQTT allows, in one byte a character, in two and in three. */
const LONG = ["x".repeat(65_535), `${"é".repeat(32_767)}x`, "☃".repeat(21_845)];
const PLAIN = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

const DETACHED = {
  protocolVersion: 5,
  attached: false,
  connectedAt: NOW,
  disconnectedAt: NOW,
  disconnectReason: 0,
  sessionExpiryInterval: 1,
  endsAfterMs: 1_000,
  endsAt: NOW + 1_000,
  onTakeover: "discard",
  sentLimit: 0,
} as const;

function put(...filters: readonly string[]): SessionChange[] {
  return filters.map((filter) => ({ type: "putSubscription", filter, subscription: PLAIN }));
}

async function changed(store: SessionStore, id: string, guard: Guard, changes: readonly SessionChange[]) {
  const [result] = await store.commit([batch(id, { guard, changes })]);
  assert.ok(result?.outcome === "committed");
  return result.guard as Guard;
}

/** Removes all that is due, until nothing is. */
async function sweepAll(store: SessionStore): Promise<void> {
  for (;;) {
    const due = await store.listDue(Number.MAX_SAFE_INTEGER, { limit: 100, graceMs: 0 });
    if (due.length === 0) return;
    for (const work of due) {
      assert.equal(work.type, "sweep");
      if (work.type === "sweep") await store.sweep(work.work);
    }
  }
}

Deno.test("a client and a filter as long as MQTT allows live on Deno KV from CONNECT to the sweep [MQTT-1.5.4-2]", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = denoKvStore(kv);
  for (const long of LONG) {
    const first = await acquired(store, request(long, "1"));
    const guard = await changed(
      store,
      "subscribe",
      first.guard,
      put(long, "short", `$share/g/${long.slice(0, 20_000)}`),
    );
    const topic = long;
    const [matches = []] = await store.matchSubscriptions([topic]);
    assert.deepEqual(matches.map(({ clientId, filter }) => clientId === long && filter === long), [true]);
    await store.commit([batch("publish", {
      deliveries: [{ message: { ...message(), topic, publisher: long }, receivers: [to(first)] }],
    })]);
    assert.deepEqual((await store.readRings("node")).map((each) => each === long), [true]);
    assert.equal((await store.directory.inspect(long))?.subscriptions, 3);
    assert.deepEqual((await store.directory.list({ limit: 9 })).sessions.map(({ clientId }) => clientId === long), [
      true,
    ]);
    await store.renewNode("node", NOW - 1);
    const lapsed = await store.listDue(NOW, { limit: 9, graceMs: 0 });
    assert.deepEqual(lapsed.map((work) => work.type === "node" && work.clientIds[0] === long), [true]);
    const second = await acquired(store, request(long, "2"));
    assert.equal(second.snapshot.clientId === long && second.resumed, true);
    assert.deepEqual(
      [...second.snapshot.subscriptions.keys()].map((filter) => filter.length).sort(),
      [
        5,
        Math.min(long.length, 20_000) + 9,
        long.length,
      ].sort(),
    );
    assert.equal(second.snapshot.subscriptions.has(long), true);
    assert.equal(second.queue.messages[0]?.topic === topic && second.queue.messages[0].publisher === long, true);
    assert.deepEqual(await store.commit([batch("stale", { guard, changes: put("stale") })]), [
      { outcome: "superseded" },
    ]);
    const left = await changed(store, "leave", second.guard, [
      { type: "deleteSubscription", filter: long },
      { type: "putHead", head: DETACHED },
    ]);
    assert.deepEqual(await store.matchSubscriptions([topic]), [[]]);
    const due = await store.listDue(NOW + 1_000, { limit: 9, graceMs: 0 });
    assert.deepEqual(due.map((work) => work.type === "session" && work.clientId === long), [true]);
    assert.equal((await store.read(long))?.snapshot.subscriptions.size, 2);
    await changed(store, "end", left, [{ type: "endSession", reason: "expired" }]);
    await sweepAll(store);
    await store.renewNode("node", 0);
    await store.readRings("node");
    const rows = await Array.fromAsync(kv.list({ prefix: [] }), ({ key }) => String(key[0]));
    assert.deepEqual(rows, ["mqtt/1/shapes"]);
  }
});

Deno.test("two long texts of which one begins as the other are two texts", async () => {
  const store = storeOn(mapDriver({ limits: DENO_KV_LIMITS }));
  const filters = ["y", "z"].map((last) => "x".repeat(65_534) + last);
  const session = await acquired(store, request("c", "1"));
  await changed(store, "subscribe", session.guard, put(...filters));
  for (const filter of filters) {
    const [matches = []] = await store.matchSubscriptions([filter]);
    assert.deepEqual(matches.map((each) => each.filter === filter), [true]);
  }
});

Deno.test("a text that is not the one that its key names is an unreadable record, and no other client's", async () => {
  const driver = mapDriver({ limits: DENO_KV_LIMITS });
  const store = storeOn(driver);
  const session = await acquired(store, request("c", "1"));
  await changed(store, "subscribe", session.guard, put(LONG[0] as string));
  const row = driver.entries().find(({ key }) => key.includes("/own/text/"));
  assert.ok(row !== undefined);
  driver.overwrite(row.key, row.value.map((byte, index) => index === 9 ? byte + 1 : byte));
  await assert.rejects(store.read("c"), (error) => {
    return error instanceof SessionError && error.code === "RECORD_UNREADABLE" && row.key.startsWith(error.key ?? "-");
  });
});

Deno.test("a filter that no commit can hold is not admitted, and a client like that leaves no trace", async () => {
  const driver = mapDriver({ limits: { ...DENO_KV_LIMITS, valueBytes: 20_000, bytesPerCommit: 60_000 } });
  const store = storeOn(driver);
  assert.deepEqual(await store.admitFilters([LONG[0] as string, "short"]), [false, true]);
  const before = driver.entries();
  await assert.rejects(store.acquire(request(LONG[0] as string, "1")), { code: "LIMIT_EXCEEDED" });
  assert.deepEqual(driver.entries(), before);
  const { guard } = await acquired(store, request("c", "1"));
  await assert.rejects(store.commit([batch("b", { guard, changes: put(LONG[0] as string) })]), {
    code: "LIMIT_EXCEEDED",
  });
});

/** The commits that carry more than a counter. */
function recorded(driver: KeyValueDriver): { readonly driver: KeyValueDriver; commits: number } {
  const seen = { driver: { ...driver }, commits: 0 };
  seen.driver.commit = (checks, mutations) => {
    seen.commits++;
    return driver.commit(checks, mutations);
  };
  return seen;
}

Deno.test("a batch whose keys or texts exceed a commit is carried out in parts, and the others of its call with it", async () => {
  const counted = recorded(mapDriver({ limits: DENO_KV_LIMITS }));
  const store = storeOn(counted.driver);
  const { maxChangesPerBatch } = store.capabilities;
  const large = await acquired(store, request("l".repeat(256), "1", { incarnation: "i".repeat(256) }));
  const other = await acquired(store, request("other", "1"));
  const wide = Array.from({ length: maxChangesPerBatch }, (_, index) => String(index).padStart(256, "f"));
  const long = Array.from({ length: 20 }, (_, index) => String(index).padStart(65_535, "g"));
  await store.admitFilters(["x"]);
  counted.commits = 0;
  const [first, second, third] = await store.commit([
    batch("other", { guard: other.guard, changes: put("a") }),
    batch("wide", {
      guard: large.guard,
      changes: put(...wide),
      deliveries: [{ message: message(), receivers: [to(other), to(large)] }],
    }),
    batch("publish", { deliveries: [{ message: message(), receivers: [to(large)] }] }),
  ]);
  assert.deepEqual([first, second, third].map((result) => result?.outcome), ["committed", "committed", "committed"]);
  assert.ok(second?.outcome === "committed" && second.guard !== undefined);
  assert.deepEqual(second.deliveries.flat().map(({ outcome }) => outcome), ["appended", "appended"]);
  assert.ok(counted.commits > 2 && counted.commits < 12, `${counted.commits} commits`);
  const guard = await changed(store, "long", second.guard, put(...long));
  assert.equal((await store.read(large.guard.clientId))?.snapshot.subscriptions.size, wide.length + long.length);
  const gone = [...long, ...wide].slice(0, maxChangesPerBatch);
  const left = await changed(
    store,
    "gone",
    guard,
    gone.map((filter) => ({ type: "deleteSubscription", filter })),
  );
  assert.equal(
    (await store.read(large.guard.clientId))?.snapshot.subscriptions.size,
    wide.length + long.length - gone.length,
  );
  assert.equal(left.version, (await store.read(large.guard.clientId))?.guard.version);
});

Deno.test("a batch in parts is fenced: who was superseded between two of them changes nothing more, and its repetition neither", async () => {
  const inner = mapDriver({ limits: DENO_KV_LIMITS });
  let between: (() => Promise<unknown>) | undefined;
  const driver: KeyValueDriver = {
    ...inner,
    commit: async (checks, mutations) => {
      const done = await inner.commit(checks, mutations);
      const next = between;
      between = undefined;
      await next?.();
      return done;
    },
  };
  const store = storeOn(driver);
  const filters = Array.from({ length: 20 }, (_, index) => String(index).padStart(65_535, "g"));
  await store.admitFilters(["x"]);
  const first = await acquired(store, request("c", "1"));
  between = () => acquired(store, request("c", "2"));
  const stale = batch("long", { guard: first.guard, changes: put(...filters) });
  assert.deepEqual(await store.commit([stale]), [{ outcome: "superseded" }]);
  const held = (await store.read("c"))?.snapshot.subscriptions.size ?? 0;
  assert.ok(held > 0 && held < 20);
  assert.deepEqual(await store.commit([stale]), [{ outcome: "superseded" }]);
  assert.equal((await store.read("c"))?.snapshot.subscriptions.size, held);
});

Deno.test("acknowledgements of many large messages fit, however many parts those have", async () => {
  const store = storeOn(mapDriver({ limits: DENO_KV_LIMITS }));
  const session = await acquired(store, request("c".repeat(200), "1", { incarnation: "i".repeat(200) }));
  for (let index = 0; index < 100; index++) {
    const deliveries = [{ message: message(200_000), receivers: [to(session)] }];
    await store.commit([batch(`b${index}`, { deliveries })]);
  }
  const page = await store.readQueue(session.guard, { after: 0, messages: 100, bytes: 1e9 });
  assert.equal(page.messages.length, 100);
  const guard = await changed(store, "acks", session.guard, [
    ...page.messages.map(({ sequence }) => ({ type: "deleteQueued", sequence, bytes: 200_003 } as const)),
    { type: "putSentLimit", sentLimit: 300 },
  ]);
  assert.equal((await store.readQueue(guard, { after: 0, messages: 9, bytes: 9 })).messages.length, 0);
  assert.equal((await store.read(session.guard.clientId))?.snapshot.head.sentLimit, 300);
});

Deno.test("a sweep that crashes before its end still knows whose rows it sweeps", async () => {
  const faulty = faultyDriver(mapDriver({ limits: DENO_KV_LIMITS }));
  const store = storeOn(faulty.driver);
  const clientId = LONG[0] as string;
  const session = await acquired(store, request(clientId, "1"));
  const guard = await changed(store, "subscribe", session.guard, put("a", LONG[1] as string));
  await store.commit([batch("end", { guard, changes: [{ type: "endSession", reason: "expired" }] })]);
  const [due] = await store.listDue(NOW, { limit: 9, graceMs: 0 });
  assert.ok(due?.type === "sweep");
  faulty.decide = (_, mutations) => mutations.some(({ key }) => key.includes("/due/")) ? "lost" : "goes";
  await assert.rejects(store.sweep(due.work), { code: "OUTCOME_UNKNOWN" });
  faulty.decide = undefined;
  const again = await store.listDue(NOW, { limit: 9, graceMs: 0 });
  assert.deepEqual(again.map((work) => work.type === "sweep" && work.work.clientId === clientId), [true]);
  await sweepAll(store);
  assert.deepEqual(await store.matchSubscriptions(["a"]), [[]]);
});

Deno.test("a client whose text cannot be read keeps nobody else from their news, their matches and their time [G13]", async () => {
  const driver = mapDriver({ limits: DENO_KV_LIMITS });
  const store = storeOn(driver);
  const clientId = LONG[0] as string;
  for (const each of [clientId, "short"]) {
    const session = await acquired(store, request(each, "1"));
    const guard = await changed(store, `subscribe ${each.length}`, session.guard, put("a"));
    await store.commit([batch("b", { deliveries: [{ message: message(), receivers: [to(session)] }] })]);
    await changed(store, `leave ${each.length}`, guard, [{ type: "putHead", head: DETACHED }]);
  }
  for (const { key, value } of driver.entries()) {
    if (key.includes("/text/")) driver.overwrite(key, value.slice(0, -1));
  }
  assert.deepEqual(await store.readRings("node"), ["short"]);
  const [matches = []] = await store.matchSubscriptions(["a"]);
  assert.deepEqual(matches.map((match) => match.clientId), ["short"]);
  assert.deepEqual((await store.directory.inspect(clientId))?.dropped, { unreadable: 1 });
  await assert.rejects(store.listDue(NOW + 1_000, { limit: 9, graceMs: 0 }), { code: "RECORD_UNREADABLE" });
  const due = await store.listDue(NOW + 1_000, { limit: 9, graceMs: 0 });
  assert.deepEqual(due.map((work) => work.type === "session" && work.clientId), ["short"]);
});

Deno.test("a client named as the digest of another is a client of its own", async () => {
  const store = storeOn(mapDriver({ limits: DENO_KV_LIMITS }));
  const clientId = LONG[0] as string;
  const digest = `~${await digestOf(clientId)}`;
  for (const each of [clientId, digest]) {
    const session = await acquired(store, request(each, "1", { incarnation: each.slice(0, 9) }));
    await changed(store, "subscribe", session.guard, put("a", each));
  }
  for (const topic of ["a", clientId, digest]) {
    const [matches = []] = await store.matchSubscriptions([topic]);
    const expected = topic === "a" ? [clientId, digest] : [topic];
    assert.deepEqual(new Set(matches.map((match) => match.clientId)), new Set(expected));
  }
  const { sessions } = await store.directory.list({ limit: 9 });
  assert.deepEqual(new Set(sessions.map((each) => each.clientId)), new Set([clientId, digest]));
});
