/** Who owns a session, as seen by somebody who appends to it: head and gate may be read in two calls. */
import assert from "node:assert/strict";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

Deno.test("who reads the head before an acquire and the gate after it finds the new owner, and rings", async () => {
  const inner = mapDriver({ limits: { keysPerGet: 3 } });
  const arrived = Promise.withResolvers<void>();
  const goes = Promise.withResolvers<void>();
  let holds = false;
  const store = storeOn({
    limits: inner.limits,
    list: (range) => inner.list(range),
    commit: (checks, mutations) => inner.commit(checks, mutations),
    get: async (keys) => {
      // Of four keys the first three come in one call: the gate of the second receiver among them, its head not.
      if (holds && keys.length === 3) {
        holds = false;
        arrived.resolve();
        await goes.promise;
      }
      return await inner.get(keys);
    },
  });
  const other = await acquired(store, request("a", "1"));
  const session = await acquired(store, request("c", "1"));
  const { head } = session.snapshot;
  const detached = { ...head, attached: false, disconnectedAt: NOW, endsAt: NOW + 3_600_000 };
  await store.commit([batch("detach", { guard: session.guard, changes: [{ type: "putHead", head: detached }] })]);

  holds = true;
  const receivers = [to(other), { ...to(session), qos: 0 as const, onlyIfOwned: true }];
  const late = store.commit([batch("late", { deliveries: [{ message: message(), receivers }] })]);
  await arrived.promise;
  await acquired(store, request("c", "2", { nodeId: "another" }));
  goes.resolve();
  const [answer] = await late;
  assert.ok(answer?.outcome === "committed");
  const outcome = answer.deliveries[0]?.[1];
  assert.ok(outcome?.outcome === "appended", "it took the session for one without an owner");
  assert.equal(outcome.ownerNode, "another");
  assert.deepEqual(await store.readRings("another"), ["c"]);
});
