/**
 * What else a session of MQTT.js does: order, memory, failing stores, other pages.
 */
import assert from "node:assert/strict";
import type { LockManagerLike } from "../../../../src/hosts/mqttjs.ts";
import { mqttjsSession } from "../../../../src/hosts/mqttjs.ts";
import { PacketIds } from "../../../../src/hosts/mqttjs/packet_ids.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { faultyStore } from "../../../../src/testing/faulty_store.ts";
import { openPage } from "./support/client_world.ts";
import { sent } from "./support/kit.ts";

Deno.test("what is published while stored messages are sent again comes after them, in order", async () => {
  const store = faultyStore(memoryStore());
  await using page = await openPage(store.store);
  for (const topic of ["a", "b"]) page.client.publish(topic, "x", { qos: 1 });
  await page.session.flush();
  const wire = await page.server.wire();
  store.inject({ call: "commit", fault: "startsLate" });
  page.client.on("packetreceive", ({ cmd }) => {
    if (cmd !== "connack") return;
    // MQTT.js is connected, and has not yet read the first packet of the stream.
    queueMicrotask(() => {
      assert.equal(page.client.connected, true);
      for (const topic of ["c", "d"]) page.client.publish(topic, "x", { qos: 1 });
    });
  });
  await wire.accept(false);
  while (store.held() === 0) await new Promise((resolve) => setTimeout(resolve));
  store.release();
  assert.deepEqual(await sent(wire, 4), ["publish 2 a", "publish 3 b", "publish 4 c", "publish 5 d"]);
  await page.connected;
});

Deno.test("what is not kept in memory is read from the store when it is sent again", async () => {
  const store = memoryStore();
  await using page = await openPage(store);
  const wire = await page.server.wire();
  await wire.accept(false);
  await page.connected;
  const payloads = Array.from({ length: 6 }, (_, index) => "abcdef".charAt(index).repeat(1_048_576));
  for (const payload of payloads) page.client.publish("big", payload, { qos: 1, properties: { contentType: "x" } });
  await sent(wire, 6);
  await wire.break();
  const second = await page.server.wire();
  await second.accept(true);
  for (const payload of payloads) {
    const packet = await second.next();
    assert.ok(packet.cmd === "publish" && packet.dup);
    assert.equal(packet.properties?.contentType, "x");
    assert.ok(packet.payload.toString() === payload);
  }
});

Deno.test("a received message is stored under the topic that its Topic Alias stands for", async () => {
  const store = memoryStore();
  {
    await using page = await openPage(store, {}, { properties: { topicAliasMaximum: 10 } });
    const wire = await page.server.wire();
    await wire.accept(false);
    const publish = { cmd: "publish", payload: "x", qos: 2, dup: false, retain: false } as const;
    wire.send({ ...publish, topic: "long/topic", messageId: 1, properties: { topicAlias: 1 } });
    wire.send({ ...publish, topic: "", messageId: 2, properties: { topicAlias: 1 } });
    assert.deepEqual(await sent(wire, 2), ["pubrec 1", "pubrec 2"]);
    page.crash();
  }
  await using page = await openPage(store);
  const wire = await page.server.wire();
  await wire.accept(true);
  wire.send({ cmd: "pubrel", messageId: 2 });
  assert.deepEqual(await sent(wire, 1), ["pubcomp 2"]);
  assert.deepEqual(page.messages, ["long/topic"]);
});

Deno.test("CONNECT starts clean until a connection has been accepted, also after a reload", async () => {
  const store = memoryStore();
  {
    await using page = await openPage(store);
    const wire = await page.server.wire();
    assert.equal((await wire.next() as { clean?: boolean }).clean, true);
    page.client.publish("offline", "x", { qos: 1 });
    await page.session.flush();
    page.crash();
  }
  await using page = await openPage(store);
  const wire = await page.server.wire();
  assert.equal((await wire.accept(false)).clean, true);
  assert.deepEqual(await sent(wire, 1), ["publish 2 offline"]);
  await wire.break();
  assert.equal((await (await page.server.wire()).accept(true)).clean, false);
});

Deno.test("a session of MQTT 3.1.1 is resumed and discarded by Session Present alone", async () => {
  await using page = await openPage(memoryStore(), { protocolVersion: 4 });
  const wire = await page.server.wire();
  assert.equal((await wire.accept(false)).clean, false);
  await page.connected;
  page.client.publish("a", "x", { qos: 1 });
  await sent(wire, 1);
  await wire.break();
  const second = await page.server.wire();
  await second.accept(true);
  assert.deepEqual(await sent(second, 1), ["publish 2 a dup"]);
  await second.break();
  await (await page.server.wire()).accept(false);
  await page.session.flush();
  assert.deepEqual(page.events, [{ type: "discarded", outgoing: 1, incoming: 0 }]);
});

Deno.test("a message whose handler fails is handed over again with the next PUBREL", async () => {
  await using page = await openPage(memoryStore());
  let failures = 1;
  page.client.handleMessage =
    ((handle) => (packet, callback) =>
      handle.call(page.client, packet, () => callback(failures-- > 0 ? new Error("not now") : undefined)))(
        page.client.handleMessage,
      );
  const wire = await page.server.wire();
  await wire.accept(false);
  wire.send({ cmd: "publish", topic: "in", payload: "x", qos: 2, messageId: 9, dup: false, retain: false });
  await sent(wire, 1);
  wire.send({ cmd: "pubrel", messageId: 9 });
  await new Promise((resolve) => page.client.once("message", resolve));
  await page.session.flush();
  await wire.break();
  const second = await page.server.wire();
  await second.accept(true);
  second.send({ cmd: "pubrel", messageId: 9 });
  assert.deepEqual(await sent(second, 1), ["pubcomp 9"]);
});

