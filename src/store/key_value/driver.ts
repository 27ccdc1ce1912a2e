/**
 * What a backend has to offer: ordered keys, bytes, and commits that check versions. It knows nothing of sessions.
 *
 * Keys are printable ASCII without spaces, ordered by their bytes. A version is never used twice for a key, not even
 * after the key was deleted and written again. All calls see every earlier commit. A driver throws a `SessionError` of
 * its own where it knows better than the store: otherwise a failed read counts as `STORE_UNAVAILABLE`, a failed commit
 * as `OUTCOME_UNKNOWN`.
 *
 * @module
 */

/** What one call may carry; `Infinity` where there is no limit. */
export interface DriverLimits {
  /** The largest value, in bytes. */
  readonly valueBytes: number;
  /** The longest key, in bytes. */
  readonly keyBytes: number;
  /** The most keys of a `get`; more of them are asked for at the same time. */
  readonly keysPerGet: number;
  /** The most entries of a page of `list`. */
  readonly entriesPerList: number;
  /** The most checks of a commit. */
  readonly checksPerCommit: number;
  /** The most mutations of a commit. */
  readonly mutationsPerCommit: number;
  /** The most bytes of a commit: keys of checks and mutations, and values. */
  readonly bytesPerCommit: number;
  /** The most bytes of all keys of a commit, checks and mutations. */
  readonly keyBytesPerCommit: number;
}

/** A key with its value. */
export interface Entry {
  /** Printable ASCII without spaces. */
  readonly key: string;
  /** The bytes as they were written. */
  readonly value: Uint8Array;
  /** Changes with every write of the key. */
  readonly version: string;
}

/** Keys from `start`, included, to `end`, left out, in ascending order. */
export interface KeyRange {
  /** The first key that belongs to it. */
  readonly start: string;
  /** The first key after it. */
  readonly end: string;
  /** At most this many; never above `entriesPerList`. */
  readonly limit: number;
}

/** Part of a range. */
export interface Page {
  /** In ascending order of their keys. */
  readonly entries: readonly Entry[];
  /** Whether the range may hold entries after the last of these. */
  readonly more: boolean;
}

/** What a commit insists on: the key has this version, or does not exist (`null`). */
export interface Check {
  /** The key that is looked at. */
  readonly key: string;
  /** The version that it must have; `null` if it must not exist. */
  readonly version: string | null;
}

/** What a commit writes. No two mutations of a commit name the same key. */
export type Mutation =
  | { readonly type: "set"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: string };

/** A backend with ordered keys and atomic commits. */
export interface KeyValueDriver {
  /** What its calls may carry. */
  readonly limits: DriverLimits;
  /** Reads keys, all at one moment: `undefined` for each that does not exist, in the order asked. */
  get(keys: readonly string[]): Promise<readonly (Entry | undefined)[]>;
  /** Reads a page, all of it at one moment: not an `AsyncIterable`, which costs many times as much where every entry is a turn of the loop. */
  list(range: KeyRange): Promise<Page>;
  /** Writes all or nothing: the version of every key set, or `undefined` if a check failed. */
  commit(
    checks: readonly Check[],
    mutations: readonly Mutation[],
  ): Promise<{ readonly version: string } | undefined>;
  /**
   * Yields after the key was written, by anybody that the engine can tell of. It may yield without need, several writes
   * may be told at once, and it ends when the signal aborts.
   */
  watch?(key: string, signal: AbortSignal): AsyncIterable<void>;
}
