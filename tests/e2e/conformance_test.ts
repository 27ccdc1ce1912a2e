import { deepEqual, ok } from "node:assert/strict";
import { type Outcome, type Result, run } from "../spec/wire/run.ts";
import { isSlow, needsStart } from "../spec/wire/scenario.ts";
import { SCENARIOS } from "../spec/wire/scenarios.ts";
import { ourBroker } from "../spec/wire/peers.ts";

/** Far more than an answer takes on a slow machine. */
const PATIENCE = { deadlineMs: 30_000, parallel: 24 };

function others(results: readonly Result[], ...expected: readonly Outcome[]): readonly string[] {
  return results.filter(({ outcome }) => !expected.includes(outcome)).map(({ outcome, scenario, why, trace }) =>
    `${outcome}: ${scenario.rows.join(" ")} ${scenario.name}: ${why}\n${trace.join("\n")}`
  );
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-wire-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("conformance on the wire: the broker on Deno KV keeps every row, over SIGKILL and SIGTERM too", async () => {
  await inFolder(async (folder) => {
    const results = await run(SCENARIOS, { ...ourBroker("deno-kv", folder), ...PATIENCE });
    deepEqual(others(results, "passed", "unsupported"), []);
    const passed = results.filter(({ outcome }) => outcome === "passed");
    ok(passed.length > SCENARIOS.length * 0.8, `${passed.length} of ${SCENARIOS.length} scenarios passed`);
    ok(passed.filter(({ scenario }) => needsStart(scenario)).length > 30, "the broker died for too few scenarios");
  });
});

Deno.test("conformance on the wire: the broker in memory keeps every row but those of its death", async () => {
  await inFolder(async (folder) => {
    const scenarios = SCENARIOS.filter((scenario) => !isSlow(scenario) && !needsStart(scenario));
    const results = await run(scenarios, { ...ourBroker("memory", folder), ...PATIENCE });
    deepEqual(others(results, "passed", "unsupported"), []);
  });
});
