/**
 * A backend of your own: sessions in SQLite, on Deno, Node or Bun.
 *
 * All that a session store needs of a backend are ordered keys, bytes, and a commit that checks versions. The rest comes
 * with `keyValueStore`; that it works is shown by the conformance suite, in `sqlite_driver_test.ts`.
 */
import type { DatabaseSync } from "node:sqlite";
import type { DriverLimits, Entry, KeyValueDriver } from "@edge-mqtt/session/key-value";

/** SQLite has room for all that the store would send at once. */
const LIMITS: DriverLimits = {
  valueBytes: 1 << 24,
  keyBytes: 4_096,
  keysPerGet: 1_000,
  entriesPerList: 1_000,
  checksPerCommit: Infinity,
  mutationsPerCommit: Infinity,
  bytesPerCommit: Infinity,
  keyBytesPerCommit: Infinity,
};

/** Keys compare by their bytes, and a version is the number of the commit that wrote the row: never used twice. */
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS last_commit (number INTEGER NOT NULL);
  INSERT INTO last_commit SELECT 0 WHERE NOT EXISTS (SELECT * FROM last_commit);
`;

/** A driver on an open database, which stays the caller's to close. */
export function sqliteDriver(database: DatabaseSync): KeyValueDriver {
  database.exec(SCHEMA);
  const one = database.prepare("SELECT key, value, version FROM entry WHERE key = ?");
  const range = database.prepare(
    "SELECT key, value, version FROM entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
  );
  const set = database.prepare("INSERT OR REPLACE INTO entry (key, value, version) VALUES (?, ?, ?)");
  const remove = database.prepare("DELETE FROM entry WHERE key = ?");
  const count = database.prepare("UPDATE last_commit SET number = number + 1 RETURNING number");

  const read = (key: string): Entry | undefined => entryOf(one.get(key));
  return {
    limits: LIMITS,
    get: (keys) => attempt(() => keys.map(read)),
    list: ({ start, end, limit }) =>
      attempt(() => {
        const entries = range.all(start, end, limit).flatMap((row) => entryOf(row) ?? []);
        return { entries, more: entries.length === limit };
      }),
    commit: (checks, mutations) =>
      attempt(() => {
        // Takes the lock at once: what is checked here is still so when it is written.
        database.exec("BEGIN IMMEDIATE");
        let outcome: "COMMIT" | "ROLLBACK" = "ROLLBACK";
        try {
          if (checks.some(({ key, version }) => (read(key)?.version ?? null) !== version)) return undefined;
          const version = Number(count.get()?.number);
          for (const mutation of mutations) {
            if (mutation.type === "set") set.run(mutation.key, mutation.value, version);
            else remove.run(mutation.key);
          }
          outcome = "COMMIT";
          return { version: String(version) };
        } finally {
          database.exec(outcome);
        }
      }),
  };
}

function entryOf(row: Readonly<Record<string, unknown>> | undefined): Entry | undefined {
  if (row === undefined) return undefined;
  const { key, value, version } = row;
  if (typeof key === "string" && value instanceof Uint8Array) return { key, value, version: String(version) };
  throw new TypeError("Cannot read a row: it is not one of this driver");
}

/** SQLite answers at once; a driver answers by a promise, also when it fails. */
function attempt<Result>(run: () => Result): Promise<Result> {
  return new Promise((resolve) => resolve(run()));
}
