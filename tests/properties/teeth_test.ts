import assert from "node:assert/strict";
import fc from "fast-check";
import { type Action, run } from "./support/actions.ts";
import { FAULTS } from "./support/faults.ts";
import type { Fault } from "./support/link.ts";
import { World } from "./support/world.ts";

const MOST_RUNS = 2_000;

/** What a run with a fault ends with; `undefined` when nobody noticed. */
function failureOf(actions: readonly Action[], fault: Fault): string | undefined {
  const world = new World(fault);
  try {
    for (const action of actions) world.act(action);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

for (const { name, breaks, make } of FAULTS) {
  Deno.test(`random runs notice when ${name}`, () => {
    // The first failure that names the invariant is enough: other checks may notice other runs.
    const failures = new Set<string>();
    const found = fc.check(
      fc.property(run, (actions) => {
        const failure = failureOf(actions, make());
        if (failure !== undefined) failures.add(failure.split(":", 1)[0] ?? "");
        return failure === undefined || !breaks.some((start) => failure.startsWith(start));
      }),
      { numRuns: MOST_RUNS, endOnFailure: true },
    );
    assert.ok(found.failed, `seed ${found.seed}: nobody noticed but ${JSON.stringify([...failures])}`);
  });
}
