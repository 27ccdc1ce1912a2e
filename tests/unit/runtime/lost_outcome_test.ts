import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import { publishPacket, rest, subscribePacket, texts, world } from "./support.ts";

Deno.test("what a publish owes is served at once, though nobody was ever told that it was stored", async () => {
  const commit = { repeatForMs: 0 };
  const { connect, broker, faults } = world({ commit }, memoryStore({ maxReceiversPerCommit: 1 }));
  const subscribers = [];
  for (const clientId of ["a", "b", "c"]) {
    const subscriber = await connect(clientId);
    await subscriber.send(subscribePacket(1, "t"));
    subscribers.push(subscriber);
  }
  const publisher = await connect("pub");
  faults.inject({ call: "commit", fault: "failsAfter" });
  await publisher.send(publishPacket("t", 1, 1, "news"));
  await rest();
  await broker.settled();
  assert.equal(publisher.types(), "connack", "it gets no acknowledgement");
  for (const subscriber of subscribers) assert.deepEqual(texts(subscriber), ["news"]);
});

Deno.test("QoS 0 of just the size that the store takes is carried to another node", async () => {
  const { connect, another, broker } = world({}, memoryStore({ maxMessageBytes: 10 }));
  const elsewhere = another({ nodeId: "elsewhere" });
  const subscriber = await connect("sub", {}, elsewhere);
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("pub");
  await publisher.send(publishPacket("t", 0, undefined, "123456789"));
  await broker.settled();
  await elsewhere.runDue();
  assert.deepEqual(texts(subscriber), ["123456789"]);
});
