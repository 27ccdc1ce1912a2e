import assert from "node:assert/strict";
import { createStore, entries as entriesOf } from "idb-keyval";
import type { KeyValueDriver } from "../../../../src/store/key_value/driver.ts";
import { indexedDbStore } from "../../../../src/stores/idb_keyval/mod.ts";
import type { IndexedDbPlatform } from "../../../../src/stores/idb_keyval/platform.ts";
import { driverRows, mapDriver, random } from "../../../../src/testing/mod.ts";
import { acquired, batch, message, request, to } from "../../store/key_value/kit.ts";
import { DATABASE, freshPlatform, openElsewhere, pageOf, set } from "./kit.ts";

Deno.test("a version is never used twice for a key: after a delete, in another page, in the page opened again", async () => {
  const platform = freshPlatform();
  const seen = new Set<string>();
  const writeAndDelete = async (driver: KeyValueDriver): Promise<void> => {
    const written = await driver.commit([{ key: "a", version: null }], [set("a")]);
    assert.ok(written !== undefined && !seen.has(written.version), "it was written, with a version of its own");
    seen.add(written.version);
    assert.equal((await driver.get(["a"]))[0]?.version, written.version);
    assert.ok(
      await driver.commit([written].map(({ version }) => ({ key: "a", version })), [{ type: "delete", key: "a" }]),
    );
  };
  for (let opening = 0; opening < 3; opening++) {
    await using page = pageOf(platform);
    await using other = pageOf(platform);
    for (const driver of [page.driver, other.driver, page.writing, page.driver]) await writeAndDelete(driver);
  }
  assert.equal(seen.size, 12);
});

Deno.test("drawn commits of two pages do what a map does, through whichever driver they go", async () => {
  const platform = freshPlatform();
  await using one = pageOf(platform);
  await using other = pageOf(platform);
  const drivers = [one.driver, one.writing, other.driver, other.writing];
  const model = mapDriver();
  const seed = 20_261_128;
  const draw = random(seed);
  const keys = ["a", "b", "b/c", "c", "d"];
  /** The versions of each key that the model and the database gave at the same time. */
  const versions = new Map<string, string>();
  for (let step = 0; step < 600; step++) {
    const driver = draw.pick(drivers);
    const about = `seed ${seed}, step ${step}`;
    const [asked, told] = await Promise.all([model.get(keys), driver.get(keys)]);
    assert.deepEqual(told.map((entry) => entry?.value), asked.map((entry) => entry?.value), about);
    for (const [index, entry] of asked.entries()) if (entry) versions.set(entry.version, told[index]?.version ?? "");
    const checks = keys.filter(() => draw.chance(0.3)).map((key) => {
      const version = asked[keys.indexOf(key)]?.version ?? null;
      const isStale = draw.chance(0.1);
      return { key, version: isStale ? draw.pick([null, ...versions.keys()]) : version };
    });
    const mutations = keys.filter(() => draw.chance(0.4)).map((key) =>
      draw.chance(0.3) ? { type: "delete", key } as const : set(key, draw.below(256))
    );
    const translated = checks.map(({ key, version }) => ({ key, version: version && (versions.get(version) ?? "?") }));
    const [expected, found] = [await model.commit(checks, mutations), await driver.commit(translated, mutations)];
    assert.equal(found === undefined, expected === undefined, about);
    if (expected !== undefined && found !== undefined) versions.set(expected.version, found.version);
    const range = { start: draw.pick(keys), end: draw.pick(keys), limit: 1 + draw.below(4) };
    const [page, listed] = [await model.list(range), await driver.list(range)];
    assert.deepEqual(listed.entries.map(({ key }) => key), page.entries.map(({ key }) => key), about);
    if (page.more) assert.ok(listed.more, about);
  }
});

Deno.test("of many who read a key and write it under what they read, each once, no write is lost", async () => {
  const platform = freshPlatform();
  await using one = pageOf(platform);
  await using other = pageOf(platform);
  const increment = async (driver: KeyValueDriver): Promise<void> => {
    for (;;) {
      const [entry] = await driver.get(["n"]);
      const next = (entry?.value[0] ?? 0) + 1;
      if (await driver.commit([{ key: "n", version: entry?.version ?? null }], [set("n", next)])) return;
    }
  };
  const drivers = [one.driver, one.writing, other.driver, other.writing];
  await Promise.all(Array.from({ length: 100 }, (_, index) => increment(drivers[index % 4] ?? one.driver)));
  assert.deepEqual((await one.driver.get(["n"]))[0]?.value, Uint8Array.of(100));
});

Deno.test("what is read to be written is written in the same transaction, and in one of its own when that has ended", async () => {
  const { platform, begun } = counting(freshPlatform());
  await using page = pageOf(platform);
  await page.driver.get(["a"]);
  begun.length = 0;
  await page.writing.get(["a"]);
  await page.writing.commit([{ key: "a", version: null }], [set("a")]);
  assert.deepEqual(begun, ["readwrite"]);
  await page.writing.get(["a"]);
  // Another read comes to its turn when that transaction has ended.
  await page.driver.get(["a"]);
  assert.equal(
    await page.writing.commit([{ key: "a", version: null }], [set("a", 2)]),
    undefined,
    "it is there by now",
  );
  assert.ok(await page.writing.commit([{ key: "b", version: null }], [set("b")]));
  assert.deepEqual(begun, ["readwrite", "readwrite", "readonly", "readwrite", "readwrite"]);
});

