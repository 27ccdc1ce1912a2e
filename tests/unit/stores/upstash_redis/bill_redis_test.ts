import assert from "node:assert/strict";
import { REDIS_COSTS, type RedisCost, type RedisStep } from "../../../support/redis/costs.ts";
import { measureOurSteps } from "../../../bench/upstash/our_steps.ts";
import { Rig } from "../../../bench/upstash/rig.ts";

/** Steps that cost more than they may: known, and to become fewer. */
const OVER: readonly RedisStep[] = [];

const COSTS: Readonly<Record<RedisStep, RedisCost>> = REDIS_COSTS;

Deno.test("every step asks Redis for exactly what its bill says, in requests that wait for each other", async (t) => {
  await using rig = await Rig.start();
  const measured = await measureOurSteps(rig);
  assert.deepEqual(Object.keys(measured).toSorted(), Object.keys(COSTS).toSorted());
  for (const [name, { trips, requests, billed }] of Object.entries(measured)) {
    await t.step(name, () => {
      const expected = COSTS[name as RedisStep]; // The keys were compared above.
      assert.deepEqual({ requests, commands: billed }, { requests: expected.requests, commands: expected.commands });
      assert.equal(trips, requests, "requests that went side by side");
    });
  }
});

Deno.test("no step costs more than its limit, but for those that are known to", () => {
  const over = Object.entries(COSTS).filter(([, { commands, limit = Infinity }]) => commands > limit);
  assert.deepEqual(over.map(([name]) => name).toSorted(), OVER.toSorted());
});

Deno.test("each further receiver costs at most three commands, and no request", () => {
  const { publish, publishToTen, publishToHundred, publishHere, publishElsewhere } = REDIS_COSTS;
  const receiver = (publishToTen.commands - publish.commands) / 9;
  assert.ok(receiver <= 3, `${receiver}`);
  assert.equal((publishToHundred.commands - publish.commands) / 99, receiver);
  assert.ok(receiver + publishElsewhere.commands - publishHere.commands <= 3, "with its node's doorbell");
  assert.equal(publishToHundred.requests, publish.requests);
});
