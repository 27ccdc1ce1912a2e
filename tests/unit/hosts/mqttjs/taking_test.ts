/**
 * How a page of MQTT.js takes a session that others had, and how it loses one.
 */
import assert from "node:assert/strict";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import { indexedDbStore } from "../../../../src/stores/idb_keyval/mod.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { openPage } from "./support/client_world.ts";
import { sent, STORES } from "./support/kit.ts";

/** A store in which something happens between the look at a session and the next call. */
function betweenLookAndTaking(store: SessionStore, meanwhile: () => Promise<void>): SessionStore {
  let isFirst = true;
  return {
    ...store,
    async read(clientId, options) {
      const found = await store.read(clientId, options);
      if (clientId === "page" && isFirst) {
        isFirst = false;
        await meanwhile();
      }
      return found;
    },
  };
}

for (const [name, make] of Object.entries(STORES)) {
  Deno.test(`${name}: what the other page learned of the server while the session was taken from it is not overlooked`, async () => {
    const store = make();
    await using first = await openPage(store);
    const wire = await first.server.wire();
    const meanwhile = async (): Promise<void> => {
      await wire.accept(false);
      await first.connected;
      first.client.publish("started", "x", { qos: 1 });
      await sent(wire, 1);
      await first.session.flush();
    };
    await using second = await openPage(betweenLookAndTaking(store, meanwhile));
    const taken = await second.server.wire();
    assert.equal((await taken.accept(true)).clean, false);
    assert.deepEqual(await sent(taken, 1), ["publish 2 started dup"]);
    assert.deepEqual(second.events, []);
    first.client.publish("late", "x", { qos: 1 });
    await wire.closed;
    assert.match(first.session.lost.reason.message, /somebody else owns it/);
  });

  Deno.test(`${name}: a session whose interval has passed begins anew`, async () => {
    let now = 1_000_000;
    const environment = { now: () => now };
    const store = make();
    {
      await using page = await openPage(store, { sessionExpiryInterval: 60, environment });
      const wire = await page.server.wire();
      await wire.accept(false);
      await page.connected;
      page.client.publish("started", "x", { qos: 1 });
      await sent(wire, 1);
      await page.session.flush();
    }
    now += 60_000;
    await using page = await openPage(store, { sessionExpiryInterval: 60, environment });
    assert.deepEqual(page.events, [{ type: "discarded", outgoing: 1, incoming: 0 }]);
    page.client.publish("anew", "x", { qos: 1 });
    const wire = await page.server.wire();
    assert.equal((await wire.accept(false)).clean, true);
    assert.deepEqual((await sent(wire, 1)).map((text) => text.split(" ")[2]), ["anew"]);
    await page.session.flush();
    const stored = await store.read("page");
    assert.equal(stored?.snapshot.head.endsAt, undefined, "it does not end under its owner");
    assert.equal((await store.directory.inspect("page"))?.queuedMessages, 1);
  });
}

Deno.test("in 5.0 a server that goes on with a session it was asked to forget is left [MQTT-3.2.2-4]", async () => {
  await using page = await openPage(memoryStore());
  const errors: Error[] = [];
  page.client.on("error", (error) => errors.push(error));
  const wire = await page.server.wire();
  assert.equal((await wire.accept(true)).clean, true);
  await wire.closed;
  assert.equal(page.client.connected, false);
  assert.deepEqual(errors.map(({ message }) => message), ["Connection refused: Protocol Error"]);
  assert.deepEqual(page.events.map((event) => "error" in event && `${event.type}: ${event.error.message}`), [
    'cut: Cannot go on with the session of "page": the server has a session of before, which it was asked to forget',
  ]);
  // The next one starts clean as well.
  page.client.reconnect();
  assert.equal((await (await page.server.wire()).accept(false)).clean, true);
  await page.connected;
});

Deno.test("in 3.1.1 nothing is said of Session Present after Clean Session, and the connection goes on", async () => {
  await using page = await openPage(memoryStore(), { protocolVersion: 4 }, { clean: true });
  await (await page.server.wire()).accept(true);
  await page.connected;
});

Deno.test("a database that is deleted under a session is told of as what it is", async () => {
  const platform = { indexedDB: new IDBFactory(), IDBKeyRange };
  const store = indexedDbStore({ database: "d", platform });
  await using page = await openPage(store, { commit: { repeatAfterMs: 1 } });
  await page.session.flush();
  await new Promise((resolve, reject) => {
    const request = platform.indexedDB.deleteDatabase("d");
    request.onsuccess = resolve;
    request.onblocked = request.onerror = reject;
  });
  const lost = new Promise((resolve) => page.session.lost.addEventListener("abort", resolve));
  page.client.publish("a", "x", { qos: 1 });
  await lost;
  const told = page.events.map((event) => "error" in event ? `${event.type}: ${event.error.message}` : event.type);
  assert.match(told[0] ?? "", /^storeFailed: .*it was deleted while it was in use/);
  assert.match(told.at(-1) ?? "", /^lost: .*the store failed, and has it no more as it was/);
  await page.session.close();
  await store.close();
});
