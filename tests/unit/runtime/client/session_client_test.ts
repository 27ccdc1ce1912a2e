import assert from "node:assert/strict";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { fakeClock, mapDriver } from "../../../../src/testing/mod.ts";
import { storeOn } from "../../store/key_value/kit.ts";
import { openBroker, openPage, text, until } from "./support.ts";

const STORES = { "memory": () => memoryStore(), "a map": () => storeOn(mapDriver()) } as const;

for (const [name, storeOf] of Object.entries(STORES)) {
  Deno.test(`what a client publishes and subscribes to arrives, at every level (${name})`, async () => {
    const broker = openBroker();
    const page = openPage(storeOf());
    page.connect(broker);
    assert.deepEqual(await page.client.subscribe([{ filter: "t/#" }]), { outcome: "answered", reasonCodes: [2] });
    const outcomes = await Promise.all(([0, 1, 2] as const).map((qos) => {
      return page.client.publish({ topic: `t/${qos}`, payload: `m${qos}`, qos }).done;
    }));
    assert.deepEqual(outcomes, [
      { outcome: "sent" },
      { outcome: "acknowledged", reasonCode: 0 },
      { outcome: "acknowledged", reasonCode: 0 },
    ]);
    await until(() => page.got.length === 3);
    assert.deepEqual(page.got.map(text).sort(), ["m0", "m1", "m2"]);
    const { outgoing, inboundIds, unhandled, state, established } = await page.client.inspect();
    assert.deepEqual({ outgoing, inboundIds, unhandled, state, established }, {
      outgoing: [],
      inboundIds: [],
      unhandled: 0,
      state: "online",
      established: true,
    });
    await page.client[Symbol.asyncDispose]();
    await broker.shutdown();
  });

  Deno.test(`what was published without a connection survives the page, and is delivered in order (${name})`, async () => {
    const store = storeOf();
    const broker = openBroker();
    const listener = openPage(memoryStore(), { clientId: "listener" });
    listener.connect(broker);
    await listener.client.subscribe([{ filter: "#" }]);
    const first = openPage(store);
    for (let n = 0; n < 300; n++) first.client.publish({ topic: "t", payload: `m${n}`, qos: n % 2 === 0 ? 1 : 2 });
    await first.client.publish({ topic: "t", payload: "last", qos: 1 }).stored;
    // The page is gone without a word: another one opens on what it stored.
    const second = openPage(store);
    second.connect(broker);
    await second.client.publish({ topic: "t", payload: "end", qos: 2 }).done;
    await until(() => listener.got.length === 302);
    const expected = [...Array.from({ length: 300 }, (_, n) => `m${n}`), "last", "end"];
    const texts = listener.got.map(text);
    assert.deepEqual([...texts].sort(), [...expected].sort());
    const of = (parity: number) => expected.filter((each) => Number(each.slice(1)) % 2 === parity);
    assert.deepEqual(texts.filter((each) => Number(each.slice(1)) % 2 === 0), of(0));
    assert.deepEqual(texts.filter((each) => Number(each.slice(1)) % 2 === 1), of(1));
    await second.client[Symbol.asyncDispose]();
    await listener.client[Symbol.asyncDispose]();
    await broker.shutdown();
  });

  Deno.test(`a message that the application has not taken is handed to the next page, under the same key (${name})`, async () => {
    const store = storeOf();
    const broker = openBroker();
    const keys: (string | undefined)[] = [];
    const first = openPage(store, {
      onMessage: ({ key }) => {
        keys.push(key);
        // The page ends while it works.
        return new Promise(() => {});
      },
    });
    const link = first.connect(broker);
    await first.client.subscribe([{ filter: "t" }]);
    await broker.publish({ topic: "t", payload: new TextEncoder().encode("m1"), qos: 2, retain: false });
    await broker.publish({ topic: "t", payload: new TextEncoder().encode("m2"), qos: 1, retain: false });
    await until(() => link.up.filter(({ type }) => type === "pubcomp" || type === "puback").length === 2);
    assert.equal(keys.length, 1);
    const second = openPage(store);
    await second.client.open();
    await until(() => second.got.length === 2);
    assert.deepEqual(second.got.map(text), ["m1", "m2"]);
    assert.equal(second.got[0]?.key, keys[0]);
    assert.ok(first.news.every(({ type }) => type !== "workFailed"));
    await second.client[Symbol.asyncDispose]();
    await broker.shutdown();
  });
}

Deno.test("a second page takes the session over; the first is told, and can store nothing more", async () => {
  const store = memoryStore();
  const broker = openBroker();
  const first = openPage(store);
  const link = first.connect(broker);
  await first.client.subscribe([{ filter: "t" }]);
  const second = openPage(store);
  second.connect(broker);
  await second.client.open();
  const late = first.client.publish({ topic: "t", payload: "late", qos: 1 });
  await assert.rejects(late.stored, { code: "CLOSED" });
  await link.connection.done;
  assert.ok(first.news.some(({ type }) => type === "takenOver"));
  assert.equal((await first.client.inspect()).state, "closed");
  assert.equal((await second.client.publish({ topic: "t", payload: "mine", qos: 1 }).done).outcome, "acknowledged");
  await until(() => second.got.length === 1);
  assert.deepEqual(second.got.map(text), ["mine"]);
  await second.client[Symbol.asyncDispose]();
  await broker.shutdown();
});

Deno.test("messages of a session that the server has no more are lost once, and none that was never sent", async () => {
  const store = memoryStore();
  const old = openBroker();
  const page = openPage(store);
  const link = page.connect(old);
  await page.client.subscribe([{ filter: "other" }]);
  const release = link.hold();
  const started = page.client.publish({ topic: "t", payload: "started", qos: 1 });
  await until(() => link.up.some(({ type }) => type === "publish"));
  link.cut();
  release();
  const waiting = page.client.publish({ topic: "t", payload: "waiting", qos: 1 });
  await waiting.stored;
  const { outgoing } = await page.client.inspect();
  assert.deepEqual(outgoing.map(({ phase }) => phase), ["awaitPuback", "waiting"]);
  const anew = openBroker();
  page.connect(anew);
  assert.deepEqual(await started.done, { outcome: "lost", reason: "sessionLost" });
  assert.equal((await waiting.done).outcome, "acknowledged");
  await page.client[Symbol.asyncDispose]();
  await old.shutdown();
  await anew.shutdown();
});

Deno.test("what the application fails to take is handed over again, after a pause, and before what comes behind it", async () => {
  const clock = fakeClock(1_000);
  const got: string[] = [];
  const page = openPage(memoryStore(), {
    environment: { ...clock, randomId: () => crypto.randomUUID() },
    onMessage: (message) => {
      got.push(text(message));
      if (got.length === 1) throw new Error("not now");
    },
  });
  const broker = openBroker();
  page.connect(broker);
  await page.client.subscribe([{ filter: "t" }]);
  page.client.publish({ topic: "t", payload: "m1", qos: 1 });
  page.client.publish({ topic: "t", payload: "m2", qos: 1 });
  await until(() => page.news.some(({ type }) => type === "workFailed"));
  assert.deepEqual(got, ["m1"]);
  clock.advance(1_000);
  await until(() => got.length === 3);
  assert.deepEqual(got, ["m1", "m1", "m2"]);
  await page.client[Symbol.asyncDispose]();
  await broker.shutdown();
});
