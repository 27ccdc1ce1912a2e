import { keyValueRetained, keyValueStore } from "../../store/key_value/mod.ts";
import type { RetainedStore } from "../../store/retained_store.ts";
import type { SessionStore } from "../../store/session_store.ts";
import { durableObjectDriver } from "./driver.ts";
import type { DurableObjectStorageLike } from "./platform.ts";

/** How a {@linkcode durableObjectStore} is set up. */
export interface DurableObjectStoreOptions {
  /** In front of all keys, so that several stores can share an object. Default: `mqtt`. */
  readonly prefix?: string;
}

/**
 * Keeps sessions in a Durable Object, in the SQLite database of its storage.
 *
 * A commit is one transaction, and is answered once the platform has confirmed it. Everything is in the table
 * `edge_mqtt_entry`, one row for each record; the other tables of the object stay its own.
 *
 * Nothing but the object's one instance can reach its storage, so there is no other node to hear of, or to wait for.
 *
 * @example
 * ```ts ignore
 * import { DurableObject } from "cloudflare:workers";
 * import { durableObjectStore } from "@edge-mqtt/session/durable-object";
 *
 * export class Tenant extends DurableObject {
 *   store = durableObjectStore(this.ctx.storage);
 * }
 * ```
 */
export function durableObjectStore(
  storage: DurableObjectStorageLike,
  options: DurableObjectStoreOptions = {},
): SessionStore {
  return keyValueStore(durableObjectDriver(storage), {
    ...options,
    capabilities: { fencing: "strict", durability: "replicated", consistency: "strong", watch: "none" },
  });
}

/**
 * Keeps retained messages in a Durable Object; the storage and the prefix may be those of a
 * {@linkcode durableObjectStore}.
 *
 * @example
 * ```ts ignore
 * import { durableObjectRetained, durableObjectStore } from "@edge-mqtt/session/durable-object";
 *
 * const store = durableObjectStore(ctx.storage);
 * const retained = durableObjectRetained(ctx.storage);
 * ```
 */
export function durableObjectRetained(
  storage: DurableObjectStorageLike,
  options: DurableObjectStoreOptions = {},
): RetainedStore {
  return keyValueRetained(durableObjectDriver(storage), { ...options, durability: "replicated" });
}
