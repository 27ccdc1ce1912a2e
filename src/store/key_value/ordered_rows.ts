import type { Check, DriverLimits, Entry, KeyRange, KeyValueDriver, Mutation, Page } from "./driver.ts";

/** Memory has no limits of its own. */
export const NO_LIMITS: DriverLimits = {
  valueBytes: Infinity,
  keyBytes: Infinity,
  keysPerGet: Infinity,
  entriesPerList: Infinity,
  checksPerCommit: Infinity,
  mutationsPerCommit: Infinity,
  bytesPerCommit: Infinity,
  keyBytesPerCommit: Infinity,
};

/** Rows in memory in order of their keys: what a driver in memory stands on. */
export class OrderedRows {
  readonly #rows = new Map<string, { readonly value: Uint8Array; readonly version: string }>();
  readonly #keys: string[] = [];
  readonly #nextVersion: () => string;

  /** @param nextVersion Gives versions that never come again. Default: a counter of these rows. */
  constructor(nextVersion: () => string = counter()) {
    this.#nextVersion = nextVersion;
  }

  /** All keys, in order. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** A copy of a row. */
  get(key: string): Entry | undefined {
    const row = this.#rows.get(key);
    return row && { key, value: row.value.slice(), version: row.version };
  }

  /** Carries a commit of a driver out; `undefined`, and nothing is changed, where a row has another version. */
  commit(checks: readonly Check[], mutations: readonly Mutation[]): { readonly version: string } | undefined {
    const holds = checks.every(({ key, version }) => (this.#rows.get(key)?.version ?? null) === version);
    if (!holds) return undefined;
    const version = this.#nextVersion();
    for (const mutation of mutations) {
      if (mutation.type === "set") this.#set(mutation.key, mutation.value, version);
      else if (this.#rows.delete(mutation.key)) this.#keys.splice(this.#indexOf(mutation.key), 1);
    }
    return { version };
  }

  /** Writes a row past all checks. */
  overwrite(key: string, value: Uint8Array): void {
    this.#set(key, value, this.#nextVersion());
  }

  /** Copies of the rows of a range. */
  list({ start, end, limit }: KeyRange): Page {
    const first = this.#indexOf(start);
    const last = Math.max(first, this.#indexOf(end));
    const found = this.#keys.slice(first, Math.min(last, first + limit));
    return { entries: found.flatMap((key) => this.get(key) ?? []), more: first + found.length < last };
  }

  /** Writes a row: a copy of the bytes. */
  #set(key: string, value: Uint8Array, version: string): void {
    if (!this.#rows.has(key)) this.#keys.splice(this.#indexOf(key), 0, key);
    this.#rows.set(key, { value: value.slice(), version });
  }

  /** Where a key stands, or would. */
  #indexOf(key: string): number {
    const keys = this.#keys;
    // Keys mostly come in order.
    if (keys.length === 0 || (keys[keys.length - 1] as string) < key) return keys.length;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      // The middle of a range inside the array is inside the array.
      if ((keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Rows in memory as a driver: each call does its work at once and answers on a microtask. */
export function rowsDriver(rows: OrderedRows): KeyValueDriver {
  return {
    limits: NO_LIMITS,
    get: (keys) => Promise.resolve(keys.map((key) => rows.get(key))),
    list: (range) => Promise.resolve(rows.list(range)),
    commit: (checks, mutations) => Promise.resolve(rows.commit(checks, mutations)),
  };
}

function counter(): () => string {
  let last = 0;
  return () => String(++last);
}
