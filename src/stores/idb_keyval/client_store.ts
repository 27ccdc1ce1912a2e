import type { ClientStore } from "../../store/client_store.ts";
import { keyValueClientStore } from "../../store/key_value/client_store.ts";
import { type IndexedDbStoreOptions, openDatabase } from "./database.ts";

/** A store in IndexedDB for the session of a client, which holds its database open until it is closed. */
export interface IndexedDbClientStore extends ClientStore, AsyncDisposable {
  /** Lets the transactions that were begun come to their end, and closes the database. Every later call fails. */
  close(): Promise<void>;
}

/**
 * Keeps a page's own session in IndexedDB: all of {@linkcode indexedDbStore} that `sessionClient` and `mqttjsSession` ask
 * for, and nothing that only a broker needs, so that a page is smaller. Both keep the same records in the same
 * place, and a page may go from one to the other at any time.
 *
 * @example
 * ```ts ignore
 * import { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval";
 *
 * const store = indexedDbClientStore({ database: "mqtt" });
 * ```
 */
export function indexedDbClientStore(options: IndexedDbStoreOptions): IndexedDbClientStore {
  const { driver, writing, settings, members } = openDatabase(options);
  const { commit } = keyValueClientStore(writing, settings);
  return { ...keyValueClientStore(driver, settings), commit, ...members };
}
