import assert from "node:assert/strict";
import { SessionError } from "../../../../mod.ts";
import { cloudflareKvArchive } from "../../../../src/stores/cloudflare_kv/mod.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import { detachedAt, Kit, receiver, START } from "../../../../src/testing/conformance/kit.ts";
import { WorkersKv } from "../../../support/workers_kv.ts";
import { contents, fill } from "../../admin/exported.ts";
import { mapStore } from "../../admin/support.ts";

const AT = { now: START + 1_000 };
const HOUR = 3_600_000;
const hasCode = (code: string) => (error: unknown): boolean => error instanceof SessionError && error.code === code;

/** The clients of a store, by name. */
async function clients(store: SessionStore): Promise<readonly string[]> {
  const { sessions } = await store.directory.list({ limit: 100 });
  return sessions.map(({ clientId }) => clientId).sort();
}

/** A store with one detached session that ends an hour after the start. */
async function detached(): Promise<{ readonly store: SessionStore; readonly kit: Kit }> {
  const store = memoryStore();
  const kit = new Kit({ store, close: () => {} });
  await kit.start();
  const session = await kit.open("meter");
  await kit.fill(session, ["one", "two"]);
  await kit.detach(session);
  return { store, kit };
}

for (const [name, make] of [["memory", memoryStore], ["key-value", mapStore]] as const) {
  Deno.test(`archive of Workers KV: detached sessions of ${name} come back into another store as they were`, async () => {
    const kv = new WorkersKv();
    const archive = cloudflareKvArchive(kv.place(), { clock: kv.clock });
    const store = make();
    await fill(store);
    const outcomes: string[] = [];
    for (const clientId of await clients(store)) outcomes.push((await archive.put(store, clientId, AT)).outcome);
    assert.deepEqual(outcomes.toSorted(), ["archived", "archived", "archived", "attached"]);
    assert.equal(kv.writes.length, 3);

    const other = memoryStore();
    const elsewhere = cloudflareKvArchive(kv.place(), { clock: kv.clock });
    const restored: string[] = [];
    for (const clientId of await clients(store)) {
      restored.push((await elsewhere.restore(other, clientId, AT)).outcome);
    }
    assert.deepEqual(restored.toSorted(), ["absent", "restored", "restored", "restored"]);
    const mine = await contents(store) as readonly string[];
    assert.deepEqual(await contents(other), mine.filter((session) => !session.includes('"owned"')));
    assert.deepEqual(await elsewhere.restore(other, "one", AT), { outcome: "exists" });
  });
}

Deno.test("archive of Workers KV: a copy vanishes when its session ends, after a minute at the earliest, or never", async () => {
  const kv = new WorkersKv();
  const archive = cloudflareKvArchive(kv.place(), { clock: kv.clock });
  const { store, kit } = await detached();
  const key = "mqtt-archive/meter";
  await archive.put(store, "meter", AT);
  kv.pass(HOUR - 1_001);
  assert.notEqual(kv.bytes(key), undefined);
  kv.pass(1);
  assert.equal(kv.bytes(key), undefined);
  await archive.put(store, "meter", { now: START + HOUR - 1 });
  kv.pass(59_999);
  assert.notEqual(kv.bytes(key), undefined);
  assert.deepEqual(await archive.restore(memoryStore(), "meter", { now: START + HOUR }), { outcome: "ended" });
  kv.pass(1);
  assert.equal(kv.bytes(key), undefined);
  assert.deepEqual(await archive.put(store, "meter", { now: START + HOUR }), { outcome: "ended" });
  assert.deepEqual(await archive.put(store, "nobody", AT), { outcome: "absent" });

  const { endsAt: _, ...never } = detachedAt(START);
  const lasting = await kit.open("lasting");
  await kit.change(lasting, [{ type: "putHead", head: never }]);
  await archive.put(store, "lasting", AT);
  kv.pass(1e12);
  assert.notEqual(kv.bytes("mqtt-archive/lasting"), undefined);
});

Deno.test("archive of Workers KV: what is older than a known copy is not restored, nor is nothing taken for it", async () => {
  const kv = new WorkersKv();
  const [here, there] = [kv.place(), kv.place()].map((place) => cloudflareKvArchive(place, { clock: kv.clock }));
  assert.ok(here !== undefined && there !== undefined);
  const { store, kit } = await detached();
  assert.deepEqual(await there.restore(memoryStore(), "meter", AT), { outcome: "absent" });
  const first = await here.put(store, "meter", AT);
  assert.ok(first.outcome === "archived");
  const isBehind = hasCode("STORE_UNAVAILABLE");
  await assert.rejects(there.restore(memoryStore(), "meter", { ...AT, atLeast: first.copy }), isBehind);
  kv.pass(60_000);
  assert.deepEqual(await there.restore(memoryStore(), "meter", { ...AT, atLeast: first.copy }), {
    outcome: "restored",
  });

  await kit.detach(await kit.open("meter"));
  const second = await here.put(store, "meter", AT);
  assert.ok(second.outcome === "archived" && second.copy.version > first.copy.version);
  await assert.rejects(there.restore(memoryStore(), "meter", { ...AT, atLeast: second.copy }), isBehind);
  // Who knows of nothing gets what is seen there.
  assert.deepEqual(await there.restore(memoryStore(), "meter", AT), { outcome: "restored" });
  const foreign = { incarnation: "another", version: 0 };
  await assert.rejects(here.restore(memoryStore(), "meter", { ...AT, atLeast: foreign }), isBehind);
});

