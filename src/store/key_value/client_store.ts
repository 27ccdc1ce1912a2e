import type { ClientStore } from "../client_store.ts";
import type { KeyValueDriver } from "./driver.ts";
import { type KeyValueStoreOptions, storeParts } from "./parts.ts";

/**
 * Keeps sessions of clients, and nothing that only brokers need: the same records as a `keyValueStore`, by the same code,
 * and less of it.
 *
 * @throws {RangeError} If the prefix cannot stand in a key.
 */
export function keyValueClientStore(driver: KeyValueDriver, options: KeyValueStoreOptions): ClientStore {
  // What a client has subscribed to stands at its server.
  const admitsNone = { admit: (filters: readonly string[]) => Promise.resolve(filters.map(() => false)) };
  return storeParts(driver, options, () => admitsNone).owners;
}
