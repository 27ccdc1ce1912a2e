/** What must not happen twice, and what must not get lost beside something that failed. */
import assert from "node:assert/strict";
import { publishPacket, subscribePacket } from "../../unit/runtime/support.ts";
import type { StoreKind } from "../support/stores.ts";
import { texts, world } from "../support/world.ts";

const COMMIT = { timeoutMs: 1_000, repeatForMs: 3_000, repeatAfterMs: 100 } as const;

/** Tests it on one kind of store. */
export function atMostOnce({ name, make }: StoreKind): void {
  for (const fault of ["failsBefore", "failsAfter", "failsUnknown", "replyLost"] as const) {
    Deno.test(`${name}: QoS 0 for another node arrives at most once, and is counted, when its commit ${fault} [MQTT-4.3.1-1]`, async () => {
      await using subject = await make();
      const here = world(subject.store, { commit: COMMIT });
      const there = here.another({ nodeId: "there" });
      const subscriber = await here.connect("sub", {}, there);
      await subscriber.send(subscribePacket(1, "t"));
      const publisher = await here.connect("pub");
      here.faults.inject({ call: "commit", fault });
      await publisher.send(publishPacket("t", 0, undefined, "once"));
      await here.pass(5_000);
      await publisher.send(publishPacket("t", 0, undefined, "next"));
      await here.pass(5_000);
      await here.runDue(there);
      const got = texts(subscriber);
      const happened = fault !== "failsUnknown";
      assert.deepEqual(got, happened ? ["once", "next"] : ["next"]);
      assert.deepEqual(here.drops(), fault === "failsBefore" ? [] : ["atMostOnce"]);
      assert.equal(publisher.closed, false);
      await here.broker.shutdown();
      await there.shutdown();
    });
  }
}

/** The same of a publish that no receiver takes, on a store that tells in the commit itself. */
export function refusedPublish({ name, make }: StoreKind): void {
  Deno.test(`${name}: a refused publish takes nothing along that only waited behind it [D11]`, async () => {
    await using subject = await make();
    const here = world(subject.store, { queue: { maximumMessages: 1, whenFull: "reject" } });
    const full = await here.connect("full");
    await full.send(subscribePacket(1, "t"));
    await full.drop();
    const publisher = await here.connect("pub");
    await publisher.send(subscribePacket(1, "news"));
    await publisher.send(publishPacket("t", 1, 2, "fills"));
    here.faults.inject({ call: "commit", fault: "answersLate" });
    await publisher.send(publishPacket("t", 1, 3, "refused"));
    const other = await here.connect("other");
    await other.send(publishPacket("news", 0, undefined, "meanwhile"));
    here.faults.release();
    await here.rest();
    assert.deepEqual(texts(publisher), ["meanwhile"]);
    assert.equal(publisher.told(), "connack suback puback puback:97 publish");
    await here.broker.shutdown();
  });
}
