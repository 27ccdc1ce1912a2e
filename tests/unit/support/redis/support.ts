import { startRedis } from "../../../support/redis/redis_server.ts";
import { type RedisCluster, startRedisCluster } from "../../../support/redis/redis_cluster.ts";
import type { RedisServer } from "../../../support/redis/redis_server.ts";
import { startUpstash, type Upstash, type UpstashOptions } from "../../../support/redis/upstash_server.ts";

/** A server in front of an empty Redis, while something is done with it. */
export async function withUpstash(
  use: (upstash: Upstash, redis: RedisServer) => Promise<void>,
  options: Partial<UpstashOptions> = {},
): Promise<void> {
  await using redis = await startRedis();
  await using upstash = startUpstash({ redis, ...options });
  await use(upstash, redis);
}

/** A server in front of an empty cluster, while something is done with it. */
export async function withCluster(use: (upstash: Upstash, cluster: RedisCluster) => Promise<void>): Promise<void> {
  await using redis = await startRedisCluster();
  await using upstash = startUpstash({ redis });
  await use(upstash, redis);
}

/** Sends a request, and returns status and body. */
export async function ask(
  upstash: Pick<Upstash, "url" | "token">,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly [number, unknown]> {
  const response = await fetch(`${upstash.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${upstash.token}`, ...headers },
    body: JSON.stringify(body),
  });
  return [response.status, await response.json()];
}

/** The result of a command, or its error's text. */
export async function run(upstash: Upstash, ...command: readonly unknown[]): Promise<unknown> {
  const [, answer] = await ask(upstash, "/", command);
  const { result, error } = answer as { readonly result?: unknown; readonly error?: string };
  return error ?? result;
}
