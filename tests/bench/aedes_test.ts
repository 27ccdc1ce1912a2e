import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { PROJECT_ROOT } from "../support/deno.ts";
import { measureAedes, withAedes } from "./aedes.ts";

Deno.test("the README tells what steps of aedes cost, as they are counted through a real broker", async () => {
  const readme = await readFile(new URL("README.md", PROJECT_ROOT), "utf8");
  assert.equal(readme, withAedes(readme, await measureAedes()), "stale: run tests/bench/aedes.ts");
});