Deno.test("a range that ends before it begins is empty, and of an exact page more may follow", async () => {
  await using page = pageOf(freshPlatform());
  await page.driver.commit([], ["a", "b", "c"].map((key) => set(key)));
  assert.deepEqual(await page.driver.list({ start: "b", end: "b", limit: 9 }), { entries: [], more: false });
  assert.deepEqual(await page.driver.list({ start: "c", end: "a", limit: 9 }), { entries: [], more: false });
  const { entries, more } = await page.driver.list({ start: "a", end: "c", limit: 2 });
  assert.deepEqual(entries.map(({ key }) => key), ["a", "b"]);
  assert.equal(more, true);
  assert.deepEqual(await page.driver.get([]), []);
  assert.deepEqual(await page.writing.get([]), []);
  const twice = await page.writing.get(["a", "d", "a"]);
  assert.deepEqual(twice.map((entry) => entry?.key), ["a", undefined, "a"]);
});

Deno.test("of bytes inside a larger buffer only they are stored", async () => {
  const platform = freshPlatform();
  await using page = pageOf(platform);
  const value = new Uint8Array(1_000_000).subarray(10, 12);
  await page.driver.commit([], [{ type: "set", key: "a", value }]);
  const shared = new Uint8Array(new SharedArrayBuffer(2));
  await page.driver.commit([], [{ type: "set", key: "b", value: shared }]);
  for (const { value } of await driverRows(page.driver)) {
    assert.equal(value.buffer.byteLength, 2);
    assert.ok(value.buffer instanceof ArrayBuffer);
  }
});

Deno.test("the database is one that idb-keyval reads, and what it put there is kept aside as unreadable", async () => {
  const platform = freshPlatform();
  await using page = pageOf(platform);
  await page.driver.commit([], [set("a")]);
  Object.assign(globalThis, { indexedDB: platform.indexedDB });
  try {
    const rows = await entriesOf(createStore(DATABASE, "keyval"));
    assert.deepEqual(rows.map(([key]) => key), [0, "a"]);
  } finally {
    Reflect.deleteProperty(globalThis, "indexedDB");
  }
  await page.connection.use("readwrite", (store) => void store.put({ what: "ever" }, "b"));
  const [entry] = await page.driver.get(["b"]);
  assert.deepEqual(entry, { key: "b", value: new Uint8Array(), version: "" });
  assert.equal(await page.driver.commit([{ key: "b", version: null }], [set("b")]), undefined);
  assert.ok(await page.driver.commit([{ key: "b", version: "" }], [{ type: "delete", key: "b" }]));
});

Deno.test("a database that somebody else made for something else gets an object store more", async () => {
  const platform = freshPlatform();
  const theirs = await openElsewhere(platform, 7);
  theirs.close();
  await using page = pageOf(platform);
  assert.ok(await page.driver.commit([], [set("a")]));
  const ours = await openElsewhere(platform);
  assert.equal(ours.version, 8);
  ours.close();
});

Deno.test("two stores of one browser see each other, and only one of two owners can commit", async () => {
  const platform = freshPlatform();
  await using one = indexedDbStore({ database: DATABASE, platform });
  await using other = indexedDbStore({ database: DATABASE, platform });
  const first = await acquired(one, request("c", "1"));
  const second = await acquired(other, request("c", "2", { nodeId: "other" }));
  const change = { type: "putInboundId", packetId: 1 } as const;
  const [stale] = await one.commit([batch("a", { guard: first.guard, changes: [change] })]);
  const [owned] = await other.commit([batch("b", { guard: second.guard, changes: [change] })]);
  assert.equal(stale?.outcome, "superseded");
  assert.equal(owned?.outcome, "committed");
});

Deno.test("stores of different prefixes share a database, and nothing else", async () => {
  const platform = freshPlatform();
  await using one = indexedDbStore({ database: DATABASE, platform, prefix: "one" });
  await using other = indexedDbStore({ database: DATABASE, platform, prefix: "other" });
  await acquired(one, request("c", "1"));
  assert.equal(await other.read("c"), undefined);
  assert.ok(await one.read("c"));
});

Deno.test("a message that takes many rows is kept whole", async () => {
  await using store = indexedDbStore({ database: DATABASE, platform: freshPlatform() });
  const session = await acquired(store, request("c", "1"));
  const sent = message(new Uint8Array(5 * 1_048_576));
  sent.payload.set(crypto.getRandomValues(new Uint8Array(65_536)), 3_000_000);
  await store.commit([batch("b", { deliveries: [{ message: sent, receivers: [to(session)] }] })]);
  const page = await store.readQueue(session.guard, { after: 0, messages: 1, bytes: 1 });
  assert.deepEqual(page.messages[0]?.payload, sent.payload);
});

/** A browser that tells which transactions were begun. */
function counting(platform: IndexedDbPlatform) {
  const begun: string[] = [];
  const watched = new WeakSet<object>();
  return {
    begun,
    platform: {
      ...platform,
      indexedDB: {
        open: (name: string, version?: number) => {
          const request = platform.indexedDB?.open(name, version) as unknown as {
            addEventListener(type: string, listener: () => void): void;
            readonly result: { transaction(store: string, mode: string, options: unknown): unknown };
          };
          request.addEventListener("success", () => {
            const { result } = request;
            if (watched.has(result)) return;
            watched.add(result);
            const { transaction } = result;
            result.transaction = (store, mode, options) => {
              begun.push(mode);
              return transaction.call(result, store, mode, options);
            };
          });
          return request;
        },
      },
    },
  };
}
