import assert from "node:assert/strict";
import fc from "fast-check";
import { run } from "./support/actions.ts";
import { World } from "./support/world.ts";

const RUNS = 4_000;

Deno.test("random runs with crashes, takeovers and rude clients keep the 17 invariants and the law of D9", () => {
  fc.assert(
    fc.property(run, (actions) => {
      const world = new World();
      for (const action of actions) world.act(action);
    }),
    { numRuns: RUNS },
  );
});

Deno.test("whatever has happened, a willing client then takes all that is owed to it", () => {
  fc.assert(
    fc.property(run, (actions) => {
      const world = new World();
      for (const action of actions) world.act(action);
      assert.deepEqual(world.settle(), []);
    }),
    { numRuns: RUNS },
  );
});
