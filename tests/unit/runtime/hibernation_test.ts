import assert from "node:assert/strict";
import { type ClientPacket, hibernation, sessionBroker } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { Platform } from "./hibernation_support.ts";
import { publishPacket } from "./support.ts";

function subscribe(filter: string, qos: 0 | 1 | 2 = 2, packetId = 1): ClientPacket {
  return {
    type: "subscribe",
    packetId,
    subscriptions: [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  };
}

function ack(type: "puback" | "pubrec" | "pubrel" | "pubcomp", packetId: number): ClientPacket {
  return { type, packetId, reasonCode: 0 };
}

const PING: ClientPacket = { type: "pingreq" };

Deno.test("a PINGREQ wakes a connection without a look at the store", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c", { keepAlive: 10 });
  assert.equal(socket.news(), "connack");
  platform.evict();
  platform.clock.advance(9_000);
  platform.counted.reset();
  await socket.send(PING);
  assert.equal(socket.news(), "pingresp");
  assert.equal(platform.counted.count(), 0);
  assert.deepEqual(platform.asked, { find: 0, all: 2 }, "once, when each broker is made");
});

Deno.test("any other packet reloads the session in one round trip, and leaves its owner as it was", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c");
  const before = await platform.store.read("c");
  platform.evict();
  platform.counted.reset();
  await socket.send(publishPacket("nobody", 1, 7));
  assert.equal(socket.news(), "connack puback:7");
  assert.equal(platform.counted.count("acquire"), 1);
  assert.equal(platform.counted.count("read"), 0);
  const after = await platform.store.read("c");
  assert.equal(after?.guard.epoch, before?.guard.epoch);
  assert.deepEqual(after?.owner, before?.owner);
});

Deno.test("what is published reaches those that sleep at once, and no others are woken", async () => {
  const platform = new Platform();
  const publisher = await platform.connect("p");
  const sleeper = await platform.connect("s");
  const other = await platform.connect("o");
  await sleeper.send(subscribe("a"));
  for (const each of [publisher, sleeper, other]) each.news();
  const kept = other.attachment;
  platform.evict();
  platform.counted.reset();
  await publisher.send(publishPacket("a", 1, 1, "one"));
  assert.equal(publisher.news(), "puback:1");
  assert.equal(sleeper.news(), "publish:2=one");
  assert.equal(platform.counted.count("acquire"), 2);
  assert.equal(platform.counted.count("read"), 1);
  assert.equal(other.attachment, kept);
  assert.deepEqual(platform.asked, { find: 1, all: 2 });
  platform.evict();
  await publisher.send(publishPacket("a", 0, undefined, "zero"));
  assert.equal(sleeper.news(), "publish=zero");
  await sleeper.send(ack("puback", 2));
  platform.evict();
  await publisher.send(publishPacket("a", 2, 2, "two"));
  await publisher.send(ack("pubrel", 2));
  assert.equal(sleeper.news(), "publish:4=two");
});

Deno.test("a broker takes no hibernation but what hibernation has made", () => {
  // What no type checker lets through.
  const made = { find: () => undefined, all: () => [] } as unknown as ReturnType<typeof hibernation>;
  const options = { store: memoryStore(), nodeId: "object" };
  assert.throws(() => sessionBroker({ ...options, hibernation: made }), TypeError);
  const broker = sessionBroker({ ...options, hibernation: hibernation({ find: () => undefined, all: () => [] }) });
  assert.equal(broker.nodeId, "object");
});
