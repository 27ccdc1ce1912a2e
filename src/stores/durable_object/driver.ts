import { SessionError } from "../../errors.ts";
import type { DriverLimits, Entry, KeyRange, KeyValueDriver } from "../../store/key_value/driver.ts";
import type { DurableObjectStorageLike, SqlValue } from "./platform.ts";
import { uniqueText } from "../../store/unique.ts";

/**
 * The limits that the store keeps to. The platform takes 2 MB a row, key and value together, 100 bound parameters a
 * statement, which none of these statements comes near, and 10 GB an object. An object has 128 MB of memory, all of its
 * sessions together: so a value is kept so small that a page of them, and a commit, take a small part of that.
 */
export const DURABLE_OBJECT_LIMITS: DriverLimits = {
  valueBytes: 131_072,
  keyBytes: 2_000,
  keysPerGet: 1_000,
  entriesPerList: 128,
  checksPerCommit: 5_000,
  mutationsPerCommit: 10_000,
  bytesPerCommit: 16_777_216,
  keyBytesPerCommit: 4_194_304,
};

/**
 * Keys compare by their bytes. Without a rowid the key is the table: a row that is written is billed once, and not a
 * second time for an index.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS edge_mqtt_entry (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    version TEXT NOT NULL
  ) WITHOUT ROWID
`;
const ONE = "SELECT key, value, version FROM edge_mqtt_entry WHERE key = ?";
const VERSION = "SELECT version FROM edge_mqtt_entry WHERE key = ?";
const RANGE = "SELECT key, value, version FROM edge_mqtt_entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?";
const SET = `
  INSERT INTO edge_mqtt_entry (key, value, version) VALUES (?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version
`;
const DELETE = "DELETE FROM edge_mqtt_entry WHERE key = ?";

/** The version of all that somebody else put there. */
const FOREIGN = "";

/**
 * The database of a Durable Object as ordered keys with atomic commits.
 *
 * A commit is carried out at once and answered when the platform has confirmed it. Whoever reads meanwhile sees it
 * already. That is no risk: what leaves the object after such a read, a packet above all, is held back by the platform's
 * output gate until all writes before it are confirmed, and if one of them fails the object is ended, with all that it
 * believed and held back. While an answer is waited for, the object goes on taking events in; what they change
 * leaves together in the next commit.
 *
 * @throws {SessionError} `STORE_UNAVAILABLE` if the table cannot be made.
 */
export function durableObjectDriver(storage: DurableObjectStorageLike): KeyValueDriver {
  const { sql } = storage;
  attempt("open the store", () => sql.exec(SCHEMA));
  const run = uniqueText();
  let lastCommit = 0;
  return {
    limits: DURABLE_OBJECT_LIMITS,
    get: (keys) =>
      answered("read", () =>
        keys.map((key) => {
          const [row] = sql.exec(ONE, key).toArray();
          return row && entryOf(row);
        })),
    list: ({ start, end, limit }: KeyRange) =>
      answered("list", () => {
        const entries = sql.exec(RANGE, start, end, limit).toArray().map(entryOf);
        return { entries, more: entries.length === limit };
      }),
    commit: async (checks, mutations) => {
      // Not a row that counts commits: it would be billed with each of them.
      const version = `${run}.${(++lastCommit).toString(36)}`;
      const holds = attempt("commit", () =>
        storage.transactionSync(() => {
          const isAsKnown = checks.every((check) => {
            const [row] = sql.exec(VERSION, check.key).toArray();
            return (row === undefined ? null : textOf(row.version)) === check.version;
          });
          if (!isAsKnown) return false;
          for (const mutation of mutations) {
            if (mutation.type === "set") sql.exec(SET, mutation.key, mutation.value, version);
            else sql.exec(DELETE, mutation.key);
          }
          return true;
        }));
      if (!holds) return undefined;
      await storage.sync();
      return { version };
    },
  };
}

/** What somebody else put there reads as a record of no bytes: unreadable, under its key. */
function entryOf({ key, value, version }: Readonly<Record<string, SqlValue>>): Entry {
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array();
  return { key: textOf(key), value: bytes, version: textOf(version) };
}

function textOf(value: SqlValue | undefined): string {
  return typeof value === "string" ? value : FOREIGN;
}

/** SQLite answers at once; a driver answers by a promise, also when it fails. */
function answered<Result>(what: string, run: () => Result): Promise<Result> {
  return new Promise((resolve) => resolve(attempt(what, run)));
}

/** What fails here was undone, or changed nothing. */
function attempt<Result>(what: string, run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    throw new SessionError("STORE_UNAVAILABLE", `Cannot ${what}: the object's database failed`, { cause });
  }
}
