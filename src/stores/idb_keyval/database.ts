import { Layout } from "../../store/key_value/layout.ts";
import type { KeyValueDriver } from "../../store/key_value/driver.ts";
import type { KeyValueStoreOptions } from "../../store/key_value/parts.ts";
import { Connection } from "./connection.ts";
import { Doorbell } from "./doorbell.ts";
import { indexedDbDriver, readToWriteDriver } from "./driver.ts";
import type { IndexedDbPlatform } from "./platform.ts";
import { uniqueText } from "../../store/unique.ts";

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

/** What a store in IndexedDB has beside the calls of its port. */
export interface ClosableStore extends AsyncDisposable {
  /** Names what is stored to all pages of the origin. */
  readonly scope: string;
  /** Lets the transactions that were begun come to their end, and closes the database. Every later call fails. */
  close(): Promise<void>;
}

/** A database that is opened when it is needed. */
export interface OpenDatabase {
  readonly driver: KeyValueDriver;
  /** The same, for commits. */
  readonly writing: KeyValueDriver;
  readonly settings: KeyValueStoreOptions;
  readonly members: ClosableStore;
}

/** Makes what every store in IndexedDB stands on. */
export function openDatabase(options: IndexedDbStoreOptions): OpenDatabase {
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
  const close = (): Promise<void> => {
    doorbell.close();
    return connection.close();
  };
  return {
    driver,
    writing: readToWriteDriver(driver, parts),
    settings: {
      capabilities: { fencing: "strict", durability: "host", consistency: "strong", watch: "process" },
      prefix,
    },
    members: { scope: `${database}/${prefix}`, close, [Symbol.asyncDispose]: close },
  };
}
