import { keyValueStore } from "../../store/key_value/mod.ts";
import type { SessionStore } from "../../store/session_store.ts";
import { type IndexedDbStoreOptions, openDatabase } from "./database.ts";

/** A store in IndexedDB, which holds its database open until it is closed. */
export interface IndexedDbStore extends SessionStore, AsyncDisposable {
  /** Lets the transactions that were begun come to their end, and closes the database. Every later call fails. */
  close(): Promise<void>;
}

/**
 * Keeps sessions in a browser's IndexedDB, for all pages of an origin.
 *
 * Each commit is one transaction of strict durability: once it is acknowledged it outlives the page, the browser and
 * every process of the host. Other pages hear of news through a `BroadcastChannel`; a page that ends in the very moment
 * between its commit and its call tells nothing, so nodes poll `readRings` as well.
 *
 * What goes wrong is a `SessionError` with the browser's own error as its cause. Of `STORE_UNAVAILABLE` nothing has
 * happened: no IndexedDB, the quota used up, an opening that another page holds up. Of `OUTCOME_UNKNOWN` it may have: a
 * transaction that the browser broke off. Whatever can be mended by opening the database again is tried with the next
 * call. When another page upgrades or deletes the database, this one lets go of it at once; once it finds that its
 * database was deleted and made anew, one call says so, and the sessions are gone.
 *
 * @example
 * ```ts ignore
 * import { indexedDbStore } from "@edge-mqtt/session/idb-keyval";
 *
 * const store = indexedDbStore({ database: "mqtt" });
 * ```
 */
export function indexedDbStore(options: IndexedDbStoreOptions): IndexedDbStore {
  const { driver, writing, settings, members } = openDatabase(options);
  // Only what a commit reads is read in order to write.
  const { commit } = keyValueStore(writing, settings);
  return { ...keyValueStore(driver, settings), commit, ...members };
}
