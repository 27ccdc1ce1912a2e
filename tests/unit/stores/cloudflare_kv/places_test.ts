import assert from "node:assert/strict";
import { sessionBroker, SessionError } from "../../../../mod.ts";
import { sessionClient, type SessionClientOptions } from "../../../../src/runtime/client/mod.ts";
import {
  cloudflareKvClientStore,
  cloudflareKvDriver,
  type KnownVersion,
} from "../../../../src/stores/cloudflare_kv/mod.ts";
import { WorkersKv } from "../../../support/workers_kv.ts";

const set = (key: string, text: string) => ({ type: "set", key, value: new TextEncoder().encode(text) }) as const;
const isBehind = (error: unknown): boolean => error instanceof SessionError && error.code === "STORE_UNAVAILABLE";

async function text(driver: ReturnType<typeof cloudflareKvDriver>, key: string): Promise<string | undefined> {
  const [entry] = await driver.get([key]);
  return entry && new TextDecoder().decode(entry.value);
}

Deno.test("Workers KV: what is older than a known version is refused until it is there, and so is nothing at all", async () => {
  const kv = new WorkersKv();
  const [here, there] = [kv.place(), kv.place()];
  const known = new Map<string, KnownVersion>();
  const open = (place = here) => cloudflareKvDriver(place, { key: "k", clock: kv.clock, known });
  // It remembers that nothing was there.
  assert.equal(await text(open(there), "a"), undefined);
  await open().commit([], [set("a", "1")]);
  await assert.rejects(text(open(there), "a"), isBehind);
  kv.pass(60_000);
  const late = open(there);
  assert.equal(await text(late, "a"), "1");
  await open().commit([], [set("a", "2")]);
  await assert.rejects(text(open(there), "a"), isBehind);
  kv.pass(60_000);
  assert.equal(await text(open(there), "a"), "2");
  assert.equal(known.get("k")?.version, 2);
});

Deno.test("Workers KV: one call of a store that found its place behind fails, and a later one goes on", async () => {
  const kv = new WorkersKv();
  const known = new Map([["k", { version: 1 }]]);
  const there = kv.place();
  const driver = cloudflareKvDriver(there, { key: "k", clock: kv.clock, known });
  await assert.rejects(text(driver, "a"), isBehind);
  await cloudflareKvDriver(kv.place(), { key: "k", clock: kv.clock }).commit([], [set("a", "1")]);
  await assert.rejects(driver.commit([], [set("a", "2")]), isBehind);
  kv.pass(60_000);
  assert.equal(await text(driver, "a"), "1");
});

Deno.test("Workers KV: a value that has vanished by its expiration is not missed", async () => {
  const kv = new WorkersKv();
  const place = kv.place();
  const known = new Map<string, KnownVersion>();
  const open = () => cloudflareKvDriver(place, { key: "k", clock: kv.clock, known, expirationTtl: 120 });
  await open().commit([], [set("a", "1")]);
  kv.pass(120_000);
  assert.equal(await text(open(), "a"), undefined);
});

Deno.test("Workers KV: a value that was only read is not missed either once it has vanished, and the next one is known anew", async () => {
  const kv = new WorkersKv();
  const [here, there] = [kv.place(), kv.place()];
  const known = new Map<string, KnownVersion>();
  const options = { key: "k", clock: kv.clock, expirationTtl: 120 };
  const writer = cloudflareKvDriver(kv.place(), options);
  for (const version of ["1", "2", "3"]) await writer.commit([], [set("a", version)]);
  const open = (place = here) => cloudflareKvDriver(place, { ...options, known });
  assert.equal(await text(open(), "a"), "3");
  kv.pass(180_000);
  assert.equal(await text(open(there), "a"), undefined);
  await open().commit([], [set("a", "4")]);
  assert.equal(known.get("k")?.version, 1);
  await assert.rejects(text(open(there), "a"), isBehind);
});

