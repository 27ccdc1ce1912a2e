import { keyValueRetained } from "../../store/key_value/mod.ts";
import type { RetainedStore } from "../../store/retained_store.ts";
import { Connection } from "./connection.ts";
import { Doorbell } from "./doorbell.ts";
import { indexedDbDriver } from "./driver.ts";
import type { IndexedDbPlatform } from "./platform.ts";
import { uniqueText } from "../../store/unique.ts";
import type { IndexedDbStoreOptions } from "./database.ts";

/** Retained messages in IndexedDB, whose database is held open until they are closed. */
export interface IndexedDbRetained extends RetainedStore, AsyncDisposable {
  /** Lets the transactions that were begun come to their end, and closes the database. Every later call fails. */
  close(): Promise<void>;
}

/**
 * Keeps retained messages in a browser's IndexedDB; the database and the prefix may be those of an
 * {@linkcode indexedDbStore}.
 *
 * @example
 * ```ts ignore
 * import { indexedDbRetained } from "@edge-mqtt/session/idb-keyval";
 *
 * const retained = indexedDbRetained({ database: "mqtt" });
 * ```
 */
export function indexedDbRetained(options: IndexedDbStoreOptions): IndexedDbRetained {
  const { database, prefix = "mqtt", openWithinMs = 10_000 } = options;
  // Of the browser's globals only what the type names is used.
  const platform = (): IndexedDbPlatform => options.platform ?? (globalThis as IndexedDbPlatform);
  const run = uniqueText();
  let lastCommit = 0;
  const newVersion = (): string => `${run}.${(++lastCommit).toString(36)}`;
  // Nobody watches a key of these.
  const doorbell = new Doorbell({ name: `edge-mqtt-session/${database}`, platform, watched: " " });
  const connection = new Connection({ database, platform, openWithinMs, newId: newVersion });
  const driver = indexedDbDriver({ connection, doorbell, platform, newVersion });
  let lastId = 0;
  const newId = (): string => `${run}.${(++lastId).toString(36)}`;
  const close = (): Promise<void> => {
    doorbell.close();
    return connection.close();
  };
  const store = keyValueRetained(driver, { durability: "host", prefix, newId });
  return { ...store, close, [Symbol.asyncDispose]: close };
}
