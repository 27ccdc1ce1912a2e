/** A few simulated worlds in this very thread, where it is seen which lines they run. */
import assert from "node:assert/strict";
import { drawPlan } from "../simulation/plan/draw.ts";
import { play } from "../simulation/play.ts";

const FROM = 1_000_001;
const RUNS = 100;

Deno.test(`no promise is broken in ${RUNS} simulated worlds from seed ${FROM} on`, async () => {
  for (let seed = FROM; seed < FROM + RUNS; seed++) {
    const { violations } = await play(drawPlan(seed));
    assert.deepEqual(violations, [], `deno task simulate --seed ${seed}`);
  }
});
