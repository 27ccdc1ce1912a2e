import assert from "node:assert/strict";
import { sessionAdmin } from "../../../src/admin/mod.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { fill, got, keeping } from "../runtime/retained_support.ts";
import { publishPacket, rest, START, subscribePacket, texts, will } from "../runtime/support.ts";
import { type AdminWorld, adminWorld, STORES } from "./support.ts";

/** Administration that goes through the connections of the broker. */
function connectedWorld(store: SessionStore): AdminWorld {
  const made = adminWorld(store);
  const environment = { now: made.clock.now, randomId: () => crypto.randomUUID() };
  return { ...made, admin: sessionAdmin(made.faults.store, { environment, connected: made.broker.connected }) };
}

for (const [name, open] of Object.entries(STORES)) {
  Deno.test(`${name}: a connected client is subscribed without losing its connection, stored before that is told`, async () => {
    const { connect, admin, store, journal } = connectedWorld(open());
    const client = await connect("c");
    const publisher = await connect("p");
    assert.equal(await admin.subscribe("c", "a/+", { subscriptionIdentifier: 7 }), "changed");
    assert.equal((await store.read("c"))?.snapshot.subscriptions.get("a/+")?.qos, 1);
    assert.equal(await admin.subscribe("c", "a/+", { subscriptionIdentifier: 7 }), "unchanged");
    await publisher.send(publishPacket("a/1", 1, 1, "for c"));
    assert.deepEqual(texts(client), ["for c"]);
    assert.equal(await admin.unsubscribe("c", "a/+"), "changed");
    assert.equal(await admin.unsubscribe("c", "a/+"), "unchanged");
    await publisher.send(publishPacket("a/1", 1, 2, "for nobody"));
    assert.deepEqual(texts(client), ["for c"]);
    assert.equal(client.closed, false);
    assert.equal((await store.read("c"))?.guard.epoch, 1);
    assert.ok(!journal.includes("c disconnect"));
  });

  Deno.test(`${name}: a subscription made between two packets of a client has its place between them`, async () => {
    const { connect, admin, store } = connectedWorld(open());
    const client = await connect("c");
    client.connection.receive([subscribePacket(1, "a")]);
    const made = admin.subscribe("c", "a", { qos: 0 });
    await rest();
    assert.equal(await made, "changed");
    client.connection.receive([{ type: "unsubscribe", packetId: 2, filters: ["a"] }]);
    await rest();
    assert.deepEqual([...(await store.read("c"))?.snapshot.subscriptions ?? []], []);
  });

  Deno.test(`${name}: another interval is in force at once, and bounds what the client may ask for as it leaves`, async () => {
    const { connect, admin } = connectedWorld(open());
    const client = await connect("c", { sessionExpiryInterval: 0, will: will("gone", 1_000) });
    assert.equal(await admin.setExpiry("c", 60), "changed");
    assert.equal(await admin.setExpiry("c", 60), "unchanged");
    assert.equal((await admin.inspect("c"))?.deadlines.sessionExpiryInterval, 60);
    client.connection.closed();
    await rest();
    const { endsAt, willDueAt } = (await admin.inspect("c"))?.deadlines ?? {};
    assert.deepEqual([endsAt, willDueAt], [START + 60_000, START + 60_000]);
    const greedy = await connect("greedy", { sessionExpiryInterval: 10 });
    assert.equal(await admin.setExpiry("greedy", 60), "changed");
    await greedy.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 5_000 });
    assert.equal((await admin.inspect("greedy"))?.deadlines.endsAt, START + 60_000);
    const brief = await connect("brief");
    assert.equal(await admin.setExpiry("brief", 0), "changed");
    brief.connection.closed();
    await rest();
    assert.equal(await admin.inspect("brief"), undefined);
  });

  Deno.test(`${name}: the queue of a connected client is emptied of what was not sent, and what was sent goes on`, async () => {
    const { connect, admin, of, broker } = connectedWorld(open());
    const client = await connect("c", { receiveMaximum: 2 });
    await client.send(subscribePacket(1, "#"));
    for (let index = 1; index <= 450; index++) {
      await broker.publish({
        topic: index % 2 === 0 ? "even" : "odd",
        payload: new TextEncoder().encode(`${index}`),
        qos: 1,
      });
    }
    await rest();
    assert.deepEqual(texts(client), ["1", "2"]);
    const even = await admin.purgeQueue("c", { topicFilter: "even" });
    assert.deepEqual([even.outcome, even.messages], ["changed", 224]);
    assert.equal((await admin.explain("c")).dropped.purged, 224);
    assert.equal(of("dropped").filter((event) => event.type === "dropped" && event.reason === "purged").length, 224);
    const acknowledge = async () => {
      for (let index = 0; index < client.got.length; index++) {
        const packet = client.got[index];
        if (packet?.type !== "publish") continue;
        await client.send({ type: "puback", packetId: packet.packetId ?? 0, reasonCode: 0 });
      }
    };
    await acknowledge();
    assert.deepEqual(texts(client), ["1", "2", ...Array.from({ length: 224 }, (_, index) => `${2 * index + 3}`)]);
    assert.deepEqual(await admin.purgeQueue("c"), { outcome: "unchanged", messages: 0, bytes: 0 });
    assert.equal((await admin.inspect("c"))?.summary.queuedMessages, 0);
    assert.equal((await admin.inspect("c"))?.summary.queuedBytes, 0);
  });

  Deno.test(`${name}: a page that was read before a purge brings nothing of it back`, async () => {
    const inner = open();
    let onRead = async (): Promise<void> => {};
    const readQueue: SessionStore["readQueue"] = async (...call) => {
      const page = await inner.readQueue(...call);
      await onRead();
      return page;
    };
    const watched = new Proxy(inner, {
      get: (store, name) => name === "readQueue" ? readQueue : Reflect.get(store, name, store),
    });
    const { connect, admin, broker } = connectedWorld(watched);
    const client = await connect("c", { receiveMaximum: 1 });
    await client.send(subscribePacket(1, "a"));
    for (let index = 1; index <= 400; index++) {
      await broker.publish({ topic: "a", payload: new TextEncoder().encode(`${index}`), qos: 1 });
    }
    await rest();
    // The purge comes between the reading of each page and its arrival.
    let purged = 0;
    let isBusy = false;
    onRead = async () => {
      if (isBusy) return;
      isBusy = true;
      purged += (await admin.purgeQueue("c")).messages;
      isBusy = false;
    };
    for (let index = 0; index < client.got.length; index++) {
      const packet = client.got[index];
      if (packet?.type !== "publish") continue;
      await client.send({ type: "puback", packetId: packet.packetId ?? 0, reasonCode: 0 });
    }
    const received = texts(client);
    assert.ok(purged > 0 && received.length < 400, `${purged} purged, ${received.length} received`);
    assert.equal(received.length + purged, 400);
    assert.deepEqual(received, Array.from({ length: received.length }, (_, index) => `${index + 1}`));
    assert.equal((await admin.inspect("c"))?.summary.queuedMessages, 0);
  });
}

