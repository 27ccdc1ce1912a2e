import { getMany, promisifyRequest, type UseStore } from "idb-keyval";
import { SessionError } from "../../errors.ts";
import type { DriverLimits, Entry, KeyRange, KeyValueDriver } from "../../store/key_value/driver.ts";
import type { Connection } from "./connection.ts";
import type { Doorbell } from "./doorbell.ts";
import { unavailable } from "./failure.ts";
import type { DbRequest, IndexedDbPlatform, ObjectStore } from "./platform.ts";
import { entryOf } from "./row.ts";
import { type Reading, type Write, write } from "./write.ts";

/**
 * The limits that the store keeps to. IndexedDB itself has none but the quota: these keep a commit short, and a value
 * within the 64 KiB up to which Chromium stores it beside its key.
 */
export const INDEXED_DB_LIMITS: DriverLimits = {
  valueBytes: 60_000,
  keyBytes: 2_000,
  keysPerGet: 1_000,
  entriesPerList: 1_000,
  checksPerCommit: 5_000,
  mutationsPerCommit: 10_000,
  bytesPerCommit: 16_777_216,
  keyBytesPerCommit: 4_194_304,
};

/** What a driver stands on. */
export interface DriverParts {
  readonly connection: Connection;
  readonly doorbell: Doorbell;
  readonly platform: () => IndexedDbPlatform;
  /** A version that no key has had, or will have. */
  readonly newVersion: () => string;
}

/** IndexedDB as ordered keys with atomic commits. */
export function indexedDbDriver({ connection, doorbell, platform, newVersion }: DriverParts): KeyValueDriver {
  // The package names types of a browser, which are not known everywhere; its functions use no more than these have.
  const useStore = connection.use.bind(connection) as unknown as UseStore;
  const settled = promisifyRequest as <Value>(request: DbRequest<Value>) => Promise<Value>;
  return {
    limits: INDEXED_DB_LIMITS,
    get: async (keys) => {
      const rows: unknown[] = await getMany([...keys], useStore).catch((cause) => fail("read", cause));
      return rows.map((row, index) => entryOf(keys[index] ?? "", row));
    },
    list: async ({ start, end, limit }: KeyRange) => {
      // A range that ends before it starts is none to IndexedDB.
      if (start >= end) return { entries: [], more: false };
      const [keys, rows] = await connection.use("readonly", (store) => {
        const range = platform().IDBKeyRange?.bound(start, end, false, true);
        if (range === undefined) {
          throw new SessionError("STORE_UNAVAILABLE", "Cannot list: there is no IDBKeyRange here");
        }
        return Promise.all([settled(store.getAllKeys(range, limit)), settled(store.getAll(range, limit))]);
      }).catch((cause) => fail("list", cause));
      const entries = keys.flatMap((key, index) => entryOf(String(key), rows[index]) ?? []);
      return { entries, more: keys.length === limit };
    },
    commit: async (checks, mutations) => {
      const what: Write = { version: newVersion(), checks, mutations };
      const holds = await connection.use("readwrite", (store) => write({ store, versions: new Map() }, what));
      if (holds === "undecided") throw unavailable("commit", undefined);
      return told(doorbell, what, holds);
    },
    watch: (key, signal) => doorbell.watch(key, signal),
  };
}

/** The most keys that are read without having been asked for. */
const MOST_LIKELY = 8;

/**
 * The same, for calls that read in order to write: what follows a read before the browser has anything else to do is
 * written in the transaction of the read. That saves a transaction, and a way to the browser and back for the checks:
 * what was read in a transaction that may write cannot have changed until it ends.
 */
export function readToWriteDriver(driver: KeyValueDriver, parts: DriverParts): KeyValueDriver {
  const { connection, doorbell, newVersion } = parts;
  let reading: Reading | undefined;
  let likely: readonly string[] = [];
  return {
    ...driver,
    get: (keys) => {
      const more = likely.filter((key) => !keys.includes(key));
      return connection.use("readwrite", (store) => read(store, [...keys, ...more], (found) => reading = found))
        .then((entries) => entries.slice(0, keys.length), (cause) => fail("read", cause));
    },
    commit: async (checks, mutations) => {
      likely = checks.slice(0, MOST_LIKELY).map(({ key }) => key);
      const before = reading;
      reading = undefined;
      // Nothing that is asked for would tell whether the transaction has ended.
      if (before === undefined || mutations.length === 0) return await driver.commit(checks, mutations);
      const what: Write = { version: newVersion(), checks, mutations };
      // Whoever's reading it was: its versions are those of the transaction that is written in.
      const holds = await connection.during(write(before, what));
      return holds === "undecided" ? await driver.commit(checks, mutations) : told(doorbell, what, holds);
    },
  };
}

/** Reads keys, and hands the transaction over together with what was found in it. */
function read(
  store: ObjectStore,
  keys: readonly string[],
  handOver: (reading: Reading) => void,
): Promise<readonly (Entry | undefined)[]> {
  return new Promise((resolve, reject) => {
    const entries: (Entry | undefined)[] = [];
    const versions = new Map<string, string | null>();
    let unread = keys.length;
    store.transaction.onabort = () => reject(store.transaction.error);
    if (unread === 0) resolve(entries);
    for (const [index, key] of keys.entries()) {
      const request = store.get(key);
      request.onsuccess = () => {
        const entry = entries[index] = entryOf(key, request.result);
        versions.set(key, entry?.version ?? null);
        if (--unread > 0) return;
        handOver({ store, versions });
        resolve(entries);
      };
    }
  });
}

/** The answer of a commit, after which those who watch are told. */
function told(doorbell: Doorbell, { version, mutations }: Write, holds: boolean): { version: string } | undefined {
  if (!holds) return undefined;
  doorbell.ring(mutations.flatMap(({ type, key }) => type === "set" ? key : []));
  return { version };
}

function fail(what: string, cause: unknown): never {
  throw unavailable(what, cause);
}
