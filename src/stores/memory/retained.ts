import type { KeyValueDriver } from "../../store/key_value/driver.ts";
import { NO_LIMITS, OrderedRows } from "../../store/key_value/ordered_rows.ts";
import { keyValueRetained } from "../../store/key_value/retained.ts";
import type { RetainedStore } from "../../store/retained_store.ts";

/** How a {@linkcode memoryRetained} is limited. */
export interface MemoryRetainedOptions {
  /** The largest message taken, in bytes of `messageBytes`. Default: 268 435 455, the largest packet of MQTT. */
  readonly maxMessageBytes?: number;
}

/**
 * Keeps retained messages in memory: they are gone with the process.
 *
 * @example
 * ```ts
 * import { memoryRetained } from "@edge-mqtt/session/memory";
 *
 * const retained = memoryRetained();
 * console.assert((await retained.totals()).messages === 0);
 * ```
 */
export function memoryRetained(options: MemoryRetainedOptions = {}): RetainedStore {
  return keyValueRetained(rowsDriver(), { durability: "process", ...options });
}

/** Each call does its work at once and answers on a microtask. */
function rowsDriver(): KeyValueDriver {
  const rows = new OrderedRows();
  return {
    limits: NO_LIMITS,
    get: (keys) => Promise.resolve(keys.map((key) => rows.get(key))),
    list: (range) => Promise.resolve(rows.list(range)),
    commit: (checks, mutations) => Promise.resolve(rows.commit(checks, mutations)),
  };
}
