/** What a caller may not ask of the store, what no commit can hold, and what rows come and go with a session. */
import { JOURNAL_KEPT_MS } from "../../../../src/store/records/journal.ts";
import assert from "node:assert/strict";
import { SessionError } from "../../../../src/errors.ts";
import type { Will } from "../../../../src/mqtt/will.ts";
import { keyValueStore } from "../../../../src/store/key_value/mod.ts";
import type { Acquired, CommitBatch, SessionStore } from "../../../../src/store/session_store.ts";
import { DENO_KV_LIMITS } from "../../../../src/stores/deno_kv.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

const PLAIN = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

function fails(code: SessionError["code"]) {
  return (error: unknown): boolean => error instanceof SessionError && error.code === code;
}

function will(bytes: number): Will {
  return { topic: "will", payload: new Uint8Array(bytes), qos: 1, retain: false, properties: {}, willDelayInterval: 5 };
}

/** Commits for an owner, who goes on with the next guard. */
async function owner(store: SessionStore, clientId = "c") {
  let { guard } = await acquired(store, request(clientId, "1"));
  let commits = 0;
  return async (...changes: CommitBatch["changes"]): Promise<void> => {
    const [result] = await store.commit([batch(`b${++commits}`, { guard, changes })]);
    assert.equal(result?.outcome, "committed");
    if (result?.outcome === "committed" && result.guard !== undefined) guard = result.guard;
  };
}

Deno.test("a prefix that cannot stand in a key is misuse", () => {
  const capabilities = { fencing: "strict", durability: "process", consistency: "strong", watch: "none" } as const;
  for (const prefix of ["", "a b", "a/b", "é", "x".repeat(257)]) {
    assert.throws(() => keyValueStore(mapDriver(), { capabilities, prefix }), RangeError, prefix);
  }
  assert.doesNotThrow(() => keyValueStore(mapDriver(), { capabilities, prefix: "x".repeat(256) }));
});

Deno.test("a batch that no state of the store makes right is misuse, and changes nothing", async () => {
  const driver = mapDriver({ limits: DENO_KV_LIMITS });
  const store = storeOn(driver);
  const session = await acquired(store, request("c", "1"));
  const before = driver.entries();
  const wrong: readonly (readonly [Partial<CommitBatch>, typeof TypeError | typeof RangeError])[] = [
    [{ changes: [{ type: "putInboundId", packetId: 1 }] }, TypeError],
    [{ raiseEpoch: { token: "t" } }, TypeError],
    [{ behindOutbox: true }, TypeError],
    [{ now: NaN }, RangeError],
    [{ outbox: { outboxId: "o", number: 1, from: 2, to: 1 } }, RangeError],
    [{ outbox: { outboxId: "o", number: 1, from: -1, to: 1 } }, RangeError],
  ];
  for (const [parts, kind] of wrong) await assert.rejects(store.commit([batch("b", parts)]), kind);
  const half = "\ud800".repeat(2_000);
  const changes = [{ type: "putSubscription", filter: half, subscription: PLAIN }] as const;
  await assert.rejects(store.commit([batch("b", { guard: session.guard, changes })]), TypeError);
  await assert.rejects(store.acquire(request("half \ud800", "1")), TypeError);
  assert.deepEqual(driver.entries().filter(({ key }) => !key.endsWith("/shapes")), before);
});

Deno.test("a batch with more changes, or a larger record, than the store takes is refused", async () => {
  const store = storeOn(mapDriver({ limits: { ...DENO_KV_LIMITS, valueBytes: 4_096 } }));
  const session = await acquired(store, request("c", "1"));
  const { maxChangesPerBatch } = store.capabilities;
  const changes = Array.from(
    { length: maxChangesPerBatch + 1 },
    (_, index) => ({ type: "putInboundId", packetId: index + 1 } as const),
  );
  await assert.rejects(store.commit([batch("b", { guard: session.guard, changes })]), fails("LIMIT_EXCEEDED"));
  const name = "x".repeat(5_000);
  const raiseEpoch = { token: name };
  await assert.rejects(store.commit([batch("b", { guard: session.guard, raiseEpoch })]), fails("LIMIT_EXCEEDED"));
  assert.equal((await store.read("c"))?.guard.version, session.guard.version);
});

Deno.test("a batch that cannot be divided and is too large is refused, and those with it are stored", async () => {
  const limits = { ...DENO_KV_LIMITS, valueBytes: 30_000, bytesPerCommit: 30_000 };
  const store = storeOn(mapDriver({ limits }));
  const large = await acquired(store, request("large", "1"));
  const small = await acquired(store, request("small", "1"));
  const filter = `${"f".repeat(15_000)}/+`;
  // It can be divided behind a subscription, and none comes before the Will.
  const changes = [
    { type: "putWill", will: will(28_000) },
    { type: "putSubscription", filter, subscription: PLAIN },
  ] as const;
  const both = [
    batch("large", { guard: large.guard, changes }),
    batch("small", { guard: small.guard, changes: [{ type: "putInboundId", packetId: 1 }] }),
  ];
  await assert.rejects(store.commit(both), fails("LIMIT_EXCEEDED"));
  assert.deepEqual((await store.read("small"))?.snapshot.inbound, new Set([1]));
  const left = (await store.read("large"))?.snapshot;
  assert.deepEqual([left?.will, left?.subscriptions.size], [undefined, 0]);
  const [result] = await store.commit([batch("again", { guard: large.guard, changes: changes.toReversed() })]);
  assert.equal(result?.outcome, "committed");
});

