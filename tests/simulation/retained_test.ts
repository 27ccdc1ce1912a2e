/** Worlds in which everything is retained: subscribers come before and after, nodes die in between. */
import assert from "node:assert/strict";
import { drawRetainedPlan, RETAINED_FROM as FROM } from "./plan/retained.ts";
import { boundsOf } from "./play.ts";
import { playRetained } from "./play_retained.ts";

const RUNS = 200;

Deno.test(`the last message of a topic is the last one retained, in ${RUNS} simulated worlds from seed ${FROM} on`, async () => {
  const counts = new Map<string, number>();
  let judged = 0;
  for (let seed = FROM; seed < FROM + RUNS; seed++) {
    const plan = drawRetainedPlan(seed);
    const outcome = await playRetained(plan, boundsOf(plan));
    for (const action of plan.actions) {
      if (action.do !== "publish") continue;
      if (action.removes === true) counts.set("removal", (counts.get("removal") ?? 0) + action.times);
      if (action.qos === 0) counts.set("QoS 0", (counts.get("QoS 0") ?? 0) + action.times);
      if (action.expiry !== undefined) counts.set("expires", (counts.get("expires") ?? 0) + action.times);
    }
    judged += outcome.judged;
    for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    const [first] = outcome.violations;
    if (first !== undefined) assert.fail(`seed ${seed}: ${first.client}: ${first.message}`);
  }
  assert.ok(judged >= RUNS, `${judged} topics of clients were judged`);
  for (
    const what of [
      "removal",
      "QoS 0",
      "expires",
      "crash",
      "takeover",
      "resumed",
      "fault crashAfter",
      "fault replyLost",
      "fault startsLate",
    ]
  ) {
    assert.ok((counts.get(what) ?? 0) >= 5, `${what}: only ${counts.get(what)} times`);
  }
});
