/** The same sessions, before and after, with the broker of this library. */
import assert from "node:assert/strict";
import { sessionBroker } from "../../../../mod.ts";
import { sessionAdmin } from "../../../../src/admin/mod.ts";
import type { ClientPacket, ServerPacket } from "../../../../src/mqtt/packet.ts";
import { packetIdOf } from "../../../../src/mqtt/packet_id.ts";
import { AedesWorld } from "./support/aedes_world.ts";

/** What a client sees that connects to a broker of this library, sends this, and is gone. */
async function visit(world: AedesWorld, packets: readonly ClientPacket[] = []): Promise<readonly ServerPacket[]> {
  const broker = sessionBroker(world.stores);
  const sent: ServerPacket[] = [];
  const connection = broker.accept({ send: (packet) => sent.push(packet), close: () => {} });
  const connect = { protocolVersion: 4, clientId: "c", cleanStart: false, keepAlive: 0 } as const;
  await connection.receive([{ type: "connect", ...connect }, ...packets]);
  await broker.settled();
  connection.closed("transport");
  await broker.shutdown();
  return sent;
}

/** A packet in short. */
function brief(packet: ServerPacket): unknown {
  if (packet.type !== "publish") return "packetId" in packet ? [packet.type, packet.packetId] : [packet.type];
  return [packet.type, packet.packetId, packet.qos, packet.dup, new TextDecoder().decode(packet.payload)];
}

Deno.test("a session of aedes goes on at a broker of this library, with all that was under way", async () => {
  await using world = new AedesWorld();
  const a = await world.broker();
  const client = await a.connect("c");
  await client.subscribe("t", 2);
  await client.publish("elsewhere", "in", 2, 7);
  await a.publish("t", "released", 2);
  const released = await client.next("publish");
  client.send({ cmd: "pubrec", messageId: released.messageId });
  await client.next("pubrel");
  await a.publish("t", "sent", 2);
  const sent = await client.next("publish");
  await a.publish("t", "sent too", 1);
  const too = await client.next("publish");
  await client.disconnect();
  await a.publish("t", "waits", 1);
  await a.persistence.storeRetained({ cmd: "publish", topic: "kept", payload: "retained", qos: 0, retain: true });
  await a.close();

  const admin = sessionAdmin(world.stores.store);
  const inspection = await admin.inspect("c");
  assert.equal(inspection?.summary.queuedMessages, 3);
  assert.equal(inspection?.summary.subscriptions, 1);

  const seen = await visit(world, [
    {
      type: "publish",
      topic: "t",
      payload: new Uint8Array(),
      qos: 2,
      retain: false,
      dup: true,
      packetId: 7,
      properties: {},
    },
    {
      type: "subscribe",
      packetId: 1,
      subscriptions: [{ filter: "kept", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    },
  ]);
  assert.equal(seen[0]?.type === "connack" && seen[0].sessionPresent, true);
  const waiting = seen.find((packet) => packet.type === "publish" && String(brief(packet)).endsWith("waits"));
  assert.deepEqual(seen.slice(1, 5).map(brief), [
    ["pubrel", released.messageId],
    ["publish", sent.messageId, 2, true, "sent"],
    ["publish", too.messageId, 1, true, "sent too"],
    ["publish", packetIdOf(4), 1, false, "waits"],
  ]);
  assert.deepEqual(brief(waiting as ServerPacket), ["publish", packetIdOf(4), 1, false, "waits"]);
  assert.deepEqual(seen.slice(5).map(brief), [["pubrec", 7], ["suback", 1], [
    "publish",
    undefined,
    0,
    false,
    "retained",
  ]]);
});

Deno.test("a session of this library's broker goes on at aedes, with all that was under way", async () => {
  await using world = new AedesWorld();
  const a = await world.broker();
  const subscription = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  await visit(world, [{ type: "subscribe", packetId: 1, subscriptions: [{ filter: "t", qos: 2, ...subscription }] }]);
  for (const text of ["released", "sent"]) await a.publish("t", text, 2);
  await visit(world, [{ type: "pubrec", packetId: packetIdOf(1), reasonCode: 0 }]);
  await a.publish("t", "waits", 1);

  const client = await a.connect("c");
  assert.equal(client.sessionPresent, true);
  assert.equal((await client.next("pubrel")).messageId, packetIdOf(1));
  const again = await client.next("publish");
  assert.deepEqual([again.messageId, again.qos, again.dup, String(again.payload)], [packetIdOf(2), 2, true, "sent"]);
  const waiting = await client.next("publish");
  assert.deepEqual([waiting.qos, waiting.dup, String(waiting.payload)], [1, false, "waits"]);
  client.send({ cmd: "pubcomp", messageId: packetIdOf(1) });
  client.send({ cmd: "puback", messageId: waiting.messageId });
  client.send({ cmd: "pubrec", messageId: packetIdOf(2) });
  await client.next("pubrel");
  client.send({ cmd: "pubcomp", messageId: packetIdOf(2) });
  await client.ping();
  await a.persistence.settled();
  const { snapshot } = await world.stores.store.read("c") ?? {};
  assert.equal(snapshot?.outbound.size, 0);
  assert.equal((await world.stores.store.directory.inspect("c"))?.queuedMessages, 0);
});
