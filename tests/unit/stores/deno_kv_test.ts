import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type SessionBroker, sessionBroker } from "../../../mod.ts";
import { SessionError } from "../../../src/errors.ts";
import { DENO_KV_LIMITS, denoKvDriver, type DenoKvLike, denoKvStore } from "../../../src/stores/deno_kv.ts";
import { acquired, batch, message, request, to } from "../store/key_value/kit.ts";

const busy = new Error("database is locked");

/** A Deno KV whose calls fail as told, and are counted. */
function failing(error: Error, times: number) {
  const calls = { count: 0 };
  const attempt = (): void => {
    if (calls.count++ < times) throw error;
  };
  const atomic = {
    check: () => atomic,
    set: () => atomic,
    delete: () => atomic,
    commit: () => Promise.try(() => (attempt(), { ok: true, versionstamp: "1" })),
  };
  const kv: DenoKvLike = {
    getMany: (keys) => Promise.try(() => (attempt(), keys.map((key) => ({ key, value: null, versionstamp: null })))),
    // deno-lint-ignore require-yield -- it fails before there is anything to yield
    list: async function* () {
      await undefined;
      attempt();
    },
    atomic: () => atomic,
    watch: () => new ReadableStream(),
  };
  return { kv, calls };
}

Deno.test("a commit that finds the file locked is repeated, since nothing of it was carried out", async () => {
  const { kv, calls } = failing(busy, 3);
  const waits: number[] = [];
  const wait = (retry: number) => Promise.resolve(void waits.push(retry));
  const driver = denoKvDriver(kv, { wait });
  assert.deepEqual(await driver.commit([], [{ type: "delete", key: "a" }]), { version: "1" });
  assert.equal(calls.count, 4);
  assert.deepEqual(waits, [0, 1, 2]);
});

Deno.test("a file that stays locked makes the store unavailable, and nothing has happened", async () => {
  const { kv, calls } = failing(busy, Infinity);
  const store = denoKvStore(kv, { busyRetries: 2 });
  const isUnavailable = (error: unknown): boolean =>
    error instanceof SessionError && error.code === "STORE_UNAVAILABLE" && error.cause === busy;
  await assert.rejects(store.renewNode("n", 1), isUnavailable);
  assert.equal(calls.count, 3);
  await assert.rejects(store.read("c"), isUnavailable);
});

