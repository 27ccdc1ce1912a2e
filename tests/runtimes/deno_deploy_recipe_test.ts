import assert from "node:assert/strict";
import { ServerProcess } from "../e2e/support/server_process.ts";
import { freePort } from "../support/free_port.ts";
import { goesOn, standsInReadme } from "./support/recipe.ts";

const RECIPE = "examples/deno_deploy/main.ts";

Deno.test("the README's recipe for Deno Deploy is the example", async () => {
  await standsInReadme(RECIPE, "ts ignore");
});

Deno.test("the recipe for Deno Deploy serves MQTT.js over isolates that end, and works off what is due", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-deploy-" });
  const start = (): Promise<ServerProcess> => {
    const address = `127.0.0.1:${freePort()}`;
    return ServerProcess.start({
      name: "recipe",
      args: ["--unstable-kv", "--unstable-cron", "--preload", "tests/runtimes/support/deploy_platform.ts", RECIPE],
      environment: { DATABASE: `${folder}/kv.sqlite`, DENO_SERVE_ADDRESS: `tcp:${address}` },
      // The job has been asked for before it listens, and has ended after that.
      readUrl: (output) => /^ran .*, \* \* \* \* \*$/m.test(output) ? `ws://${address}/mqtt` : undefined,
    });
  };
  try {
    const first = await start();
    let second: ServerProcess | undefined;
    await goesOn(first.url, async () => {
      await first.kill();
      return (second = await start()).url;
    });
    assert.ok(second !== undefined);
    await second.kill();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
