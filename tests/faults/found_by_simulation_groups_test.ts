/** What random lives and simulated worlds of shared groups have found, each as a plain test. */
import assert from "node:assert/strict";
import type { SessionStore } from "../../mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { rest, subscribePacket, world } from "../unit/runtime/support.ts";

const FILTER = "$share/g/t";
const GROUP = `\u0000${FILTER}`;

/** How many messages wait in a log. */
async function waiting({ directory }: SessionStore, name: string): Promise<number | undefined> {
  return (await directory.inspect(name))?.queuedMessages;
}

Deno.test("what is claimed for a session while it is made ready to be ended stays in its group", async () => {
  const { connect, another, pass, store } = world();
  const far = another({ nodeId: "far" });
  far.start();
  let claimsMeanwhile = true;
  const readQueue: SessionStore["readQueue"] = async (guard, position, call) => {
    const page = await store.readQueue(guard, position, call);
    if (guard.clientId === "a" && claimsMeanwhile) {
      claimsMeanwhile = false;
      await far.publish({ topic: "t", payload: Uint8Array.of(2), qos: 1 });
      await rest();
    }
    return page;
  };
  const near = another({ nodeId: "near", store: { ...store, readQueue } });
  near.start();
  const keeper = await connect("keeper", { sessionExpiryInterval: 5_000 }, far);
  await keeper.send(subscribePacket(1, FILTER));
  keeper.connection.closed();
  const member = await connect("a", { sessionExpiryInterval: 5_000 }, far);
  await member.send(subscribePacket(1, FILTER));
  await far.publish({ topic: "t", payload: Uint8Array.of(1), qos: 1 });
  await pass(100);
  assert.deepEqual([await waiting(store, GROUP), await waiting(store, "a")], [0, 1]);
  await connect("a", { cleanStart: true }, near);
  await pass(5_000);
  assert.equal(claimsMeanwhile, false);
  assert.deepEqual([await waiting(store, GROUP), await waiting(store, "a")], [2, 0]);
  await near.shutdown();
  await far.shutdown();
});

Deno.test("what is claimed for a member that is about to go is given back, though it was never told of it", async () => {
  const inner = memoryStore();
  let answer = () => {};
  const commit: SessionStore["commit"] = async (batches, call) => {
    const results = await inner.commit(batches, call);
    if (batches.some(({ isWhole }) => isWhole === true)) await new Promise<void>((resolve) => answer = resolve);
    return results;
  };
  const { connect, broker, pass, store } = world({}, { ...inner, commit });
  const member = await connect("a", { sessionExpiryInterval: 5_000 });
  await member.send(subscribePacket(1, FILTER));
  await broker.publish({ topic: "t", payload: Uint8Array.of(1), qos: 2 });
  await pass(10);
  assert.deepEqual([await waiting(store, GROUP), await waiting(store, "a")], [0, 1]);
  member.connection.closed();
  await pass(10);
  answer();
  await pass(10);
  assert.deepEqual([await waiting(store, GROUP), await waiting(store, "a")], [1, 0]);
  await broker.shutdown();
});
