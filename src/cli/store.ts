import type { SessionStore } from "../store/session_store.ts";
import type { RetainedStore } from "../store/retained_store.ts";
import { denoKvRetained, denoKvStore } from "../stores/deno_kv.ts";
import { upstashRedisRetained, upstashRedisStore } from "../stores/upstash_redis/mod.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import type { CommandHost } from "./host.ts";

/** A store, and what gives it back. */
export interface OpenStore {
  readonly store: SessionStore;
  /** Where the brokers of the same database retain messages. */
  readonly retained: RetainedStore;
  readonly close: () => void;
}

/** Opens the store that the arguments name. */
export async function openStore(host: CommandHost, { values, flags }: Arguments): Promise<OpenStore> {
  const { store: place, prefix } = values;
  const named = prefix === undefined ? {} : { prefix };
  if (place === undefined) throw new UsageError("--store is missing: deno-kv:PATH, or upstash");
  if (place === "upstash") {
    const variable = (name: string): string => {
      const value = host.variable(name);
      if (value === undefined || value === "") throw new UsageError(`--store upstash needs ${name} in the environment`);
      return value;
    };
    const connection = { url: variable("UPSTASH_REDIS_REST_URL"), token: variable("UPSTASH_REDIS_REST_TOKEN") };
    const store = upstashRedisStore(connection, { ...named, cluster: flags.has("cluster") });
    return { store, retained: upstashRedisRetained(connection, named), close: () => {} };
  }
  if (flags.has("cluster")) throw new UsageError("--cluster is for --store upstash");
  if (!place.startsWith("deno-kv:") || place === "deno-kv:") {
    throw new UsageError("--store is deno-kv:PATH, or upstash");
  }
  const kv = await host.openKv(place.slice("deno-kv:".length));
  return { store: denoKvStore(kv, named), retained: denoKvRetained(kv, named), close: () => kv.close() };
}
