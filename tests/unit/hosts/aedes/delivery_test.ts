/** What one broker of aedes delivers, and in which terms. */
import assert from "node:assert/strict";
import { systemEnvironment } from "../../../../src/runtime/environment.ts";
import { denoKvStore } from "../../../../src/stores/deno_kv.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { AedesWorld, type WirePacket } from "./support/aedes_world.ts";

function text({ payload }: WirePacket): string {
  return String(payload);
}

Deno.test("a queue longer than a page is sent whole, in order, and once", async () => {
  await using world = new AedesWorld();
  const a = await world.broker();
  const first = await a.connect("c");
  await first.subscribe("t");
  await first.lose();
  const sent = Array.from({ length: 300 }, (_, index) => `${index}`);
  for (const payload of sent) await a.publish("t", payload);
  const client = await a.connect("c");
  const received: string[] = [];
  const ids = new Set<unknown>();
  for (let count = 0; count < sent.length; count++) {
    const packet = await client.next("publish");
    received.push(text(packet));
    ids.add(packet.messageId);
    client.send({ cmd: "puback", messageId: packet.messageId });
  }
  await client.ping();
  await a.persistence.settled();
  assert.deepEqual(received, sent);
  assert.equal(ids.size, sent.length);
  assert.equal((await world.stores.store.directory.inspect("c"))?.queuedMessages, 0);
});

Deno.test("what a connection was about to send when it ended is sent without DUP by the next, what it sent with it", async () => {
  await using world = new AedesWorld();
  const a = await world.broker();
  const first = await a.connect("c");
  await first.subscribe("t");
  await first.lose();
  for (const payload of ["one", "two", "three"]) await a.publish("t", payload);
  let asked = 0;
  // The host holds the second one back.
  a.aedes.authorizeForward = (_client, packet) => {
    if (++asked === 2) a.clientOf("c").close();
    return packet;
  };
  const second = await a.connect("c");
  await second.closed;
  await a.persistence.settled();

  a.aedes.authorizeForward = (_client, packet) => packet;
  const third = await a.connect("c");
  const received = [await third.next("publish"), await third.next("publish"), await third.next("publish")];
  assert.deepEqual(received.map((packet) => [text(packet), packet.dup]), [
    ["one", true],
    ["two", true],
    ["three", false],
  ]);
});

Deno.test("a Packet Identifier that a stored message has is not given to another", async () => {
  await using world = new AedesWorld();
  const a = await world.broker();
  const first = await a.connect("c");
  await first.subscribe("t");
  await a.publish("t", "one");
  const { messageId } = await first.next("publish");
  await first.lose();
  const second = await a.connect("c");
  assert.equal((await second.next("publish")).messageId, messageId);
  // aedes counts from a number that it draws.
  Object.assign(a.clientOf("c"), { _nextId: messageId });
  await a.publish("t", "two");
  const other = await second.next("publish");
  assert.equal(text(other), "two");
  assert.notEqual(other.messageId, messageId);
  second.send({ cmd: "puback", messageId: other.messageId });
  await second.ping();
  await second.lose();
  const third = await a.connect("c");
  const again = await third.next("publish");
  assert.deepEqual([text(again), again.messageId], ["one", messageId]);
  await third.ping();
  assert.deepEqual(third.unread, []);
});

Deno.test("a copy has the level and the RETAIN flag of its subscription, sent at once or later", async () => {
  await using world = new AedesWorld();
  const a = await world.broker();
  const first = await a.connect("c");
  await first.subscribe("t/#", 1);
  await a.publish("t/now", "now", 2);
  const now = await first.next("publish");
  await first.lose();
  await a.publish("t/later", "later", 2, true);
  const second = await a.connect("c");
  const [again, later] = [await second.next("publish"), await second.next("publish")];
  assert.deepEqual([now.qos, again.qos, again.dup], [1, 1, true]);
  assert.deepEqual([text(later), later.qos, later.retain, later.dup], ["later", 1, false, false]);
});