Deno.test("a Will is put, replaced by one in parts, by another, and deleted, and leaves no part behind", async () => {
  const driver = mapDriver({ limits: { ...DENO_KV_LIMITS, valueBytes: 4_096 } });
  const store = storeOn(driver);
  const commit = await owner(store);
  const stored = async () => (await store.read("c"))?.snapshot.will?.payload.length;
  for (const bytes of [10, 9_000, 20_000, 10, 9_000]) {
    await commit({ type: "putWill", will: will(bytes) });
    assert.equal(await stored(), bytes);
  }
  await commit({ type: "deleteWill" });
  assert.equal(await stored(), undefined);
  for (const work of await store.listDue(NOW + 1, { limit: 100, graceMs: 0 })) {
    if (work.type === "sweep") await store.sweep(work.work);
  }
  assert.deepEqual(driver.entries().filter(({ key }) => key.includes("/staged/") && !key.includes("/due/")), []);
});

Deno.test("marks, identifiers and subscriptions come and go one by one", async () => {
  const store = storeOn(mapDriver({ limits: DENO_KV_LIMITS }));
  const commit = await owner(store);
  const mark = { packetId: 7, phase: "released", pubrecOrder: 1 } as const;
  await commit(
    { type: "putOutboundMark", sequence: 1, mark },
    { type: "putInboundId", packetId: 1 },
    { type: "putInboundId", packetId: 1 },
    { type: "putInboundId", packetId: 2 },
    { type: "putQuarantine", packetId: 3 },
    { type: "putQuarantine", packetId: 3 },
    { type: "putSubscription", filter: "a", subscription: PLAIN },
    { type: "putSubscription", filter: "$share/g/a", subscription: PLAIN },
  );
  const full = (await store.read("c"))?.snapshot;
  assert.deepEqual(full?.outbound, new Map([[1, mark]]));
  assert.deepEqual([full?.inbound, full?.quarantine], [new Set([1, 2]), new Set([3])]);
  assert.deepEqual([...full?.subscriptions.keys() ?? []].sort(), ["$share/g/a", "a"]);
  await commit(
    { type: "deleteOutboundMark", sequence: 1 },
    { type: "deleteInboundId", packetId: 1 },
    { type: "deleteInboundId", packetId: 9 },
    { type: "deleteSubscription", filter: "$share/g/a" },
  );
  const left = (await store.read("c"))?.snapshot;
  assert.deepEqual([left?.outbound, left?.inbound], [new Map(), new Set([2])]);
  assert.deepEqual([...left?.subscriptions.keys() ?? []], ["a"]);
});

Deno.test("a mere copy of a guard stands for the session as long as its numbers do", async () => {
  const store = storeOn(mapDriver({ limits: DENO_KV_LIMITS }));
  const { guard }: Acquired = await acquired(store, request("c", "1"));
  const copy = { ...guard };
  const changes = [{ type: "putInboundId", packetId: 1 }] as const;
  for (
    const stale of [{ version: 9 }, { epoch: 9 }, { incarnation: "another" }, { clientId: "nobody" }]
  ) {
    const [result] = await store.commit([batch("stale", { guard: { ...copy, ...stale }, changes })]);
    assert.deepEqual(result, { outcome: "superseded" });
  }
  const [result] = await store.commit([batch("b", { guard: copy, changes })]);
  assert.equal(result?.outcome, "committed");
  assert.deepEqual((await store.read("c"))?.snapshot.inbound, new Set([1]));
  const deliveries = [{ message: message(), receivers: [to({ snapshot: copy })] }];
  await store.commit([batch("m", { deliveries })]);
  const page = await store.readQueue(copy, { after: 0, messages: 10, bytes: 1e6 });
  assert.deepEqual(page.messages.map(({ sequence }) => sequence), [1]);
});

Deno.test("what an ended session left is swept in commits no larger than the limits of their keys", async () => {
  const driver = mapDriver({ limits: { ...DENO_KV_LIMITS, keyBytesPerCommit: 2_000 } });
  const store = storeOn(driver);
  const commit = await owner(store);
  for (let index = 0; index < 40; index++) {
    await commit({ type: "putSubscription", filter: `filter/${index}/${"x".repeat(100)}`, subscription: PLAIN });
  }
  await commit({ type: "endSession", reason: "administrative" });
  const sweep = async (now: number): Promise<void> => {
    for (const work of await store.listDue(now, { limit: 100, graceMs: 0 })) {
      if (work.type === "sweep") await store.sweep(work.work);
    }
  };
  const left = (): string[] => driver.entries().map(({ key }) => key);
  await sweep(NOW + 1);
  assert.deepEqual(left().filter((key) => /\/(row|route)\//.test(key)), []);
  // Its journal goes a day later.
  assert.equal(left().filter((key) => /\/(due|ended)\//.test(key)).length, 2);
  await sweep(NOW + JOURNAL_KEPT_MS);
  assert.deepEqual(left().filter((key) => /\/(row|route|due|ended)\//.test(key)), []);
});