Deno.test("a file that another writer holds longer than SQLite waits: reads go on, and the commit is carried out once it lets go", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/sessions.db`;
  using kv = await Deno.openKv(path);
  const retries: number[] = [];
  const driver = denoKvDriver(kv, {
    wait: async (retry) => {
      retries.push(retry);
      assert.deepEqual(await driver.get(["a"]), [undefined]);
      other.exec("ROLLBACK");
    },
  });
  await driver.commit([], [{ type: "set", key: "b", value: Uint8Array.of(1) }]);
  const other = new DatabaseSync(path);
  try {
    other.exec("BEGIN IMMEDIATE");
    const written = driver.commit([], [{ type: "set", key: "a", value: Uint8Array.of(2) }]);
    assert.deepEqual((await driver.get(["b"]))[0]?.value, Uint8Array.of(1));
    assert.ok(await written);
    assert.deepEqual(retries, [0]);
    assert.deepEqual((await driver.get(["a"]))[0]?.value, Uint8Array.of(2));
  } finally {
    other.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("any other failure of a commit leaves its outcome unknown, and of a read changes nothing", async () => {
  const store = denoKvStore(failing(new Error("connection reset"), Infinity).kv);
  await assert.rejects(store.renewNode("n", 1), { code: "OUTCOME_UNKNOWN" });
  await assert.rejects(store.readRings("n"), { code: "STORE_UNAVAILABLE" });
});

Deno.test("the limits that the store keeps to are within those of Deno KV", async () => {
  using kv = await Deno.openKv(":memory:");
  const driver = denoKvDriver(kv);
  const { valueBytes, mutationsPerCommit, keyBytesPerCommit, checksPerCommit, keyBytes, bytesPerCommit } =
    DENO_KV_LIMITS;
  const set = (key: string, bytes: number) => ({ type: "set", key, value: new Uint8Array(bytes) } as const);
  assert.ok(await driver.commit([], [set("k".repeat(keyBytes), valueBytes)]));
  const many = Array.from({ length: mutationsPerCommit }, (_, index) => {
    return set(String(index).padStart(Math.floor(keyBytesPerCommit / mutationsPerCommit), "0"), 1);
  });
  assert.ok(await driver.commit([], many));
  const large = Array.from(
    { length: Math.floor(bytesPerCommit / (valueBytes + 10)) },
    (_, index) => set(`l${index}`, valueBytes),
  );
  assert.ok(await driver.commit([], large));
  const checks = Array.from({ length: checksPerCommit }, (_, index) => ({ key: `none${index}`, version: null }));
  assert.ok(await driver.commit(checks, [set("a", 1)]));
});

Deno.test("a message of a mebibyte goes through Deno KV, and its parts go with it", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = denoKvStore(kv, { durability: "process" });
  const session = await acquired(store, request("c", "1"));
  const payload = crypto.getRandomValues(new Uint8Array(65_536));
  const sent = message(new Uint8Array(1_048_576));
  sent.payload.set(payload, 1_000_000 - 65_536);
  await store.commit([batch("b", { deliveries: [{ message: sent, receivers: [to(session)] }] })]);
  const page = await store.readQueue(session.guard, { after: 0, messages: 1, bytes: 1 });
  assert.deepEqual(page.messages[0]?.payload, sent.payload);
  await store.commit([
    batch("end", { guard: session.guard, changes: [{ type: "endSession", reason: "administrative" }] }),
  ]);
  const due = await store.listDue(Number.MAX_SAFE_INTEGER, { limit: 10, graceMs: 0 });
  for (const work of due) if (work.type === "sweep") await store.sweep(work.work);
  await store.readRings("node");
  const left = await Array.fromAsync(kv.list({ start: ["mqtt/"], end: ["mqtt0"] }), ({ key }) => key[0]);
  assert.deepEqual(left, []);
});

Deno.test("two stores on one database see each other, and only one of two owners can commit", async () => {
  using kv = await Deno.openKv(":memory:");
  const [one, other] = [denoKvStore(kv), denoKvStore(kv)];
  const first = await acquired(one, request("c", "1"));
  const second = await acquired(other, request("c", "2", { nodeId: "other" }));
  const change = { type: "putInboundId", packetId: 1 } as const;
  const [stale] = await one.commit([batch("a", { guard: first.guard, changes: [change] })]);
  const [owned] = await other.commit([batch("b", { guard: second.guard, changes: [change] })]);
  assert.equal(stale?.outcome, "superseded");
  assert.equal(owned?.outcome, "committed");
});

Deno.test("two brokers of one process tell each other of news at once, without polling", async () => {
  const kv = await Deno.openKv(":memory:");
  const brokers = ["a", "b"].map((nodeId) =>
    sessionBroker({ store: denoKvStore(kv, { durability: "process" }), nodeId, doorbellPollMs: 0 })
  );
  const [a, b] = brokers as [SessionBroker, SessionBroker];
  for (const broker of brokers) broker.start();
  const connect = { type: "connect", protocolVersion: 5, cleanStart: true, keepAlive: 0 } as const;
  const filter = { filter: "t", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  try {
    const subscribed = Promise.withResolvers<void>();
    const heard = Promise.withResolvers<string>();
    const subscriber = b.accept({
      send: (packet) => {
        if (packet.type === "suback") subscribed.resolve();
        if (packet.type === "publish") heard.resolve(new TextDecoder().decode(packet.payload));
      },
      close: () => {},
    });
    await subscriber.receive([
      { ...connect, clientId: "s" },
      { type: "subscribe", packetId: 1, subscriptions: [filter] },
    ]);
    await subscribed.promise;
    await a.publish({ topic: "t", payload: new TextEncoder().encode("news"), qos: 1 });
    assert.equal(await heard.promise, "news");
  } finally {
    await Promise.all(brokers.map((broker) => broker.shutdown()));
    kv.close();
  }
});
