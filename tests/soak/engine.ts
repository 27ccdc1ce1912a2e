/**
 * The stores that a soak can be made on, as processes and files.
 *
 * @module
 */
import type { SessionStore } from "@edge-mqtt/session";
import { denoKvStore } from "@edge-mqtt/session/deno-kv";
import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import { type BrokerProcess, DataFolder, MEMORY } from "../e2e/support/broker_process.ts";
import { RedisData } from "../e2e/support/redis_data.ts";
import { type RespValue, textOf } from "../support/redis/resp.ts";

/** Where sessions can live. */
export const ENGINES = ["deno-kv", "upstash", "memory"] as const;

/** The name of one of them. */
export type EngineName = typeof ENGINES[number];

/** The store of brokers, opened from outside. */
export interface Opened {
  readonly store: SessionStore;
  /** How much it holds, for a person. */
  size(): Promise<string>;
  close(): void;
}

/** A place for sessions, until it is disposed of. */
export interface Engine extends AsyncDisposable {
  /** How many brokers share it; they may die only if their sessions outlive them. */
  readonly nodes: 1 | 2;
  /** Starts a broker on it. */
  start(...args: readonly string[]): Promise<BrokerProcess>;
  /** Looks into it; absent where it is in the memory of a broker. */
  open?(): Promise<Opened>;
  /** The process that keeps the data, where there is one. */
  readonly keeper?: {
    kill(): Promise<void>;
    restart(): Promise<void>;
  };
}

/** Makes one. */
export async function makeEngine(name: EngineName): Promise<Engine> {
  switch (name) {
    case "memory": {
      const data = await MEMORY.make();
      return { nodes: 1, start: data.start, [Symbol.asyncDispose]: () => data[Symbol.asyncDispose]() };
    }
    case "deno-kv": {
      const folder = await DataFolder.make();
      const file = `${folder.path}/sessions.db`;
      return {
        nodes: 2,
        start: (...args) => folder.start(...args),
        open: () => openDenoKv(file),
        [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
      };
    }
    case "upstash": {
      const data = await RedisData.make({ appendOnly: true });
      return {
        nodes: 2,
        start: (...args) => data.start(...args),
        open: () => Promise.resolve(openUpstash(data)),
        keeper: { kill: () => data.redis.kill(), restart: () => data.redis.restart() },
        [Symbol.asyncDispose]: () => data[Symbol.asyncDispose](),
      };
    }
  }
}

async function openDenoKv(file: string): Promise<Opened> {
  const kv = await Deno.openKv(file);
  return {
    store: denoKvStore(kv),
    async size() {
      let rows = 0;
      const kinds = new Map<string, number>();
      for await (const { key } of kv.list({ prefix: [] })) {
        rows++;
        // The prefix and the version of all keys, and then the kind: what follows is of one session, node or topic.
        const kind = key.join("/").split("/", 3).join("/");
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
      const bytes = await Promise.all([file, `${file}-wal`].map((path) => Deno.stat(path).catch(() => ({ size: 0 }))));
      const names = [...kinds].map(([kind, count]) => `${count} of ${kind}`).join(", ");
      return `${rows} rows (${names}), file ${mebibytes(bytes.reduce((sum, { size }) => sum + size, 0))}`;
    },
    close: () => kv.close(),
  };
}

function openUpstash({ upstash, redis }: RedisData): Opened {
  const { url, token } = upstash;
  return {
    store: upstashRedisStore({ url, token }),
    async size() {
      await using connection = await redis.connect();
      const [keys, memory, persistence] = await connection.pipeline([["DBSIZE"], ["INFO", "memory"], [
        "INFO",
        "persistence",
      ]]);
      const used = Number(lineOf(memory, "used_memory"));
      const log = Number(lineOf(persistence, "aof_current_size"));
      return `${keys} keys, ${mebibytes(used)} in memory, append-only file ${mebibytes(log)}`;
    },
    close: () => {},
  };
}

function lineOf(info: RespValue | undefined, name: string): string | undefined {
  const text = info instanceof Uint8Array ? textOf(info) : "";
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1];
}

/** For a person. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
