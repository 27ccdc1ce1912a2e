/** Records that cannot be read, as the store itself answers: kept aside or where they are, counted, never guessed. */
import assert from "node:assert/strict";
import { SessionError } from "../../../../src/errors.ts";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import { DENO_KV_LIMITS } from "../../../../src/stores/deno_kv.ts";
import { type MapDriver, mapDriver } from "../../../../src/testing/mod.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

const PLAIN = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
const GARBAGE = Uint8Array.of(1, 200, 200);
/** As a release with a later schema would write it. */
const FROM_FUTURE = Uint8Array.of(2, 1, 0);

function world() {
  const driver = mapDriver({ limits: DENO_KV_LIMITS });
  return { driver, store: storeOn(driver) };
}

function keyOf(driver: MapDriver, part: string): string {
  const [row, ...others] = driver.entries().filter(({ key }) => key.includes(part));
  assert.ok(row !== undefined && others.length === 0, `${others.length + 1} rows ${part}`);
  return row.key;
}

function valueOf(driver: MapDriver, key: string): Uint8Array | undefined {
  return driver.entries().find((row) => row.key === key)?.value;
}

function fails(code: SessionError["code"], key: string) {
  return (error: unknown): boolean => error instanceof SessionError && error.code === code && error.key === key;
}

async function subscribed(store: SessionStore, clientId: string, filter = "a/b") {
  const session = await acquired(store, request(clientId, "1"));
  const changes = [{ type: "putSubscription", filter, subscription: PLAIN }] as const;
  await store.commit([batch(`subscribe ${clientId}`, { guard: session.guard, changes })]);
  return session;
}

Deno.test("queue rows that cannot be read are set aside once, counted once, and the rows around them are delivered [G13] [G14]", async () => {
  const { driver, store } = world();
  const session = await acquired(store, request("c", "1"));
  for (let index = 0; index < 5; index++) {
    const deliveries = [{ message: message(Uint8Array.of(index)), receivers: [to(session)] }];
    await store.commit([batch(`b${index}`, { deliveries })]);
  }
  const spoiled = new Map([[2, GARBAGE], [4, FROM_FUTURE]]);
  for (const [sequence, value] of spoiled) {
    driver.overwrite(keyOf(driver, `/queue/${String(sequence).padStart(16, "0")}`), value);
  }
  const page = await store.readQueue(session.guard, { after: 0, messages: 10, bytes: 1e6 });
  assert.deepEqual(page.messages.map(({ sequence }) => sequence), [1, 3, 5]);
  assert.deepEqual([page.unreadable, page.through, page.tail], [2, 5, 5]);
  for (const [sequence, value] of spoiled) {
    const key = keyOf(driver, `/unreadable/${String(sequence).padStart(16, "0")}`);
    assert.deepEqual(valueOf(driver, key), value);
  }
  const again = await store.readQueue(session.guard, { after: 0, messages: 10, bytes: 1e6 });
  assert.deepEqual([again.messages.length, again.unreadable], [3, 0]);
  const summary = await store.directory.inspect("c");
  assert.deepEqual(summary?.dropped, { unreadable: 2 });
  assert.equal(summary?.queuedMessages, 3);
  const resumed = await acquired(store, request("c", "2"));
  assert.deepEqual(resumed.queue.messages.map(({ sequence }) => sequence), [1, 3, 5]);
});

Deno.test("more large unreadable rows than a commit can move are set aside all the same", async () => {
  const { driver, store } = world();
  const session = await acquired(store, request("c", "1"));
  for (let index = 0; index < 30; index++) {
    const deliveries = [{ message: message(60_000), receivers: [to(session)] }];
    await store.commit([batch(`b${index}`, { deliveries })]);
  }
  for (const { key, value } of driver.entries().filter((row) => row.key.includes("/queue/"))) {
    driver.overwrite(key, value.map((byte, index) => index === 1 ? 200 : byte));
  }
  const page = await store.readQueue(session.guard, { after: 0, messages: 100, bytes: 1e9 });
  assert.deepEqual([page.messages.length, page.unreadable], [0, 30]);
  assert.deepEqual((await store.directory.inspect("c"))?.dropped, { unreadable: 30 });
});

