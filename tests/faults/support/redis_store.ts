import { Buffer } from "node:buffer";
import { upstashRedisStore } from "../../../src/stores/upstash_redis/mod.ts";
import { startRedis } from "../../support/redis/redis_server.ts";
import { plain, type RespConnection } from "../../support/redis/resp.ts";
import { startUpstash } from "../../support/redis/upstash_server.ts";
import type { ReadableSubject, StoredRow, StoreKind } from "./stores.ts";

/** The Upstash store before a Redis of its own; in `cluster` mode as in a cluster of one, no script across slots. */
function onRedis(cluster: boolean): StoreKind<ReadableSubject> {
  return {
    name: cluster ? "Upstash Redis in cluster mode" : "Upstash Redis",
    async make() {
      const redis = await startRedis();
      const upstash = startUpstash({ redis });
      const look = await redis.connect();
      return {
        store: upstashRedisStore({ url: upstash.url, token: upstash.token }, { cluster, maxClientIdLength: 65_535 }),
        rows: { all: () => rowsOf(look) },
        async [Symbol.asyncDispose]() {
          await look.close();
          await upstash[Symbol.asyncDispose]();
          await redis[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** One script a commit. */
export const REDIS: StoreKind<ReadableSubject> = onRedis(false);

/** One slot a script. */
export const REDIS_CLUSTER: StoreKind<ReadableSubject> = onRedis(true);

/** Both. */
export const REDIS_STORES: readonly StoreKind<ReadableSubject>[] = [REDIS, REDIS_CLUSTER];

/** How to read a key of each type that the store uses. */
const READERS: Readonly<Record<string, (key: string) => readonly string[]>> = {
  string: (key) => ["GET", key],
  hash: (key) => ["HGETALL", key],
  set: (key) => ["SMEMBERS", key],
  zset: (key) => ["ZRANGE", key, "0", "-1"],
  list: (key) => ["LRANGE", key, "0", "-1"],
};

/** Every key with all that it holds, and behind that whatever looks like base64, as bytes. */
async function rowsOf(connection: RespConnection): Promise<readonly StoredRow[]> {
  const keys = await ask(connection, ["KEYS", "*"]);
  const rows: StoredRow[] = [];
  for (const key of keys) {
    const [type = ""] = await ask(connection, ["TYPE", key]);
    for (const text of await ask(connection, READERS[type]?.(key) ?? ["DUMP", key])) {
      const decoded = text.match(/[A-Za-z0-9+/]{4,}={0,2}/g)?.map((word) => Buffer.from(word, "base64")) ?? [];
      rows.push({ key, value: Buffer.concat([Buffer.from(text), ...decoded]) });
    }
  }
  return rows;
}

async function ask(connection: RespConnection, command: readonly string[]): Promise<readonly string[]> {
  const [reply = null] = await connection.pipeline([command]);
  return [plain(reply)].flat().map(String);
}