Deno.test("Workers KV: of two who write where both can see it, the one that comes later finds the other's rows and changes nothing", async () => {
  const kv = new WorkersKv();
  const place = kv.place();
  const [one, other] = [1, 2].map(() => cloudflareKvDriver(place, { key: "k", clock: kv.clock }));
  assert.ok(one !== undefined && other !== undefined);
  await one.commit([], [set("a", "one")]);
  assert.equal(await text(other, "a"), "one");
  await one.commit([], [set("a", "one again")]);
  // It has read what stood before, and looks before it writes.
  kv.pass(1_000);
  assert.equal(await other.commit([], [set("a", "other")]), undefined);
  assert.equal(await text(other, "a"), "one again");
  assert.notEqual(await other.commit([], [set("a", "other")]), undefined);
  assert.equal(await one.commit([], [set("b", "one")]), undefined);
  assert.equal(await text(one, "a"), "other");
});

Deno.test("Workers KV: of two who write where neither sees the other, the last one wins: that is what it does not promise", async () => {
  const kv = new WorkersKv();
  const [one, other] = [1, 2].map(() => cloudflareKvDriver(kv.place(), { key: "k", clock: kv.clock }));
  assert.ok(one !== undefined && other !== undefined);
  assert.deepEqual([await text(one, "a"), await text(other, "a")], [undefined, undefined]);
  kv.pass(2_000);
  assert.notEqual(await one.commit([], [set("a", "one")]), undefined);
  kv.pass(2_000);
  assert.notEqual(await other.commit([], [set("b", "other")]), undefined);
  kv.pass(60_000);
  const later = cloudflareKvDriver(kv.place(), { key: "k", clock: kv.clock });
  assert.deepEqual([await text(later, "a"), await text(later, "b")], [undefined, "other"]);
  // Once it sees that, the one whose write is lost says so.
  assert.equal(await one.commit([], [set("c", "one")]), undefined);
  assert.deepEqual([await text(one, "a"), await text(one, "b")], [undefined, "other"]);
});

const handlers: Pick<SessionClientOptions, "clientId" | "onMessage"> = { clientId: "meter-7", onMessage: () => {} };

Deno.test("a broker and a client that need fencing refuse Workers KV, and name stores that have it", () => {
  const kv = new WorkersKv();
  const store = cloudflareKvClientStore(kv.place(), { key: "k", clock: kv.clock });
  const isRefused = (error: unknown): boolean =>
    error instanceof SessionError && error.code === "CAPABILITY_MISSING" &&
    /fencing "strict".*"none"/.test(error.message) && /durableObjectStore.*upstashRedisStore/.test(error.message);
  // @ts-expect-error: no store of a broker, which types say as well.
  assert.throws(() => sessionBroker({ store }), isRefused);
  assert.throws(() => sessionClient({ store, ...handlers }), isRefused);
  assert.equal(kv.writes.length, 0);
});

Deno.test("a client whose session is taken in the same place is told, and what it was told is stored is there", async () => {
  const kv = new WorkersKv();
  const place = kv.place();
  const news: string[] = [];
  const open = () =>
    sessionClient({
      store: cloudflareKvClientStore(place, { key: "k", clock: kv.clock }),
      require: {},
      ...handlers,
      observe: ({ type }) => news.push(type),
    });
  const first = open();
  await first.publish({ topic: "a", payload: "1", qos: 1 }).stored;
  const second = open();
  await second.open();
  kv.pass(1_000);
  const late = first.publish({ topic: "a", payload: "2", qos: 1 });
  late.done.catch(() => {});
  await assert.rejects(late.stored, (error) => error instanceof SessionError && error.code === "CLOSED");
  assert.deepEqual(news.filter((type) => type === "takenOver"), ["takenOver"]);
  const broker = await arrivalsOf(second);
  assert.deepEqual(broker, ["1"]);
});

/** What a client delivers once it is connected. */
async function arrivalsOf(client: ReturnType<typeof sessionClient>): Promise<readonly string[]> {
  const { memoryStore } = await import("../../../../src/stores/memory.ts");
  await using broker = sessionBroker({ store: memoryStore() });
  const came: string[] = [];
  const server = broker.accept({
    send: (packet) => queueMicrotask(() => void connection.receive([packet])),
    close: () => queueMicrotask(() => connection.closed()),
  });
  const connection = client.connect({
    send: (packet) => {
      if (packet.type === "publish") came.push(new TextDecoder().decode(packet.payload));
      queueMicrotask(() => void server.receive([packet]));
    },
    close: () => queueMicrotask(() => server.closed()),
  });
  await client.publish({ topic: "end", payload: "", qos: 1 }).done;
  await client[Symbol.asyncDispose]();
  return came.filter((payload) => payload !== "");
}
