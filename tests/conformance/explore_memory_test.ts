import assert from "node:assert/strict";
import { memoryStore } from "../../src/stores/memory.ts";
import { EXPLORED_SCENARIOS, type ExploredStore, exploreStore } from "../../src/testing/mod.ts";

/** A store whose every call waits for its turn. */
function make(): ExploredStore {
  const store = memoryStore();
  return { open: (gate) => gate.wrap(store) };
}

/** Where most is to be done, so that three at a time are as many states as four elsewhere. */
const LONG = "lapse";

Deno.test("memory keeps its promises in every order of the calls of any four, with every crash and lost answer", async () => {
  const scenarios = EXPLORED_SCENARIOS.filter((name) => name !== LONG);
  const report = await exploreStore({ name: "memory", make, scenarios, together: 4 });
  assert.ok(report.complete);
  // Fewer would mean that the worlds have become smaller, not that the store has become better.
  assert.ok(report.states >= 33_000, JSON.stringify(report));
});

Deno.test("memory keeps its promises in every order of the calls of any three at a lapsed node, with every crash and lost answer", async () => {
  const report = await exploreStore({ name: "memory", make, scenarios: [LONG], together: 3 });
  assert.ok(report.complete);
  assert.ok(report.states >= 5_500, JSON.stringify(report));
});
