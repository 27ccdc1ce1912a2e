import assert from "node:assert/strict";
import { runDeno } from "../support/deno.ts";
import { startRedis } from "../support/redis/redis_server.ts";
import { startUpstash } from "../support/redis/upstash_server.ts";

/** How many cases aedes' own suite has. */
const CASES = 50;

/** Runs the suite in Node; answers its report. */
async function report(folder: string, env: Record<string, string>): Promise<string> {
  const { stdout } = await new Deno.Command("node", {
    args: ["--test", "--test-reporter=tap", "suite.test.mjs"],
    cwd: folder,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("Node: aedes' own suite for persistences passes in memory and over Upstash Redis", async () => {
  await using redis = await startRedis();
  await using upstash = startUpstash({ redis });
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-aedes-" });
  try {
    const bundle = ["bundle", "--platform", "deno", "-o", `${folder}/suite.test.mjs`];
    const { success, output } = await runDeno([...bundle, "tests/runtimes/support/aedes_program.ts"]);
    assert.ok(success, output);
    const { url, token } = upstash;
    for (const env of [{}, { CONNECTION: JSON.stringify({ url, token }) }]) {
      const told = await report(folder, env);
      assert.match(told, new RegExp(`^# pass ${CASES}$`, "m"), told);
      assert.match(told, /^# fail 0$/m, told);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
