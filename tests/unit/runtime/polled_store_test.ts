import assert from "node:assert/strict";
import type { SessionStore } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { connectPacket, publishPacket, subscribePacket, texts, world } from "./support.ts";

/** A store that tells nobody of news. */
function silent(): SessionStore {
  const { watch: _watch, ...store } = memoryStore();
  return { ...store, capabilities: { ...store.capabilities, watch: "none" } };
}

Deno.test("where the store tells nobody of news, it is asked: messages and takeovers of other nodes are heard of", async () => {
  const { connect, another, broker, pass, client } = world({}, silent());
  broker.start();
  const elsewhere = another({ nodeId: "elsewhere" });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("pub", {}, elsewhere);
  await publisher.send(publishPacket("t", 1, 1, "news"));
  assert.deepEqual(texts(subscriber), []);
  await pass(10_000);
  assert.deepEqual(texts(subscriber), ["news"]);
  await client("again", elsewhere).send(connectPacket("sub"));
  await pass(10_000);
  assert.equal(subscriber.closed, true);
  await broker.shutdown();
});

Deno.test("QoS 0 for other nodes may wait up to the bound of bytes, the bound itself included [G14]", async () => {
  const { connect, another, faults, of } = world({ bounds: { maxPendingBytes: 1_000 } }, silent());
  const subscriber = await connect("sub", {}, another({ nodeId: "elsewhere" }));
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("pub");
  faults.inject({ call: "commit", fault: "startsLate" });
  await publisher.send(publishPacket("t", 0, undefined, "under way"));
  for (const size of [499, 499]) await publisher.send(publishPacket("t", 0, undefined, "x".repeat(size)));
  assert.equal(of("dropped").length, 0);
  await publisher.send(publishPacket("t", 0, undefined, ""));
  assert.equal(of("dropped").length, 1);
  faults.release();
});