Deno.test("archive of Workers KV: a session that is taken while it is copied is not archived", async () => {
  const kv = new WorkersKv();
  const { store, kit } = await detached();
  const taken: SessionStore = {
    ...store,
    readQueue: async (...call) => {
      const page = await store.readQueue(...call);
      await kit.acquire("meter");
      return page;
    },
  };
  const archive = cloudflareKvArchive(kv.place(), { clock: kv.clock });
  assert.deepEqual(await archive.put(taken, "meter", AT), { outcome: "changed" });
  assert.equal(kv.writes.length, 0);
});

Deno.test("archive of Workers KV: what came after the copy is not in it", async () => {
  const kv = new WorkersKv();
  const { store, kit } = await detached();
  const archive = cloudflareKvArchive(kv.place(), { clock: kv.clock });
  await archive.put(store, "meter", AT);
  const incarnation = (await store.read("meter"))?.guard.incarnation ?? "";
  await kit.deliver([
    receiver({ clientId: "meter", incarnation, guard: { clientId: "meter", incarnation, epoch: 0, version: 0 } }),
  ]);
  const other = memoryStore();
  await archive.restore(other, "meter", AT);
  assert.deepEqual([await queued(store), await queued(other)], [3, 2]);
});

async function queued(store: SessionStore): Promise<number | undefined> {
  return (await store.directory.inspect("meter"))?.queuedMessages;
}

Deno.test("archive of Workers KV: failures say whether anything was written", async () => {
  const kv = new WorkersKv();
  const place = kv.place();
  const archive = cloudflareKvArchive(place, { clock: kv.clock });
  const { store } = await detached();
  await archive.put(store, "meter", AT);
  await archive.put(store, "meter", AT);
  assert.deepEqual([kv.refused, kv.writes.length], [1, 2], "turned away and repeated");
  kv.pass(1_000);
  kv.writeFaults.push("lost");
  await assert.rejects(archive.put(store, "meter", AT), hasCode("OUTCOME_UNKNOWN"));
  const busy = cloudflareKvArchive({
    ...place,
    put: () => Promise.reject(new Error("KV PUT failed: 429 Too Many Requests")),
  }, { clock: kv.clock });
  await assert.rejects(busy.put(store, "meter", AT), hasCode("STORE_UNAVAILABLE"));
  kv.failingReads = 1;
  await assert.rejects(archive.restore(memoryStore(), "meter", AT), hasCode("STORE_UNAVAILABLE"));
  const damaged = kv.bytes("mqtt-archive/meter")?.slice() ?? new Uint8Array();
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
  kv.overwrite("mqtt-archive/meter", damaged);
  await assert.rejects(
    cloudflareKvArchive(kv.place(), { clock: kv.clock }).restore(memoryStore(), "meter", AT),
    hasCode("RECORD_UNREADABLE"),
  );
  const { maintenance: _, ...without } = store;
  await assert.rejects(archive.put(without, "meter", AT), hasCode("CAPABILITY_MISSING"));
  await assert.rejects(archive.restore(without, "meter", AT), hasCode("CAPABILITY_MISSING"));
});

Deno.test("archive of Workers KV: a session that is larger than a value is refused, and long names have keys that fit", async () => {
  const kv = new WorkersKv();
  const archive = cloudflareKvArchive(kv.place(), { clock: kv.clock, prefix: "p".repeat(200) });
  const { store, kit } = await detached();
  const name = "é".repeat(1_000);
  await kit.detach(await kit.open(name));
  assert.equal((await archive.put(store, name, AT)).outcome, "archived");
  assert.deepEqual(await archive.restore(memoryStore(), name, AT), { outcome: "restored" });
  const incarnation = (await store.read("meter"))?.guard.incarnation ?? "";
  const owned = { clientId: "meter", incarnation, guard: { clientId: "meter", incarnation, epoch: 0, version: 0 } };
  await kit.deliver([receiver(owned)], { payload: new Uint8Array(26_214_400) });
  await assert.rejects(archive.put(store, "meter", AT), hasCode("LIMIT_EXCEEDED"));
  assert.equal(kv.writes.length, 1);
  assert.throws(() => cloudflareKvArchive(kv.place(), { prefix: "p".repeat(201) }), RangeError);
});
