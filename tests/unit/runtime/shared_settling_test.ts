import assert from "node:assert/strict";
import { faultyStore } from "../../../src/testing/mod.ts";
import { FILTER, GROUP } from "./shared_support.ts";
import { rest, subscribePacket, texts, type World, world } from "./support.ts";

/** A member of this node that holds two messages, one of them never started, and a node that dies as it settles it. */
async function dyingSettler(at: World, settle: (far: ReturnType<World["another"]>) => unknown): Promise<void> {
  at.broker.start();
  const a = await at.connect("a", { receiveMaximum: 1, sessionExpiryInterval: 50 });
  await a.send(subscribePacket(1, FILTER));
  for (const text of ["1", "2"]) {
    await at.broker.publish({ topic: "t", payload: new TextEncoder().encode(text), qos: 1 });
  }
  await at.pass(10);
  assert.deepEqual(texts(a), ["1"]);
  const dying = faultyStore(at.store);
  const far = at.another({ nodeId: "far", store: dying.store });
  // It takes the session from its connection, and dies before it has read what that had claimed.
  dying.inject({ fault: "neverStarts", call: "readQueue", times: Infinity });
  settle(far);
  await rest();
  assert.ok(dying.injected.length > 0, "it did not die");
  assert.equal((await at.store.read("a"))?.snapshot.head.attached, true);
}

for (
  const [how, settle] of [
    ["a CONNECT with Clean Start on another node", (far: ReturnType<World["another"]>, at: World) => {
      void at.connect("a", { cleanStart: true }, far);
    }],
    ["an end from another node", (far: ReturnType<World["another"]>) => {
      far.end("a").catch(() => {});
    }],
  ] as const
) {
  Deno.test(`what dies while it settles a session leaves no head attached as long as the node lives: ${how}`, async () => {
    const at = world({ commit: { timeoutMs: 1_000, repeatForMs: 10_000 } });
    await dyingSettler(at, (far) => settle(far, at));
    await at.pass(9_000);
    assert.equal(
      (await at.store.read("a"))?.snapshot.head.attached,
      true,
      "it was let go of while others may be at work",
    );
    await at.pass(5_000);
    assert.equal((await at.store.read("a"))?.snapshot.head.attached, false);
    await at.pass(60_000);
    await at.broker.runDue();
    assert.equal(await at.store.read("a"), undefined, "the session never ends");
    assert.equal(await at.store.read(GROUP), undefined);
    await at.broker.shutdown();
  });
}