Deno.test("a message that the store cannot take fails alone, whatever leaves with it", async () => {
  await using page = await openPage(memoryStore({ maxMessageBytes: 50 }));
  const wire = await page.server.wire();
  await wire.accept(false);
  await page.connected;
  const failed: string[] = [];
  for (const [topic, length] of [["a", 1], ["b", 100], ["c", 1]] as const) {
    page.client.publish(topic, "x".repeat(length), { qos: 1 }, (error) => error && failed.push(topic));
  }
  assert.deepEqual((await sent(wire, 2)).map((text) => text.split(" ")[2]), ["a", "c"]);
  assert.deepEqual(failed, ["b"]);
  assert.deepEqual(page.events, [{ type: "dropped", reason: "notStored", messageId: 3 }]);
  assert.equal(page.session.stored.outgoing, 2);
  await wire.break();
  const second = await page.server.wire();
  await second.accept(true);
  assert.deepEqual((await sent(second, 2)).map((text) => text.split(" ")[2]), ["a", "c"]);
});

Deno.test("a commit whose outcome stays unknown is repeated for as long as it takes, and stored once", async () => {
  const faulty = faultyStore(memoryStore());
  await using page = await openPage(faulty.store, { commit: { repeatForMs: 1, repeatAfterMs: 1 } });
  page.client.publish("before", "x", { qos: 1 });
  await page.session.flush();
  faulty.inject({ call: "commit", fault: "failsAfter", times: 1 });
  faulty.inject({ call: "commit", fault: "failsUnknown", times: 5 });
  page.client.publish("a", "x", { qos: 1 });
  page.client.publish("b", "x", { qos: 1 });
  await page.session.flush();
  assert.ok(page.events.some(({ type }) => type === "storeFailed"));
  const summary = await faulty.store.directory.inspect("page");
  assert.equal(summary?.queuedMessages, 3);
});

/** Web Locks of one origin, as far as a session uses them. */
function locksOfOrigin(): LockManagerLike {
  const holders = new Map<string, { readonly gone: Promise<void>; steal(): void }>();
  return {
    async request(name, { ifAvailable, steal }, callback) {
      const holder = holders.get(name);
      if (holder !== undefined && ifAvailable) return callback(null);
      if (holder !== undefined && steal) holder.steal();
      else await holder?.gone;
      const { promise: gone, resolve } = Promise.withResolvers<void>();
      const stolen = Promise.withResolvers<never>();
      holders.set(name, { gone, steal: () => stolen.reject(new DOMException("stolen", "AbortError")) });
      try {
        return await Promise.race([callback({}), stolen.promise]);
      } finally {
        resolve();
        if (holders.get(name)?.gone === gone) holders.delete(name);
      }
    },
  };
}

Deno.test("a page that takes the session ends the other at once, by the lock", async () => {
  const [store, locks] = [memoryStore(), locksOfOrigin()];
  await using first = await openPage(store, { locks });
  const wire = await first.server.wire();
  await wire.accept(false);
  await first.connected;
  await using _second = await openPage(store, { locks });
  await wire.closed;
  assert.ok(first.session.lost.aborted);
  assert.equal(first.client.disconnecting || first.client.disconnected, true);
});

Deno.test("a page that refuses to take the session leaves it to the other; one that waits gets it afterwards", async () => {
  const [store, locks] = [memoryStore(), locksOfOrigin()];
  const first = await mqttjsSession(store, { clientId: "page", locks });
  await assert.rejects(mqttjsSession(store, { clientId: "page", locks, whenOwned: "refuse" }), { code: "CLOSED" });
  const order: string[] = [];
  const waiting = mqttjsSession(store, { clientId: "page", locks, whenOwned: "wait" }).then((session) => {
    order.push("second");
    return session;
  });
  order.push("first");
  await first.close();
  await (await waiting).close();
  assert.deepEqual(order, ["first", "second"]);
});

Deno.test("a session needs a Client Identifier that can be one, and a store that keeps its promises", async () => {
  await assert.rejects(mqttjsSession(memoryStore(), { clientId: "" }), TypeError);
  await assert.rejects(mqttjsSession(memoryStore(), { clientId: "a", sessionExpiryInterval: -1 }), RangeError);
  const weak = { ...memoryStore(), capabilities: { ...memoryStore().capabilities, fencing: "none" as const } };
  await assert.rejects(mqttjsSession(weak, { clientId: "a" }), { code: "CAPABILITY_MISSING" });
});

Deno.test("Packet Identifiers derive from the next place in the log; where one is in use, the opposite is taken", () => {
  let next = 1;
  const stored = new Set([2]);
  const ids = new PacketIds({ nextSequence: () => next, isStored: (id) => stored.has(id), requested: () => [32_769] });
  assert.equal(ids.allocate(), 32_769);
  next = 2;
  assert.equal(ids.allocate(), 3);
  assert.equal(ids.getLastAllocated(), 3);
  ids.clear();
  assert.equal(ids.register(2), true, "stored");
  assert.equal(ids.register(32_769), true, "of an open request");
  assert.equal(ids.register(32_769), false, "taken");
  assert.equal(ids.register(3), true, "forgotten");
  const rest = Array.from({ length: 65_532 }, () => {
    next += 1;
    return ids.allocate();
  });
  assert.equal(new Set(rest).size, 65_532);
  assert.equal(ids.allocate(), null);
  ids.deallocate(500);
  assert.equal(ids.allocate(), 500);
});
