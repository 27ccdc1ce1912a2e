import { denoKvStore } from "@edge-mqtt/session/deno-kv";
import { resumesOver } from "./support/resumes.ts";

/** A session is resumed over a database of Deno KV. */
export async function run(): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  await resumesOver(() => denoKvStore(kv, { durability: "process" }));
  kv.close();
}
