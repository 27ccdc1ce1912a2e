import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { shippedSources } from "./module_graph.ts";

const ROOT = new URL("../../", import.meta.url);

/** What the type checker says about files when the language is all there is: no platform's globals. */
async function checkWithoutPlatform(files: readonly string[], code?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "platform-"));
  try {
    const configFile = join(folder, "deno.json");
    const { imports, compilerOptions } = config;
    await writeFile(configFile, JSON.stringify({ imports, compilerOptions: { ...compilerOptions, lib: ["esnext"] } }));
    const extra = join(folder, "extra.ts");
    if (code !== undefined) await writeFile(extra, code);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--config", configFile, "--no-lock", ...files, ...(code === undefined ? [] : [extra])],
      env: { NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).output();
    return success ? "" : new TextDecoder().decode(stderr);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("mqtt, machine and routing type-check with the language alone", async () => {
  const pure = [...(await shippedSources(ROOT)).keys()].filter((path) => /^src\/(mqtt|machine|routing)\//.test(path));
  assert.notEqual(pure.length, 0);
  assert.equal(await checkWithoutPlatform(pure.map((path) => fileURLToPath(new URL(path, ROOT)))), "");
});

Deno.test("the language alone has bytes, but no timer, no platform and no randomness", async () => {
  assert.equal(await checkWithoutPlatform([], "export const bytes = new Uint8Array(1).subarray(0);"), "");
  const names = ["setTimeout", "crypto", "performance", "console", "Deno", "process", "TextEncoder", "fetch"];
  const found = await checkWithoutPlatform([], names.map((name) => `${name};`).join("\n") + "\nexport {};");
  for (const name of names) assert.match(found, new RegExp(`Cannot find name '${name}'`));
});

Deno.test("nothing shipped uses what the oldest Node that is supported lacks", async () => {
  const newer = /Promise\.(try|withResolvers)\(|Array\.fromAsync\(|Object\.groupBy/;
  const found = [...await shippedSources(ROOT)].filter(([, source]) => newer.test(source)).map(([path]) => path);
  assert.deepEqual(found, [], "Node 20 has none of these");
});