Deno.test("a message that two subscriptions match is sent at once by one of them, and acknowledged whole", async () => {
  await using world = new AedesWorld();
  const a = await world.broker();
  const client = await a.connect("c");
  await client.subscribe("t/#");
  await client.subscribe("t/+");
  await a.publish("t/1", "both");
  const sent = await client.next("publish");
  client.send({ cmd: "puback", messageId: sent.messageId });
  await client.ping();
  await a.persistence.settled();
  assert.deepEqual(client.unread, []);
  assert.equal((await world.stores.store.directory.inspect("c"))?.queuedMessages, 0);
});

for (
  const [name, store] of [["memory", () => memoryStore({ maxReceiversPerCommit: 2 })], ["Deno KV", undefined]] as const
) {
  Deno.test(`receivers that no commit reaches have the message before the publisher goes on: ${name}`, async () => {
    const kv = store === undefined ? await Deno.openKv(":memory:") : undefined;
    try {
      await using world = new AedesWorld({ store: kv === undefined ? store?.() ?? memoryStore() : denoKvStore(kv) });
      const a = await world.broker();
      const count = kv === undefined ? 7 : 120;
      const clientIds = Array.from({ length: count }, (_, index) => `c-${index}`);
      for (const id of clientIds) await a.persistence.addSubscriptions({ id }, [{ topic: "t", qos: 1 }]);
      await a.publish("t", "to all");
      const found = await Promise.all(clientIds.map((id) => world.stores.store.directory.inspect(id)));
      assert.deepEqual(found.map((each) => each?.queuedMessages), clientIds.map(() => 1));
      assert.deepEqual(await world.stores.store.listDue(Date.now() + 1_000, { limit: 9, graceMs: 0 }), []);
    } finally {
      kv?.close();
    }
  });
}

Deno.test("what waits is bounded as the options say, and what waited too long is not sent", async () => {
  let ahead = 0;
  await using world = new AedesWorld({
    queue: { maximumMessages: 2, whenFull: "dropOldest" },
    messageExpiryMs: 1_000,
    environment: { ...systemEnvironment(), now: () => Date.now() + ahead },
  });
  const a = await world.broker();
  const client = await a.connect("c");
  await client.subscribe("t");
  await client.lose();
  for (const payload of ["dropped", "expired"]) await a.publish("t", payload);
  ahead += 1_001;
  await a.publish("t", "kept");
  const again = await a.connect("c");
  assert.equal(text(await again.next("publish")), "kept");
  await again.ping();
  assert.deepEqual(again.unread, []);
  assert.deepEqual((await world.stores.store.directory.inspect("c"))?.dropped, { queueFullOldest: 1, expired: 1 });
});

Deno.test("retained messages are sent to who subscribes, each once, by any broker", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  await a.publish("t/1", "one", 1, true);
  await a.publish("t/2", "two", 0, true);
  await a.publish("t/2", "", 1, true);
  const client = await b.connect("c");
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t/#", qos: 1 }, { topic: "t/1", qos: 1 }] });
  const retained = await client.next("publish");
  assert.deepEqual([text(retained), retained.retain, retained.topic], ["one", true, "t/1"]);
  await client.ping();
  assert.deepEqual(client.unread.map(({ cmd }) => cmd), ["suback"]);
});

Deno.test("a store that fences nobody, and options that cannot hold, are refused", async () => {
  const store = memoryStore();
  const unfenced = { ...store, capabilities: { ...store.capabilities, fencing: "none" } as const };
  const make = (options: ConstructorParameters<typeof AedesWorld>[0]) => new AedesWorld(options).broker();
  await assert.rejects(make({ store: unfenced }), { code: "CAPABILITY_MISSING" });
  await assert.rejects(make({ sessionExpiryInterval: 0 }), RangeError);
  await assert.rejects(make({ messageExpiryMs: 0 }), RangeError);
  await assert.rejects(make({ queue: { whenFull: "reject" } }), RangeError);
});
