import assert from "node:assert/strict";
import { AedesWorld } from "./support/aedes_world.ts";

function will(topic: string) {
  return { will: { topic, payload: topic, qos: 1, retain: false } };
}

for (const where of ["the same broker", "another broker"]) {
  Deno.test(`a client that connects again at ${where} keeps its new Will, while its old one is published`, async () => {
    await using world = new AedesWorld({ sharesEmitter: true });
    const a = await world.broker("a");
    const b = where === "another broker" ? await world.broker("b") : a;
    const listener = await a.connect("listener");
    await listener.subscribe("will/#");
    const first = await a.connect("c", will("will/old"));
    const deleted = a.willDeleted();
    await b.connect("c", will("will/new"));
    await first.closed;
    assert.equal((await listener.next("publish")).topic, "will/old");
    await deleted;
    await Promise.all([a.persistence.settled(), b.persistence.settled()]);
    const { will: stored, head } = (await world.stores.store.read("c"))?.snapshot ?? {};
    assert.deepEqual([stored?.topic, head?.attached], ["will/new", true]);
    assert.deepEqual(listener.unread, []);
  });
}

Deno.test("a Will is gone after a good-bye, and after it was published", async () => {
  await using world = new AedesWorld();
  const a = await world.broker();
  const listener = await a.connect("listener");
  await listener.subscribe("will/#");
  for (const [how, clean] of [["disconnect", false], ["lose", false], ["disconnect", true], ["lose", true]] as const) {
    const client = await a.connect("c", { clean, ...will(`will/${how}`) });
    const deleted = a.willDeleted();
    await client[how]();
    if (how === "lose") assert.equal((await listener.next("publish")).topic, "will/lose");
    await deleted;
    await a.persistence.settled();
    const left = await world.stores.store.read("c");
    assert.equal(left?.snapshot.will, undefined, how);
    assert.equal(left === undefined, clean, `${how} ${clean}`);
    assert.equal(left?.snapshot.head.willDueAt, undefined);
  }
});