for (
  const [what, value, code] of [
    ["corrupt", GARBAGE, "RECORD_UNREADABLE"],
    ["empty", new Uint8Array(), "RECORD_UNREADABLE"],
    ["of a later release", FROM_FUTURE, "RECORD_FROM_FUTURE"],
  ] as const
) {
  Deno.test(`a head that is ${what} refuses the acquire by its key, and every row stays as it is [G13]`, async () => {
    const { driver, store } = world();
    const session = await subscribed(store, "c");
    const key = keyOf(driver, "/head/c");
    driver.overwrite(key, value);
    const before = driver.entries();
    await assert.rejects(store.acquire(request("c", "2")), fails(code, key));
    const clean = request("c", "3");
    await assert.rejects(store.acquire({ ...clean, terms: { ...clean.terms, cleanStart: true } }), fails(code, key));
    await assert.rejects(store.read("c"), fails(code, key));
    const stale = batch("b", { guard: session.guard, changes: [{ type: "putInboundId", packetId: 1 }] });
    await assert.rejects(store.commit([stale]), fails(code, key));
    assert.deepEqual(driver.entries(), before);
    assert.equal((await store.acquire(request("other", "1"))).outcome, "acquired");
  });
}

Deno.test("a routing row that cannot be read is kept aside and written anew from its subscription [G13]", async () => {
  const { driver, store } = world();
  const session = await subscribed(store, "c");
  await subscribed(store, "other");
  const key = keyOf(driver, "/route/a%2fb/c/");
  const whole = valueOf(driver, key);
  driver.overwrite(key, GARBAGE);
  for (let round = 0; round < 2; round++) {
    const [matches = []] = await store.matchSubscriptions(["a/b"]);
    assert.deepEqual(matches.map(({ clientId }) => clientId).sort(), ["c", "other"]);
    assert.deepEqual(matches.find(({ clientId }) => clientId === "c"), {
      filter: "a/b",
      clientId: "c",
      incarnation: session.guard.incarnation,
      subscription: PLAIN,
    });
  }
  assert.deepEqual(valueOf(driver, key), whole);
  assert.deepEqual(valueOf(driver, keyOf(driver, "/unreadable/route/")), GARBAGE);
});

Deno.test("a routing row of a later release is read from its subscription and left for that release [G13]", async () => {
  const { driver, store } = world();
  await subscribed(store, "c");
  const key = keyOf(driver, "/route/a%2fb/c/");
  driver.overwrite(key, FROM_FUTURE);
  const [matches = []] = await store.matchSubscriptions(["a/b"]);
  assert.equal(matches.length, 1);
  assert.deepEqual(valueOf(driver, key), FROM_FUTURE);
});

Deno.test("a routing row whose subscription cannot be read either is left out, and counted where its session is listed [G14]", async () => {
  const { driver, store } = world();
  await subscribed(store, "c");
  await subscribed(store, "other");
  for (const part of ["/route/a%2fb/c/", "/row/c/c-1/own/sub/"]) driver.overwrite(keyOf(driver, part), GARBAGE);
  const [matches = []] = await store.matchSubscriptions(["a/b"]);
  assert.deepEqual(matches.map(({ clientId }) => clientId), ["other"]);
  assert.deepEqual((await store.directory.inspect("c"))?.dropped, { unreadable: 1 });
  for (const part of ["/route/a%2fb/c/", "/row/c/c-1/own/sub/"]) {
    assert.deepEqual(valueOf(driver, keyOf(driver, part)), GARBAGE);
  }
});

Deno.test("a routing row that cannot be read and that nobody stands behind any more names nobody", async () => {
  const { driver, store } = world();
  const session = await subscribed(store, "c");
  driver.overwrite(keyOf(driver, "/route/a%2fb/c/"), GARBAGE);
  const clean = request("c", "2");
  await acquired(store, { ...clean, terms: { ...clean.terms, cleanStart: true } });
  assert.deepEqual(await store.matchSubscriptions(["a/b"]), [[]]);
  await store.sweep({ clientId: "c", incarnation: session.guard.incarnation, dueAt: NOW });
  assert.equal(driver.entries().some(({ key }) => key.includes("/route/")), false);
});

Deno.test("rows of other indices that cannot be read are answered from the head that they lead to", async () => {
  const { driver, store } = world();
  const session = await acquired(store, request("c", "1"));
  await store.commit([batch("b", { deliveries: [{ message: message(), receivers: [to(session)] }] })]);
  for (const part of ["/ring/node/c", "/owned/node/c"]) driver.overwrite(keyOf(driver, part), GARBAGE);
  assert.deepEqual(await store.readRings("node"), ["c"]);
  await store.renewNode("node", NOW - 1);
  const due = await store.listDue(NOW, { limit: 9, graceMs: 0 });
  assert.deepEqual(due, [{ type: "node", nodeId: "node", dueAt: NOW - 1, clientIds: ["c"] }]);
});
