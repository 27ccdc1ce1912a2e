import type { RetainedStore, SessionStore } from "@edge-mqtt/session";
import { memoryRetained, memoryStore } from "@edge-mqtt/session/memory";
import { denoKvRetained, denoKvStore } from "@edge-mqtt/session/deno-kv";
import { upstashRedisRetained, upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import { makeFolderOf } from "./data_file.ts";
import type { Settings } from "./options.ts";

/** How long a database may take to answer for the first time. */
const FIRST_ANSWER_MS = 10_000;

/** A store, where it keeps what it is given, and what gives that back. */
export interface OpenStore {
  readonly store: SessionStore;
  /** Retained messages, beside the sessions. */
  readonly retained: RetainedStore;
  /** For people. Never a URL or a token. */
  readonly place: string;
  readonly close: () => void;
}

/** Opens what the settings name. */
export async function openStore(settings: Pick<Settings, "store" | "data" | "prefix" | "cluster">): Promise<OpenStore> {
  switch (settings.store) {
    case "memory":
      return { store: memoryStore(), retained: memoryRetained(), place: "memory", close: () => {} };
    case "deno-kv": {
      makeFolderOf(settings.data);
      const kv = await Deno.openKv(settings.data);
      const retained = denoKvRetained(kv);
      return { store: denoKvStore(kv), retained, place: settings.data, close: () => kv.close() };
    }
    case "upstash": {
      const { prefix, cluster } = settings;
      const connection = {
        url: fromEnvironment("UPSTASH_REDIS_REST_URL"),
        token: fromEnvironment("UPSTASH_REDIS_REST_TOKEN"),
      };
      const store = upstashRedisStore(connection, { prefix, cluster });
      const retained = upstashRedisRetained(connection, { prefix });
      // A wrong address or token is told now, not to the first client.
      await store.nextDueAt({ signal: AbortSignal.timeout(FIRST_ANSWER_MS) }).catch((cause) => {
        throw new Error("the database at UPSTASH_REDIS_REST_URL cannot be used", { cause });
      });
      const redis = settings.cluster ? "a Redis Cluster" : "Upstash Redis";
      return { store, retained, place: `${redis} under ${settings.prefix}`, close: () => {} };
    }
  }
}

function fromEnvironment(name: string): string {
  const value = Deno.env.get(name);
  if (value === undefined || value === "") throw new Error(`--store upstash needs ${name} in the environment`);
  return value;
}
