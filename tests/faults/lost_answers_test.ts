/** Answers of the store that are lost while something else goes on: nobody else may pay for it. */
import assert from "node:assert/strict";
import { publishPacket, subscribePacket } from "../unit/runtime/support.ts";
import { onMap, STORES } from "./support/stores.ts";
import { texts, world } from "./support/world.ts";

const KEPT = { sessionExpiryInterval: 600, cleanStart: false };

for (const { name, make } of STORES) {
  Deno.test(`${name}: a message whose commit was repeated while its receiver connects again is sent`, async () => {
    await using subject = await make();
    const { clock, connect, faults, rest } = world(subject.store);
    const first = await connect("s", KEPT);
    await first.send(subscribePacket(1, "t"));
    const publisher = await connect("p", KEPT);
    await first.drop();
    faults.inject({ call: "acquire", fault: "answersLate" });
    const second = await connect("s", KEPT);
    faults.inject({ call: "commit", fault: "failsAfter" });
    await publisher.send(publishPacket("t", 1, 1, "m"));
    clock.advance(1_000);
    await rest();
    faults.release();
    await rest();
    assert.deepEqual(texts(second), ["m"]);
  });
}

Deno.test("a session that cannot be read holds up no other of a dead node", async () => {
  await using subject = onMap();
  const { another, connect, pass, rows, runDue, store } = { ...world(subject.store), rows: subject.rows };
  const dead = another();
  await connect("a-spoiled", KEPT, dead);
  await connect("b-whole", KEPT, dead);
  const heads = (await rows.all()).filter(({ key }) => key.endsWith("/head/a-spoiled"));
  assert.equal(heads.length, 1);
  for (const { key, value } of heads) await rows.put(key, value.slice(0, 3));
  await pass(160_000);
  await runDue();
  assert.equal((await store.read("b-whole"))?.snapshot.head.attached, false);
});

Deno.test("what comes at QoS 0 while a connection asks who has its session is stored for who has it", async () => {
  const { another, connect, faults, rest, runDue } = world();
  const elsewhere = another();
  const first = await connect("s", KEPT);
  await first.send(subscribePacket(1, "t"));
  const publisher = await connect("p", KEPT);
  const second = await connect("s", KEPT, elsewhere);
  faults.inject({ call: "read", fault: "startsLate" });
  await first.send(subscribePacket(2, "u"));
  await publisher.send(publishPacket("t", 0, undefined, "m"));
  faults.release();
  await rest();
  await runDue(elsewhere);
  assert.deepEqual([texts(first), texts(second)], [[], ["m"]]);
});
