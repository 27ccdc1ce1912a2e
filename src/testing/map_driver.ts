import type { DriverLimits, Entry, KeyRange, KeyValueDriver, Page } from "../store/key_value/driver.ts";
import { NO_LIMITS, OrderedRows } from "../store/key_value/ordered_rows.ts";

/** How a {@linkcode MapDriver} is set up. */
export interface MapDriverOptions {
  /** Limits of the driver; those that are absent are infinite. */
  readonly limits?: Partial<DriverLimits>;
}

/** A driver whose rows a test can look at and spoil. */
export interface MapDriver extends KeyValueDriver {
  /** All rows, in order of their keys. */
  entries(): readonly Entry[];
  /** Puts bytes under a key, past all limits and checks, as a fault of the hardware or another program would. */
  overwrite(key: string, value: Uint8Array): void;
}

/** Keys are printable ASCII without spaces. */
const KEY = /^[!-~]+$/;

/**
 * An ordered key-value driver in memory, for tests of what stands on a driver. It holds its caller to the contract:
 * a key that is none, or anything past a limit, is a `RangeError`.
 *
 * @example
 * ```ts
 * import { mapDriver } from "@edge-mqtt/session/testing";
 *
 * const driver = mapDriver({ limits: { mutationsPerCommit: 10 } });
 * await driver.commit([{ key: "a", version: null }], [{ type: "set", key: "a", value: new Uint8Array([1]) }]);
 * console.assert(driver.entries().length === 1);
 * ```
 */
export function mapDriver(options: MapDriverOptions = {}): MapDriver {
  const limits: DriverLimits = { ...NO_LIMITS, ...options.limits };
  const rows = new OrderedRows();
  const watchers = new Set<{ readonly watched: string; readonly wake: () => void }>();

  const wakeFor = (key: string): void => {
    for (const { watched, wake } of watchers) if (key === watched) wake();
  };
  const list = (range: KeyRange): Page => {
    within("entries of a page", range.limit, limits.entriesPerList);
    return rows.list(range);
  };

  return {
    limits,
    get: async (wanted) => {
      await undefined;
      within("keys of a get", wanted.length, limits.keysPerGet);
      return wanted.map((key) => rows.get(key));
    },
    list: async (range) => {
      await undefined;
      return list(range);
    },
    commit: async (checks, mutations) => {
      await undefined;
      checkCommit(limits, checks, mutations);
      const committed = rows.commit(checks, mutations);
      for (const { type, key } of committed === undefined ? [] : mutations) if (type === "set") wakeFor(key);
      return committed;
    },
    watch: async function* (watched, signal) {
      let news = false;
      let wake = (): void => {};
      const watcher = { watched, wake: (): void => (news = true, wake()) };
      watchers.add(watcher);
      const end = (): void => wake();
      signal.addEventListener("abort", end);
      try {
        while (!signal.aborted) {
          if (!news) await new Promise<void>((resolve) => wake = resolve);
          news = false;
          if (!signal.aborted) yield;
        }
      } finally {
        watchers.delete(watcher);
        signal.removeEventListener("abort", end);
      }
    },
    entries: () => rows.keys.flatMap((key) => rows.get(key) ?? []),
    overwrite: (key, value) => {
      rows.overwrite(key, value);
      wakeFor(key);
    },
  };
}

type Commit = Parameters<KeyValueDriver["commit"]>;

function checkCommit(limits: DriverLimits, checks: Commit[0], mutations: Commit[1]): void {
  within("checks of a commit", checks.length, limits.checksPerCommit);
  within("mutations of a commit", mutations.length, limits.mutationsPerCommit);
  let keyBytes = 0;
  let valueBytes = 0;
  for (const { key } of [...checks, ...mutations]) {
    if (!KEY.test(key)) throw new RangeError(`Cannot use the key ${JSON.stringify(key)}: it is not printable ASCII`);
    within("bytes of a key", key.length, limits.keyBytes);
    keyBytes += key.length;
  }
  for (const mutation of mutations) {
    if (mutation.type !== "set") continue;
    within("bytes of a value", mutation.value.length, limits.valueBytes);
    valueBytes += mutation.value.length;
  }
  within("bytes of all keys of a commit", keyBytes, limits.keyBytesPerCommit);
  within("bytes of a commit", keyBytes + valueBytes, limits.bytesPerCommit);
  if (new Set(mutations.map(({ key }) => key)).size < mutations.length) {
    throw new RangeError("Cannot commit: two mutations name the same key");
  }
}

function within(what: string, found: number, limit: number): void {
  if (found > limit) throw new RangeError(`Cannot take ${found} ${what}: the limit is ${limit}`);
}