Deno.test("a session that no connection of the broker owns is changed through the store", async () => {
  const { connect, another, admin, broker, pass } = connectedWorld(memoryStore());
  assert.equal(await broker.connected.setExpiry("nobody", 1), undefined);
  assert.equal(await admin.setExpiry("nobody", 1), "absent");
  const other = another();
  other.start();
  const client = await connect("c", {}, other);
  assert.equal(await broker.connected.subscribe("c", "a"), undefined);
  assert.equal(await admin.subscribe("c", "a", {}, { whenOwned: "refuse" }), "owned");
  assert.equal(await admin.subscribe("c", "a"), "changed");
  await pass(2_000);
  assert.equal(client.closed, true);
  await other.shutdown();
});

Deno.test("retained messages follow a subscription made on behalf of a client, connected or not", async () => {
  const { world: { connect, broker, store } } = keeping();
  const admin = sessionAdmin(store, { connected: broker.connected });
  await fill(broker, 3);
  const client = await connect("c");
  assert.equal(await admin.subscribe("c", "t/#"), "changed");
  await rest();
  assert.deepEqual(got(client), ["t/000000=0 R", "t/000001=1 R", "t/000002=2 R"]);
  assert.equal(await admin.subscribe("c", "+/000001", { retainHandling: 2 }), "changed");
  await rest();
  assert.equal(got(client).length, 3);
  await (await connect("away")).send({ type: "disconnect", reasonCode: 0 });
  assert.equal(await admin.subscribe("away", "t/000002"), "changed");
  assert.deepEqual(got(await connect("away")), ["t/000002=2 R"]);
});

Deno.test("an order that comes as its connection is lost is not said to be carried out", async () => {
  const { connect, another, broker, faults, store } = connectedWorld(memoryStore());
  const client = await connect("c");
  faults.inject({ call: "commit", fault: "startsLate" });
  const order = broker.connected.subscribe("c", "a");
  await rest();
  const taken = connect("c", {}, another());
  await rest();
  faults.release();
  await taken;
  const outcome = await order;
  const isStored = (await store.read("c"))?.snapshot.subscriptions.has("a") === true;
  assert.equal(outcome === "changed", isStored);
  client.connection.closed();
  await rest();
  assert.equal(await broker.connected.subscribe("c", "b"), undefined);
});
