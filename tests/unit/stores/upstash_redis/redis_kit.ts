/**
 * A store on a real Redis, and a second way to look at what it keeps there.
 *
 * @module
 */
import { Redis, type RedisConfigNodejs } from "@upstash/redis";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import { upstashRedisStore, type UpstashRedisStoreOptions } from "../../../../src/stores/upstash_redis/mod.ts";
import { Kit } from "../../../../src/testing/conformance/kit.ts";
import { type RedisServer, startRedis } from "../../../support/redis/redis_server.ts";
import { type RespConnection, textOf } from "../../../support/redis/resp.ts";
import { RespError, type RespValue } from "../../../support/redis/resp_codec.ts";
import { startUpstash, type Upstash, type UpstashOptions } from "../../../support/redis/upstash_server.ts";

/** A reply in texts and numbers. */
export type Plain = string | number | null | readonly Plain[];

/** A Redis of a test's own, with the server of the REST protocol in front of it. */
export class Rig implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly upstash: Upstash;
  readonly #raw: RespConnection;

  constructor(redis: RedisServer, upstash: Upstash, raw: RespConnection) {
    this.redis = redis;
    this.upstash = upstash;
    this.#raw = raw;
  }

  /** A store as another process would open it. */
  store(options: UpstashRedisStoreOptions = {}): SessionStore {
    return upstashRedisStore({ url: this.upstash.url, token: this.upstash.token }, options);
  }

  /** A store through a client with other settings. */
  storeOf(config: Partial<RedisConfigNodejs>, options: UpstashRedisStoreOptions = {}): SessionStore {
    const { url, token } = this.upstash;
    return upstashRedisStore(new Redis({ url, token, enableTelemetry: false, ...config }), options);
  }

  /** The hands of the conformance suite, on a store of this Redis. */
  kit(store: SessionStore = this.store()): Kit {
    return new Kit({ store, close: () => {} });
  }

  /** Runs a command beside the store. */
  async run(...command: readonly (string | number)[]): Promise<Plain> {
    return plain(await this.#raw.command(command.map(String)));
  }

  /** Runs a command with bytes in it. */
  async runBytes(...command: readonly (string | Uint8Array)[]): Promise<Plain> {
    return plain(await this.#raw.command(command));
  }

  /** All keys, in order. */
  async keys(): Promise<readonly string[]> {
    return (await this.run("KEYS", "*") as readonly string[]).toSorted();
  }

  /** The one key that ends so. */
  async keyOf(end: string): Promise<string> {
    const found = (await this.keys()).filter((key) => key.endsWith(end));
    if (found.length !== 1) throw new Error(`${found.length} keys end with ${end}`);
    return found[0] as string;
  }

  /** All keys with what they hold, in comparable form. */
  async contents(isSeen: (key: string) => boolean = () => true): Promise<ReadonlyMap<string, Plain>> {
    const held = new Map<string, Plain>();
    for (const key of (await this.keys()).filter(isSeen)) {
      const type = await this.run("TYPE", key);
      const value = type === "hash"
        ? await this.run("HGETALL", key)
        : await this.run("ZRANGE", key, 0, -1, "WITHSCORES");
      held.set(key, type === "hash" ? inPairs(value as readonly string[]) : value);
    }
    return held;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#raw.close();
    await this.upstash[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
  }
}

/** Starts an empty Redis for a test. */
export async function openRig(options: Omit<UpstashOptions, "redis"> = {}): Promise<Rig> {
  const redis = await startRedis();
  return new Rig(redis, startUpstash({ redis, ...options }), await redis.connect());
}

/** Does some work for each item, a few at a time. */
export async function inParallel<Item>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<void>,
  workers = 16,
): Promise<void> {
  const queue = [...items.entries()].reverse();
  await Promise.all(Array.from({ length: workers }, async () => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) await work(next[1], next[0]);
  }));
}

/** Lists in pieces of a size. */
export function piecesOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}

/** Redis keeps fields in no order. */
function inPairs(list: readonly string[]): Plain {
  const pairs = Array.from({ length: list.length / 2 }, (_, n) => [list[2 * n] ?? "", list[2 * n + 1] ?? ""]);
  return pairs.sort(([a = ""], [b = ""]) => a < b ? -1 : 1);
}

function plain(value: RespValue): Plain {
  if (value instanceof RespError) throw new Error(value.message);
  if (value instanceof Uint8Array) return textOf(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null && "text" in value) return (value as { readonly text: string }).text;
  return value as Plain;
}
