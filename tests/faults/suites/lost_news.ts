/** News of a session that get lost on the way: the session finds out all the same. */
import assert from "node:assert/strict";
import { publishPacket, subscribePacket } from "../../unit/runtime/support.ts";
import type { StoreKind } from "../support/stores.ts";
import { texts, until, world } from "../support/world.ts";

const COMMIT = { timeoutMs: 1_000, repeatForMs: 3_000, repeatAfterMs: 100 } as const;

/** Tests it on one kind of store. */
export function lostNews({ name, make }: StoreKind): void {
  for (const fault of ["failsAfter", "replyLost"] as const) {
    Deno.test(`${name}: a doorbell that was cleared without an answer (${fault}) leaves no message behind`, async () => {
      await using subject = await make();
      const here = world(subject.store, { commit: COMMIT });
      const there = here.another({ nodeId: "there" });
      const subscriber = await here.connect("sub", {}, there);
      await subscriber.send(subscribePacket(1, "t"));
      const moved = await here.connect("moved", {}, there);
      const publisher = await here.connect("pub");
      await publisher.send(publishPacket("t", 1, 1, "one"));
      await here.connect("moved");
      here.faults.inject({ call: "readRings", fault });
      await here.runDue(there);
      assert.deepEqual(texts(subscriber), ["one"]);
      assert.equal(moved.told(), "connack disconnect:8e");
      await here.broker.shutdown();
      await there.shutdown();
    });
  }

  Deno.test(`${name}: a doorbell that could not be read is asked again, and everybody looks`, async () => {
    await using subject = await make();
    const here = world(subject.store, { commit: COMMIT });
    const there = here.another({ nodeId: "there" });
    const subscriber = await here.connect("sub", {}, there);
    await subscriber.send(subscribePacket(1, "t"));
    const publisher = await here.connect("pub");
    await publisher.send(publishPacket("t", 1, 1, "one"));
    here.faults.inject({ call: "readRings", fault: "failsAfter", times: 100 });
    await here.runDue(there);
    assert.deepEqual(texts(subscriber), []);
    here.faults.heal();
    await here.runDue(there);
    assert.deepEqual(texts(subscriber), ["one"]);
    await here.broker.shutdown();
    await there.shutdown();
  });

  for (const others of ["no other session", "another session"]) {
    Deno.test(`${name}: a doorbell that rings while a session is being acquired is heard, with ${others} on its node`, async () => {
      await using subject = await make();
      const here = world(subject.store, { doorbellPollMs: 500, commit: { timeoutMs: 60_000 } });
      const there = here.another({ nodeId: "there" });
      if (others !== "no other session") await here.connect("other", {}, there);
      const before = await here.connect("sub", {}, there);
      await before.send(subscribePacket(1, "t"));
      await before.drop();
      const publisher = await here.connect("pub");
      there.start();
      await here.rest();
      here.faults.inject({ call: "acquire", fault: "answersLate" });
      const subscriber = await here.connect("sub", {}, there);
      await publisher.send(publishPacket("t", 1, 1, "one"));
      await here.pass(2_000);
      here.faults.release();
      // Where the doorbell is polled, it may be the next poll that tells; where it is watched, the engine takes its time.
      await here.pass(1_000);
      await until(() => texts(subscriber).length > 0, "the message comes");
      assert.deepEqual(texts(subscriber), ["one"]);
      await here.broker.shutdown();
      await there.shutdown();
    });
  }
}
