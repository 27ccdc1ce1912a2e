/**
 * Writes all edits of `src` as JSON to the file that is its argument: `deno test -A tests/mutants/list_edits.ts -- FILE`.
 *
 * It is no test, but the syntax tree is given to test runs alone.
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import { PROJECT_ROOT } from "../support/deno.ts";
import { editableSources } from "./sources.ts";

Deno.test("edits of src", async () => {
  const [path = ""] = Deno.args;
  await writeFile(path, JSON.stringify(await editableSources(PROJECT_ROOT)));
});
