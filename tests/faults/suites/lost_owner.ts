/** Sessions that a connection took or kept when the store did not answer: none stays taken for ever. */
import assert from "node:assert/strict";
import { will } from "../../unit/runtime/support.ts";
import type { StoreKind } from "../support/stores.ts";
import { texts, world } from "../support/world.ts";
import { subscribePacket } from "../../unit/runtime/support.ts";

const COMMIT = { timeoutMs: 1_000, repeatForMs: 3_000, repeatAfterMs: 100 } as const;

/** Tests it on one kind of store. */
export function lostOwner({ name, make }: StoreKind): void {
  Deno.test(`${name}: a session is let go of although a later CONNECT of the same client failed too [D8]`, async () => {
    await using subject = await make();
    const here = world(subject.store, { commit: COMMIT });
    const watcher = await here.connect("watcher");
    await watcher.send(subscribePacket(1, "will"));
    const client = await here.connect("c", { will: will("will") });
    here.faults.inject({ call: "commit", fault: "neverStarts", times: Infinity });
    await client.drop();
    await here.pass(10_000);
    // The first connection could not say that it is gone; the second never learns whether it got the session.
    here.faults.inject({ call: "acquire", fault: "neverStarts", times: Infinity });
    const second = await here.connect("c");
    await here.pass(10_000);
    assert.equal(second.told(), "connack:88");
    here.faults.heal();
    await here.runDue();
    assert.equal((await here.broker.inspect("c"))?.attached, false);
    assert.equal(texts(watcher).length, 1);
    await here.broker.shutdown();
  });

  Deno.test(`${name}: a session that was acquired without an answer is let go of, whatever the last attempt said [D8]`, async () => {
    await using subject = await make();
    const here = world(subject.store, { commit: COMMIT });
    here.faults.inject({ call: "acquire", fault: "failsAfter" });
    here.faults.inject({ call: "acquire", fault: "failsBefore", times: Infinity });
    const client = await here.connect("c");
    await here.pass(10_000);
    assert.equal(client.told(), "connack:88");
    assert.equal((await here.broker.inspect("c"))?.attached, true);
    here.faults.heal();
    await here.runDue();
    assert.equal((await here.broker.inspect("c"))?.attached, false);
    await here.broker.shutdown();
  });
}
