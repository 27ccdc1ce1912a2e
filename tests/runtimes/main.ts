/**
 * `deno task runtimes`: packs the build, uses every entry point on every runtime, and writes the README's table anew.
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import { PROJECT_ROOT } from "../support/deno.ts";
import { measure } from "./support/measure.ts";
import { packedApp } from "./support/packed_app.ts";
import { withRuntimes } from "./support/table.ts";

await using app = await packedApp();
const results = await measure(app);
const readme = new URL("README.md", PROJECT_ROOT);
await writeFile(readme, withRuntimes(await readFile(readme, "utf8"), results));
for (const [runtime, outcomes] of Object.entries(results)) {
  for (const [name, outcome] of Object.entries(outcomes)) {
    if (typeof outcome === "object") console.error(`${name} on ${runtime}: ${outcome.failure}`);
  }
}
