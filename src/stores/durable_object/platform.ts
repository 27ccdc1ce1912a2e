/**
 * What of a Durable Object is used: its SQLite database, its transactions, and its alarm.
 *
 * @module
 */

/** What can stand in a column. */
export type SqlValue = ArrayBuffer | string | number | null;

/** What a statement found, and what it is billed as. */
export interface SqlCursor {
  /** All rows that are left, by the names of their columns. */
  toArray(): readonly Readonly<Record<string, SqlValue>>[];
  /** Rows that were read, so far. */
  readonly rowsRead: number;
  /** Rows that were written, so far. */
  readonly rowsWritten: number;
}

/**
 * What of a `DurableObjectStorage` is used: `ctx.storage` of an object whose class is one of `new_sqlite_classes`.
 */
export interface DurableObjectStorageLike {
  /** The object's database. */
  readonly sql: {
    /** Runs a statement, at once. */
    exec(query: string, ...bindings: readonly unknown[]): SqlCursor;
  };
  /** Runs a function, and undoes all that it wrote if it throws. */
  transactionSync<Result>(run: () => Result): Result;
  /** Ends once all that was written so far is confirmed. */
  sync(): Promise<void>;
}

/** What of a `DurableObjectStorage` an alarm needs. */
export interface AlarmStorageLike {
  /** When the object is woken; `null` when it is not. */
  getAlarm(): Promise<number | null>;
  /** Has the object woken then. */
  setAlarm(at: number): Promise<void>;
}
