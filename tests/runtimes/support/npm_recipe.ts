import { cp } from "node:fs/promises";
import { PROJECT_ROOT } from "../../support/deno.ts";
import { NODE_20, npmRuntime } from "../../support/npm_runtimes.ts";
import { startRedis } from "../../support/redis/redis_server.ts";
import { startUpstash } from "../../support/redis/upstash_server.ts";
import type { PackedApp } from "./packed_app.ts";
import { goesOn } from "./recipe.ts";

/** Runs the recipe in an application, on the oldest Node. */
export async function npmRecipe({ folder }: PackedApp): Promise<void> {
  await cp(new URL("examples/npm/main.mjs", PROJECT_ROOT), new URL("main.mjs", folder));
  const redis = await startRedis();
  const upstash = startUpstash({ redis });
  const children: Deno.ChildProcess[] = [];
  const start = async (): Promise<string> => {
    const child = new Deno.Command(npmRuntime(NODE_20) ?? "node", {
      args: ["main.mjs"],
      cwd: folder,
      env: { UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: upstash.token, PORT: "0" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    children.push(child);
    let said = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      const [, port] = /listening on (\d+)\n/.exec(said) ?? [];
      if (port !== undefined) return `mqtt://127.0.0.1:${port}`;
    }
    throw new Error(`the recipe ended: ${said}`);
  };
  const kill = async (child: Deno.ChildProcess | undefined): Promise<void> => {
    child?.kill("SIGKILL");
    await child?.status;
  };
  try {
    await goesOn(await start(), async () => {
      await kill(children.pop());
      return await start();
    });
  } finally {
    for (const child of children) await kill(child);
    await upstash[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  }
}
