import { runDeno } from "../../support/deno.ts";
import { startRedis } from "../../support/redis/redis_server.ts";
import { startUpstash } from "../../support/redis/upstash_server.ts";
import type { Connection } from "./upstash_program.ts";

/** `upstash_program.ts` as one module of JavaScript without imports, and the server that it is to use. */
export interface Bundle extends AsyncDisposable {
  readonly folder: string;
  /** Its name in the folder. */
  readonly file: string;
  readonly connection: Connection;
}

/** Bundles it as an application would, for any runtime with `fetch`. */
export async function bundleForUpstash(): Promise<Bundle> {
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-bundle-" });
  const file = "upstash.mjs";
  const source = "tests/runtimes/support/upstash_program.ts";
  const { success, output } = await runDeno(["bundle", "--platform", "browser", "-o", `${folder}/${file}`, source]);
  if (!success) throw new Error(`Cannot bundle ${source}: ${output}`);
  const redis = await startRedis();
  const upstash = startUpstash({ redis });
  return {
    folder,
    file,
    connection: { url: upstash.url, token: upstash.token },
    async [Symbol.asyncDispose]() {
      await upstash[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
