import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import config from "../../deno.json" with { type: "json" };
import { PROJECT_ROOT, runDeno } from "../support/deno.ts";
import { ENTRY_POINTS, RUNTIMES } from "./programs/entry_points.ts";
import { measure } from "./support/measure.ts";
import { npmRecipe } from "./support/npm_recipe.ts";
import { packedApp } from "./support/packed_app.ts";
import { standsInReadme } from "./support/recipe.ts";
import { withRuntimes } from "./support/table.ts";

Deno.test("every entry point has a program, and a runtime that it is for", () => {
  assert.deepEqual(ENTRY_POINTS.map(({ name }) => name).sort(), Object.keys(config.exports).sort());
  assert.deepEqual(ENTRY_POINTS.filter(({ on }) => on.length === 0), []);
});

Deno.test({
  name: "the packed build is used on every runtime, as the README says",
  // Miniflare leaves a port and a timer behind, and the bundler its process for a moment.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async (t) => {
    await using app = await packedApp();
    await t.step("its manifest names every entry point, with types, and what it needs", () => {
      assert.deepEqual(Object.keys(app.manifest.exports), Object.keys(config.exports));
      for (const { types, default: code } of Object.values(app.manifest.exports)) {
        assert.equal(types, code.replace(/js$/, "d.ts"));
      }
      assert.deepEqual(Object.keys(app.manifest.dependencies), ["@upstash/redis", "idb-keyval", "valibot"]);
    });
    await t.step("its types are those that the programs were written for", async () => {
      const { success, output } = await runDeno(
        ["check", "--quiet", "--no-lock", "programs/main_script.ts"],
        app.folder,
      );
      assert.ok(success, output);
    });
    await t.step("the README's recipe for npm serves MQTT.js, killed in between", async () => {
      await standsInReadme("examples/npm/main.mjs", "js ignore");
      await npmRecipe(app);
    });
    const results = await measure(app);
    for (const runtime of RUNTIMES) {
      await t.step(`on ${runtime} what is for it is used, and the rest can be imported`, () => {
        const expected = ENTRY_POINTS.map(({ name, on }) => [name, on.includes(runtime) ? "used" : "imported"]);
        assert.deepEqual(results[runtime], Object.fromEntries(expected));
      });
    }
    await t.step("the README's table says so", async () => {
      const readme = await readFile(new URL("README.md", PROJECT_ROOT), "utf8");
      assert.equal(readme, withRuntimes(readme, results), "stale: run `deno task runtimes`");
    });
  },
});
