import assert from "node:assert/strict";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { type ExploredStore, exploreStore, mapDriver } from "../../src/testing/mod.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** A store whose every call of the driver waits for its turn. */
function make(): ExploredStore {
  const driver = mapDriver();
  return {
    // No message is so large that its parts need an id.
    open: (gate) => keyValueStore(gate.wrap(driver), { capabilities: CAPABILITIES, newId: () => "id" }),
    contents: () => driver.entries(),
  };
}

Deno.test("key-value keeps its promises in every order of the driver calls of any two, with every crash and lost answer", async () => {
  const scenarios = ["takeover", "clean start", "deadlines", "outbox", "sweep", "own log"];
  const report = await exploreStore({ name: "key-value", make, scenarios, together: 2 });
  assert.ok(report.complete);
  assert.ok(report.states >= 43_000, JSON.stringify(report));
});

Deno.test("key-value keeps its promises in every order of the driver calls of any two, where nothing fails", async () => {
  const scenarios = ["repetition", "lapse", "full queue", "claims"];
  const report = await exploreStore({ name: "key-value", make, scenarios, together: 2, faults: 0 });
  assert.ok(report.complete);
  assert.ok(report.states >= 7_900, JSON.stringify(report));
});
