/**
 * A client that goes from one broker to another, in the cases in which the persistence of aedes for Redis fails: see
 * peer_redis_test.ts. The brokers share their stores and nothing else.
 */
import assert from "node:assert/strict";
import { type AedesNode, AedesWorld } from "./support/aedes_world.ts";

async function queued(world: AedesWorld, clientId = "c"): Promise<number | undefined> {
  return (await world.stores.store.directory.inspect(clientId))?.queuedMessages;
}

/** A client of the first broker that has been sent a message. */
async function sentByFirst(a: AedesNode, qos: 1 | 2) {
  const client = await a.connect("c");
  await client.subscribe("t", qos);
  await a.publish("t", "one", qos);
  return { client, sent: await client.next("publish") };
}

Deno.test("a PUBACK that another broker gets removes the message", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  const { client, sent } = await sentByFirst(a, 1);
  await client.lose();
  const second = await b.connect("c");
  assert.equal(second.sessionPresent, true);
  const again = await second.next("publish");
  assert.deepEqual([again.messageId, again.dup, String(again.payload)], [sent.messageId, true, "one"]);
  second.send({ cmd: "puback", messageId: again.messageId });
  await second.ping();
  await b.persistence.settled();
  assert.equal(await queued(world), 0);
});

Deno.test("a PUBACK that another broker's persistence gets out of nowhere removes the message, and answers it", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  const { sent: { messageId } } = await sentByFirst(a, 1);
  const cleared = await b.persistence.outgoingClearMessageId({ id: "c" }, {
    cmd: "puback",
    messageId: Number(messageId),
  });
  assert.equal(String(cleared?.payload), "one");
  assert.equal(await queued(world), 0);
});

Deno.test("a PUBREC that another broker gets is answered, and leaves the Packet Identifier alone", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  const { client, sent } = await sentByFirst(a, 2);
  await client.lose();
  const second = await b.connect("c");
  const again = await second.next("publish");
  assert.deepEqual([again.messageId, again.dup, again.qos], [sent.messageId, true, 2]);
  second.send({ cmd: "pubrec", messageId: again.messageId });
  assert.equal((await second.next("pubrel")).messageId, sent.messageId);
  await second.lose();
  const third = await a.connect("c");
  assert.equal((await third.next("pubrel")).messageId, sent.messageId);
  third.send({ cmd: "pubcomp", messageId: sent.messageId });
  await third.ping();
  await a.persistence.settled();
  assert.equal(await queued(world), 0);
  assert.deepEqual([...(await world.stores.store.read("c"))?.snapshot.outbound.keys() ?? []], []);
  assert.deepEqual(third.unread, []);
});

Deno.test("a message that one broker has sent is released by another that knows nothing of it", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  const { sent } = await sentByFirst(a, 2);
  const packetId = { messageId: Number(sent.messageId) };
  await b.persistence.outgoingUpdate({ id: "c" }, { cmd: "pubrel", ...packetId });
  assert.equal(await queued(world), 0);
  assert.deepEqual(await Array.fromAsync(b.persistence.outgoingStream({ id: "c" })), [{ cmd: "pubrel", ...packetId }]);
  await b.persistence.outgoingClearMessageId({ id: "c" }, { cmd: "pubcomp", ...packetId });
  assert.deepEqual(await Array.fromAsync(a.persistence.outgoingStream({ id: "c" })), []);
});

Deno.test("subscriptions that were made at one broker are served by another", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  const client = await a.connect("c");
  await client.subscribe("a/+");
  await client.disconnect();
  await b.publish("a/b", "from b");
  const again = await a.connect("c");
  const received = await again.next("publish");
  assert.deepEqual([String(received.payload), received.dup], ["from b", false]);
});

Deno.test("a session that begins clean leaves nothing of the one before", async () => {
  await using world = new AedesWorld();
  const { store } = world.stores;
  const [a, b] = [await world.broker(), await world.broker()];
  const client = await a.connect("c", { will: { topic: "w", payload: "gone", qos: 1, retain: false } });
  await client.subscribe("t", 2);
  for (let count = 0; count < 5; count++) await a.publish("t", `${count}`, 2);
  await client.publish("elsewhere", "in", 2, 7);
  const { incarnation } = (await store.read("c"))?.guard ?? {};
  await client.disconnect();
  const clean = await b.connect("c", { clean: true });
  assert.equal(clean.sessionPresent, false);
  await Promise.all([a.persistence.settled(), b.persistence.settled()]);
  assert.equal(await store.read("c"), undefined);
  assert.deepEqual(await store.matchSubscriptions(["t"]), [[]]);
  assert.deepEqual(await store.readOutbox(incarnation ?? "", 1), []);
  assert.deepEqual(await store.listDue(Date.now() + 1_000, { limit: 9, graceMs: 0 }), []);
  assert.deepEqual(clean.unread, []);
});

Deno.test("a connection whose session another broker has taken is closed before it is sent anything under it", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  const first = await a.connect("c");
  await first.subscribe("t");
  const second = await b.connect("c");
  assert.equal(second.sessionPresent, true);
  await a.publish("t", "late");
  await first.closed;
  assert.deepEqual(first.unread, []);
  await second.lose();
  const third = await b.connect("c");
  assert.equal(String((await third.next("publish")).payload), "late");
});

Deno.test("brokers that share an emitter send a message once, and either may be told that it came", async () => {
  await using world = new AedesWorld({ sharesEmitter: true });
  const [a, b] = [await world.broker(), await world.broker()];
  const client = await b.connect("c");
  await client.subscribe("t");
  await a.publish("t", "over there");
  const sent = await client.next("publish");
  client.send({ cmd: "puback", messageId: sent.messageId });
  await client.ping();
  await b.persistence.settled();
  assert.equal(await queued(world), 0);
  assert.deepEqual(client.unread, []);
});
