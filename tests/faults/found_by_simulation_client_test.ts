/** What simulated worlds have found in clients that keep their session, as plain as it can be said. */
import assert from "node:assert/strict";
import type { SessionStore } from "../../src/store/session_store.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { intercept } from "../../src/testing/intercept.ts";
import { mapDriver } from "../../src/testing/mod.ts";
import { storeOn } from "../unit/store/key_value/kit.ts";
import { openBroker, openPage, until } from "../unit/runtime/client/support.ts";

/** A way to a store on which calls that change a session of this name wait until they are let go. */
function slowWay(store: SessionStore, slow: string): { readonly store: SessionStore; letGo(): void; held(): boolean } {
  let letGo = () => {};
  const gone = new Promise<void>((resolve) => letGo = resolve);
  let isHeld = false;
  const way = intercept(store, async ({ name, args }, run) => {
    // These are the arguments of these calls.
    const clientId = name === "acquire"
      ? (args[0] as Parameters<SessionStore["acquire"]>[0]).terms.clientId
      : name === "commit"
      ? (args[0] as Parameters<SessionStore["commit"]>[0])[0]?.guard?.clientId
      : undefined;
    if (clientId === slow) {
      isHeld = true;
      await gone;
    }
    return await run();
  });
  return { store: way, letGo, held: () => isHeld };
}

for (const [name, storeOf] of Object.entries({ memory: () => memoryStore(), "a map": () => storeOn(mapDriver()) })) {
  Deno.test(`what is published without a connection was not sent, although the page before died with its connection (${name})`, async () => {
    const store = storeOf();
    const old = openBroker();
    const first = openPage(store);
    const link = first.connect(old);
    await first.client.publish({ topic: "t", payload: "m1", qos: 1 }).done;
    link.cut();
    // It is gone without a word, with its stored limit ahead of the log.
    const crashed = openPage(store);
    crashed.connect(old);
    await crashed.client.publish({ topic: "t", payload: "m2", qos: 1 }).done;
    const offline = openPage(store);
    await offline.client.publish({ topic: "t", payload: "m3", qos: 1 }).stored;
    const last = openPage(store);
    const anew = openBroker();
    // This server has no session: what was started is lost, what never was is not.
    const connected = last.connect(anew);
    assert.equal((await last.client.publish({ topic: "t", payload: "m4", qos: 1 }).done).outcome, "acknowledged");
    const sent = connected.up.flatMap((packet) => packet.type === "publish" ? [packet] : []);
    assert.deepEqual(sent.map(({ payload, dup }) => [new TextDecoder().decode(payload), dup]), [
      ["m3", false],
      ["m4", false],
    ]);
    assert.ok(last.news.every(({ type }) => type !== "messageLost"));
    await last.client[Symbol.asyncDispose]();
    await old.shutdown();
    await anew.shutdown();
  });

  Deno.test(`a page that takes the session late knows of it what the page before has left last (${name})`, async () => {
    const store = storeOf();
    const broker = openBroker();
    const way = slowWay(store, "page");
    const late = openPage(way.store);
    void late.client.open();
    await until(way.held);
    // While its call is on its way, another page connects, sends, and is gone without a word.
    const page = openPage(store);
    const link = page.connect(broker);
    await page.client.publish({ topic: "t", payload: "m1", qos: 1 }).done;
    link.hold();
    await page.client.publish({ topic: "t", payload: "m2", qos: 2 }).stored;
    await until(() => link.up.filter(({ type }) => type === "publish").length === 2);
    link.cut();
    way.letGo();
    await late.client.open();
    const last = openPage(store);
    const connected = last.connect(broker);
    const isLost = () => last.news.some(({ type }) => type === "messageLost");
    await until(() => isLost() || connected.down.some(({ type }) => type === "pubcomp"));
    assert.ok(!isLost());
    assert.equal(connected.up[0]?.type === "connect" && connected.up[0].cleanStart, false);
    await last.client[Symbol.asyncDispose]();
    await broker.shutdown();
  });

  Deno.test(`a page that has lost the session while it opened leaves the inbox to the next one (${name})`, async () => {
    const store = storeOf();
    const broker = openBroker();
    const way = slowWay(store, "page\u0000inbox");
    const late = openPage(way.store);
    const opening = late.client.open();
    await until(way.held);
    const page = openPage(store);
    page.connect(broker);
    await page.client.subscribe([{ filter: "t" }]);
    way.letGo();
    await assert.rejects(opening, /another page has taken it/);
    assert.ok(late.news.some(({ type }) => type === "takenOver"));
    await page.client.publish({ topic: "t", payload: "m1", qos: 1 }).done;
    await until(() => page.got.length === 1);
    await page.client[Symbol.asyncDispose]();
    assert.ok(page.news.every(({ type }) => type !== "takenOver"));
    await broker.shutdown();
  });

  Deno.test(`a page that has lost the session sends no clean start (${name})`, async () => {
    const store = storeOf();
    const broker = openBroker();
    const old = openPage(store);
    await old.client.open();
    const page = openPage(store);
    page.connect(broker);
    await page.client.subscribe([{ filter: "t" }]);
    // It does not know yet that the session is there and another page's.
    const { connection, up } = old.connect(broker);
    await connection.done;
    assert.deepEqual(up, []);
    assert.ok(old.news.some(({ type }) => type === "takenOver"));
    assert.equal(page.client.online, true);
    await page.client[Symbol.asyncDispose]();
    await broker.shutdown();
  });

  Deno.test(`a page that has lost the session takes no connection from the one that has it (${name})`, async () => {
    const store = storeOf();
    const broker = openBroker();
    const old = openPage(store);
    const first = old.connect(broker);
    await old.client.subscribe([{ filter: "t" }]);
    first.cut();
    const page = openPage(store);
    page.connect(broker);
    await until(() => page.client.online);
    // It would go on with its session, and does not know yet that it has lost it.
    const { connection, up } = old.connect(broker);
    await connection.done;
    assert.deepEqual(up, []);
    assert.ok(old.news.some(({ type }) => type === "takenOver"));
    assert.equal(page.client.online, true);
    await page.client[Symbol.asyncDispose]();
    await broker.shutdown();
  });
}

Deno.test("a page that loses its lock while it opens takes nothing from the one that has it", async () => {
  const store = memoryStore();
  let steal = (_error: Error) => {};
  const locks = {
    request: (_name: string, _options: object, callback: (lock: unknown) => unknown) =>
      new Promise((resolve, reject) => {
        steal(new DOMException("The lock was stolen", "AbortError"));
        steal = reject;
        Promise.resolve(callback({})).then(resolve);
      }),
  };
  let letGo = () => {};
  const gone = new Promise<void>((resolve) => letGo = resolve);
  let isReading = false;
  const slow = intercept(store, async ({ name }, run) => {
    isReading ||= name === "read";
    if (name === "read") await gone;
    return await run();
  });
  const late = openPage(slow, { locks });
  const opening = late.client.open();
  await until(() => isReading);
  const page = openPage(store, { locks });
  await page.client.open();
  letGo();
  await assert.rejects(opening, /another page has taken it/);
  assert.ok(late.news.some(({ type }) => type === "takenOver"));
  await page.client.publish({ topic: "t", payload: "m1", qos: 1 }).stored;
  assert.ok(page.news.every(({ type }) => type !== "takenOver"));
  await page.client[Symbol.asyncDispose]();
});
