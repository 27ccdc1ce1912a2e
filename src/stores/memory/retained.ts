import { OrderedRows, rowsDriver } from "../../store/key_value/ordered_rows.ts";
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
  return keyValueRetained(rowsDriver(new OrderedRows()), { durability: "process", ...options });
}
