import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import { resumesOver } from "./support/resumes.ts";
import type { Surroundings } from "./support/surroundings.ts";

/** A session is resumed over the REST protocol. */
export async function run({ upstash }: Surroundings): Promise<void> {
  const prefix = crypto.randomUUID();
  await resumesOver(() => upstashRedisStore(upstash, { prefix }));
}
