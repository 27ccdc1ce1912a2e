import assert from "node:assert/strict";
import fc from "fast-check";
import { packOutcomes, unpackOutcomes } from "../../../../src/store/key_value/outcomes.ts";
import type { ReceiverOutcome } from "../../../../src/store/session_store.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { acquired, batch, message, request, storeOn, to } from "./kit.ts";

const WHO = { clientId: "c", incarnation: "i" };
const outcome = fc.constantFrom<ReceiverOutcome>(
  { ...WHO, outcome: "appended", sequence: 7 },
  { ...WHO, outcome: "dropped", reason: "expired" },
  { ...WHO, outcome: "dropped", reason: "notConnected" },
  { ...WHO, outcome: "dropped", reason: "unreadable" },
  { ...WHO, outcome: "ended" },
  { ...WHO, outcome: "owed" },
);

Deno.test("what became of each receiver comes back in order, with the reason of what was dropped", () => {
  fc.assert(fc.property(fc.array(fc.array(outcome, { maxLength: 9 }), { maxLength: 9 }), (deliveries) => {
    const expected = deliveries.flat().map((each) =>
      each.outcome === "dropped" ? { outcome: each.outcome, reason: each.reason } : { outcome: each.outcome }
    );
    assert.deepEqual(unpackOutcomes(packOutcomes(deliveries), expected.length), expected);
  }));
});

Deno.test("too many different outcomes are not kept: each may be one that nobody must guess", () => {
  const mixed = Array.from({ length: 400 }, (_, index): ReceiverOutcome => ({
    ...WHO,
    outcome: index % 2 === 0 ? "ended" : "owed",
  }));
  assert.equal(packOutcomes([mixed]).length, 0);
  assert.deepEqual(unpackOutcomes(packOutcomes([mixed]), 2), [{ outcome: "appended" }, { outcome: "appended" }]);
});

Deno.test("a repeated batch is told again why a message was dropped [D8]", async () => {
  const store = storeOn(mapDriver());
  const owner = await acquired(store, request("owner", "1"));
  const away = await acquired(store, request("away", "1"));
  const limits = { maximumMessages: 0, maximumBytes: 1e9, whenFull: "dropNewest" } as const;
  const wanted = batch("b", {
    guard: owner.guard,
    deliveries: [{ message: message(), receivers: [to(away)] }],
    limits,
  });
  const [first] = await store.commit([wanted]);
  const [again] = await store.commit([wanted]);
  assert.ok(first?.outcome === "committed" && again?.outcome === "committed");
  assert.deepEqual(first.deliveries, [[{
    outcome: "dropped",
    clientId: "away",
    incarnation: away.snapshot.incarnation,
    reason: "queueFullNewest",
  }]]);
  assert.deepEqual(again.deliveries, first.deliveries);
});
