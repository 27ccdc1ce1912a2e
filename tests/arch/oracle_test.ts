import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { filesUnder } from "../support/files.ts";
import { PROJECT_ROOT } from "../support/deno.ts";
import { specifiersOf } from "./module_graph.ts";

const ORACLE = "tests/simulation/oracle/";

Deno.test("the oracle imports nothing but itself: it knows MQTT's text, and not our reading of it", async () => {
  const files = (await filesUnder(ORACLE.slice(0, -1), PROJECT_ROOT)).filter((path) => path.endsWith(".ts"));
  assert.ok(files.length > 0);
  for (const path of files) {
    for (const specifier of specifiersOf(await readFile(new URL(path, PROJECT_ROOT), "utf8"))) {
      const isOwn = specifier.startsWith(".") && posix.join(posix.dirname(path), specifier).startsWith(ORACLE);
      assert.ok(isOwn, `${path} imports ${specifier}`);
    }
  }
});
