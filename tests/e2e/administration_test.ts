import assert from "node:assert/strict";
import { denoKvStore } from "../../src/stores/deno_kv.ts";
import { runSessions } from "./support/command_line.ts";
import { administer } from "./suites/administration.ts";

Deno.test("sessions in a file of Deno KV are administered from the command line, and moved to another file", async () => {
  const folder = await Deno.makeTempDir();
  const [first, second] = await Promise.all(["first", "second"].map((name) => Deno.openKv(`${folder}/${name}.db`)));
  assert.ok(first !== undefined && second !== undefined);
  try {
    await administer(
      { store: denoKvStore(first), args: ["--store", `deno-kv:${folder}/first.db`], env: {} },
      { store: denoKvStore(second), args: [`--store=deno-kv:${folder}/second.db`], env: {} },
      folder,
    );
  } finally {
    first.close();
    second.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what the command line cannot mean is refused with 2, and help is given with 0", async () => {
  const run = async (...args: readonly string[]) => await runSessions(args);
  const help = await run("--help");
  assert.equal(help.code, 0, help.stderr);
  for (const word of ["explain CLIENT", "--dry-run", "UPSTASH_REDIS_REST_URL"]) assert.ok(help.stdout.includes(word));
  const wrong: readonly (readonly [string, readonly string[]])[] = [
    ["nonsense is no command", ["nonsense"]],
    ["--store is missing", ["list"]],
    ["--frob is no option", ["list", "--frob"]],
    ["inspect takes CLIENT", ["inspect"]],
    ["--store is deno-kv:PATH, or upstash", ["list", "--store", "paper"]],
    ["UPSTASH_REDIS_REST_URL", ["list", "--store", "upstash"]],
  ];
  for (const [reason, args] of wrong) {
    const { code, stdout, stderr } = await run(...args);
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.ok(stderr.includes(reason), stderr);
  }
});
