import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { DurableObjectStorageLike, SqlValue } from "../../src/stores/durable_object/platform.ts";

/** The most parameters of a statement that a Durable Object takes. */
const MOST_PARAMETERS = 100;

/** The largest text, bytes or row that a Durable Object takes. */
const LARGEST = 2_097_152;

/**
 * The storage of a Durable Object as far as it is used, on SQLite beside the process: what it lacks of the real one are its
 * gates, and that it outlives anything. The same promises are asked of the real one in `workerd`.
 */
export class SqliteStorage implements DurableObjectStorageLike, Disposable {
  readonly #database = new DatabaseSync(":memory:");
  #depth = 0;
  /** How often a confirmation was asked for. */
  syncs = 0;

  readonly sql: DurableObjectStorageLike["sql"] = {
    exec: (query, ...bindings) => {
      const large = bindings.some((value) => value instanceof Uint8Array && value.length > LARGEST);
      if (bindings.length > MOST_PARAMETERS || large) throw new Error("a limit of the platform was overrun");
      const rows = this.#database.prepare(query).all(...bindings as SQLInputValue[]);
      return { toArray: () => rows.map(asPlatform), rowsRead: rows.length, rowsWritten: 0 };
    },
  };

  transactionSync<Result>(run: () => Result): Result {
    const name = `depth_${this.#depth++}`;
    this.#database.exec(`SAVEPOINT ${name}`);
    try {
      return run();
    } catch (error) {
      this.#database.exec(`ROLLBACK TO ${name}`);
      throw error;
    } finally {
      this.#database.exec(`RELEASE ${name}`);
      this.#depth--;
    }
  }

  sync(): Promise<void> {
    this.syncs++;
    return Promise.resolve();
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** Bytes come as an `ArrayBuffer` there. */
function asPlatform(row: Readonly<Record<string, unknown>>): Readonly<Record<string, SqlValue>> {
  const columns = Object.entries(row).map((
    [name, value],
  ) => [name, value instanceof Uint8Array ? value.slice().buffer : value]);
  // What SQLite holds is one of these, but for integers beyond the safe ones.
  return Object.fromEntries(columns) as Record<string, SqlValue>;
}
