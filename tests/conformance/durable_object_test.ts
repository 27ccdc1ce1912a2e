// What a Durable Object itself says to all this is asked in tests/runtimes: here it is quick, and counted by coverage.
import assert from "node:assert/strict";
import { SessionError } from "../../src/errors.ts";
import { durableObjectDriver, durableObjectStore, setWakeAlarm } from "../../src/stores/durable_object/mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { compareStores, driverRows } from "../../src/testing/mod.ts";
import { durableObjectConformance } from "../support/durable_object_promises.ts";
import { SqliteStorage } from "../support/durable_object_storage.ts";

durableObjectConformance("Durable Object on SQLite", Deno.test, () => {
  const storage = new SqliteStorage();
  return { storage, close: () => storage[Symbol.dispose]() };
});

Deno.test("Durable Object on SQLite answers and holds what the memory store does, on random histories", async () => {
  for (let seed = 1; seed <= 2; seed++) {
    using storage = new SqliteStorage();
    await compareStores(memoryStore(), durableObjectStore(storage), { seed, steps: 100 });
  }
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("Durable Object: a commit is answered once the platform has confirmed it, and is read before", async () => {
  using storage = new SqliteStorage();
  let confirm = (): void => {};
  storage.sync = () => new Promise((resolve) => confirm = resolve);
  const driver = durableObjectDriver(storage);
  let isAnswered = false;
  const commit = driver.commit([], [{ type: "set", key: "a", value: bytes("1") }]).finally(() => isAnswered = true);
  const [entry] = await driver.get(["a"]);
  assert.deepEqual(entry?.value, bytes("1"));
  assert.equal(isAnswered, false);
  confirm();
  assert.deepEqual(await commit, { version: entry?.version });
});

Deno.test("Durable Object: a commit whose checks fail writes nothing, and asks for no confirmation", async () => {
  using storage = new SqliteStorage();
  const driver = durableObjectDriver(storage);
  const first = await driver.commit([{ key: "a", version: null }], [{ type: "set", key: "a", value: bytes("1") }]);
  assert.ok(first !== undefined);
  const { syncs } = storage;
  for (const version of [null, `${first.version}0`, ""]) {
    assert.equal(await driver.commit([{ key: "a", version }], [{ type: "delete", key: "a" }]), undefined);
  }
  assert.equal(storage.syncs, syncs);
  assert.equal((await driverRows(driver)).length, 1);
});

Deno.test("Durable Object: no version comes again, in this run of the object or another", async () => {
  using storage = new SqliteStorage();
  const versions = new Set<string>();
  for (let run = 0; run < 3; run++) {
    const driver = durableObjectDriver(storage);
    for (let commit = 0; commit < 50; commit++) {
      await driver.commit([], [{ type: "delete", key: "a" }]);
      versions.add((await driver.commit([], [{ type: "set", key: "a", value: bytes("1") }]))?.version ?? "");
    }
  }
  assert.equal(versions.size, 150);
});

Deno.test("Durable Object: what fails in the middle of a commit is undone, and told as a store that is not there", async () => {
  using storage = new SqliteStorage();
  const driver = durableObjectDriver(storage);
  await driver.commit([], [{ type: "set", key: "a", value: bytes("1") }]);
  storage.sql.exec(`CREATE TRIGGER full BEFORE INSERT ON edge_mqtt_entry WHEN new.key = 'c'
    BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`);
  const before = await driverRows(driver);
  const writes = ["a", "b", "c"].map((key) => ({ type: "set", key, value: bytes("2") }) as const);
  await assert.rejects(driver.commit([], writes), (error: unknown) => {
    assert.ok(error instanceof SessionError);
    assert.equal(error.code, "STORE_UNAVAILABLE");
    assert.ok(error.cause instanceof Error);
    return true;
  });
  assert.deepEqual(await driverRows(driver), before);
});

Deno.test("Durable Object: a row that somebody else wrote reads as no bytes under its key, and can be removed", async () => {
  using storage = new SqliteStorage();
  const driver = durableObjectDriver(storage);
  storage.sql.exec("INSERT INTO edge_mqtt_entry (key, value, version) VALUES ('a', 'text', x'01')");
  const [entry] = await driver.get(["a"]);
  assert.deepEqual(entry, { key: "a", value: new Uint8Array(), version: "" });
  await driver.commit([{ key: "a", version: "" }], [{ type: "delete", key: "a" }]);
  assert.deepEqual(await driver.get(["a"]), [undefined]);
});

Deno.test("an alarm is set for what comes next, moved only when that is sooner, and never to the same moment", async () => {
  let set: number | null = null;
  let writes = 0;
  const storage = {
    getAlarm: () => Promise.resolve(set),
    setAlarm: (at: number) => {
      writes++;
      return Promise.resolve(void (set = at));
    },
  };
  const wake = (at: number | undefined, now = 0) =>
    setWakeAlarm(storage, { nextWakeAt: () => Promise.resolve(at) }, now);
  await wake(undefined);
  assert.equal(writes, 0, "nothing is to be done");
  await wake(60_000);
  assert.equal(set, 60_000);
  for (const at of [60_000, 90_000, undefined]) await wake(at);
  assert.equal(writes, 1, "nothing is to be done any sooner");
  await wake(30_000);
  assert.equal(set, 30_000);
  // While its alarm runs an object has none.
  set = null;
  await wake(29_000, 30_000);
  assert.equal(set, 31_000, "what stays due is not asked for at once");
});
