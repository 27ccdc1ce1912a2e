import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import type { KeyValueDriver } from "../../../../src/store/key_value/driver.ts";
import { Connection } from "../../../../src/stores/idb_keyval/connection.ts";
import { Doorbell } from "../../../../src/stores/idb_keyval/doorbell.ts";
import { type DriverParts, indexedDbDriver, readToWriteDriver } from "../../../../src/stores/idb_keyval/driver.ts";
import type {
  Database,
  DbRequest,
  IndexedDbPlatform,
  OpenRequest,
} from "../../../../src/stores/idb_keyval/platform.ts";

/** The name of every test's database. */
export const DATABASE = "sessions";

/** A browser that can also delete a database. */
export interface FakePlatform extends IndexedDbPlatform {
  readonly indexedDB: {
    open(name: string, version?: number): unknown;
    deleteDatabase(name: string): unknown;
  };
}

/** A browser of its own, with nothing stored. */
export function freshPlatform(): FakePlatform {
  return { indexedDB: new IDBFactory(), IDBKeyRange };
}

/** A page of a browser: both drivers, as its store has them. */
export interface Page extends AsyncDisposable {
  readonly connection: Connection;
  readonly driver: KeyValueDriver;
  readonly writing: KeyValueDriver;
}

/** Opens a page in a browser. */
export function pageOf(platform: IndexedDbPlatform, options: { readonly openWithinMs?: number } = {}): Page {
  const { openWithinMs = 60_000 } = options;
  const run = crypto.randomUUID();
  let last = 0;
  const newVersion = (): string => `${run}.${++last}`;
  const connection = new Connection({
    database: DATABASE,
    platform: () => platform,
    openWithinMs,
    newId: newVersion,
  });
  const doorbell = new Doorbell({ name: DATABASE, platform: () => platform, watched: "" });
  const parts: DriverParts = { connection, doorbell, platform: () => platform, newVersion };
  const driver = indexedDbDriver(parts);
  const writing = readToWriteDriver(driver, parts);
  return {
    connection,
    driver,
    writing,
    [Symbol.asyncDispose]: () => {
      doorbell.close();
      return connection.close();
    },
  };
}

/** Opens the database past all drivers, as another page of whatever version would. */
export function openElsewhere(platform: IndexedDbPlatform, version?: number): Promise<Database> {
  return new Promise((resolve, reject) => {
    // It is what IndexedDB says.
    const request = platform.indexedDB?.open(DATABASE, version) as OpenRequest;
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Deletes the database past all drivers, and waits until that is done. */
export function deleteElsewhere({ indexedDB }: FakePlatform): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(DATABASE) as DbRequest<unknown>;
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
}

/** A write of one byte. */
export function set(key: string, byte = 1) {
  return { type: "set", key, value: Uint8Array.of(byte) } as const;
}
