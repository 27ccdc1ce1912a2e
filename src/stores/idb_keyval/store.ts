import { Layout } from "../../store/key_value/layout.ts";
import { keyValueStore, type KeyValueStoreOptions } from "../../store/key_value/mod.ts";
import type { SessionStore } from "../../store/session_store.ts";
import { Connection } from "./connection.ts";
import { Doorbell } from "./doorbell.ts";
import { indexedDbDriver, readToWriteDriver } from "./driver.ts";
import type { IndexedDbPlatform } from "./platform.ts";

/** How an {@linkcode indexedDbStore} is set up. */
export interface IndexedDbStoreOptions {
  /** The name of the database, which is made when it is not there. */
  readonly database: string;
  /** In front of all keys, so that several stores can share a database. Default: `mqtt`. */
  readonly prefix?: string;
  /** How long an opening may take while another page changes or deletes the database. Default: 10 000. */
  readonly openWithinMs?: number;
  /** Where IndexedDB is. Default: `globalThis`, looked at when the database is opened. */
  readonly platform?: IndexedDbPlatform;
}

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
  const { database, prefix = "mqtt", openWithinMs = 10_000 } = options;
  // Of the browser's globals only what the type names is used.
  const platform = (): IndexedDbPlatform => options.platform ?? (globalThis as IndexedDbPlatform);
  const run = uniqueText();
  const watched = new Layout(prefix).bellAt("");
  const doorbell = new Doorbell({ name: `edge-mqtt-session/${database}`, platform, watched });
  let lastCommit = 0;
  const newVersion = (): string => `${run}.${(++lastCommit).toString(36)}`;
  const connection = new Connection({ database, platform, openWithinMs, newId: newVersion });
  const parts = { connection, doorbell, platform, newVersion };
  const driver = indexedDbDriver(parts);
  const settings: KeyValueStoreOptions = {
    capabilities: { fencing: "strict", durability: "host", consistency: "strong", watch: "process" },
    prefix,
  };
  const store = keyValueStore(driver, settings);
  // Only what a commit reads is read in order to write.
  const { commit } = keyValueStore(readToWriteDriver(driver, parts), settings);
  const close = (): Promise<void> => {
    doorbell.close();
    return connection.close();
  };
  return { ...store, scope: `${database}/${prefix}`, commit, close, [Symbol.asyncDispose]: close };
}

/** 96 random bits: no page of an origin draws the same twice. Unlike `randomUUID`, it is there without HTTPS, too. */
export function uniqueText(): string {
  // deno-lint-ignore edge-mqtt/no-ambient -- versions must not come again after a crash, so that no counter will do
  const words = crypto.getRandomValues(new Uint32Array(3));
  return Array.from(words, (word) => word.toString(36).padStart(7, "0")).join("");
}
