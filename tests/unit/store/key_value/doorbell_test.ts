/** Doorbells have an end with their node (G9). */
import assert from "node:assert/strict";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

async function rung(store: SessionStore, nodeId: string): Promise<void> {
  await store.renewNode(nodeId, NOW + 1_000);
  const session = await acquired(store, request("c", nodeId, { nodeId }));
  await store.commit([batch(`ring ${nodeId}`, { deliveries: [{ message: message(), receivers: [to(session)] }] })]);
}

const STORES = { memory: () => memoryStore(), "key-value": () => storeOn(mapDriver()) };

for (const [name, make] of Object.entries(STORES)) {
  Deno.test(`${name}: a node that is released leaves no doorbell [G9]`, async () => {
    const store = make();
    await rung(store, "gone");
    await acquired(store, request("c", "2", { nodeId: "other" }));
    await store.renewNode("gone", 0);
    assert.deepEqual(await store.readRings("gone"), []);
  });

  Deno.test(`${name}: a node that lapsed keeps its doorbells while it owns sessions, and no longer [G9]`, async () => {
    const store = make();
    await rung(store, "lost");
    const [work] = await store.listDue(NOW + 1_000, { limit: 9, graceMs: 0 });
    assert.equal(work?.type, "node");
    await acquired(store, request("c", "2", { nodeId: "other" }));
    await store.listDue(NOW + 1_000, { limit: 9, graceMs: 0 });
    assert.deepEqual(await store.readRings("lost"), []);
  });
}

Deno.test("a doorbell rung by who was late for a node's end goes when the next node is lost, and none of a living node [G9]", async () => {
  const driver = mapDriver();
  const store = storeOn(driver);
  await rung(store, "living");
  const ring = driver.entries().find(({ key }) => key.includes("/ring/living/"));
  assert.ok(ring !== undefined);
  for (let index = 0; index < 120; index++) {
    driver.overwrite(`mqtt/1/ring/${index % 2 === 0 ? "late" : "later"}/c${index}`, ring.value);
  }
  await store.renewNode("lost", NOW - 1);
  await store.listDue(NOW, { limit: 9, graceMs: 0 });
  const left = driver.entries().filter(({ key }) => key.includes("/ring/")).map(({ key }) => key);
  assert.deepEqual(left, [ring.key]);
});
