import type { DriverLimits, KeyValueDriver } from "../../store/key_value/driver.ts";
import { NO_LIMITS } from "../../store/key_value/ordered_rows.ts";
import { checkKey, checkTtl, type KvClock, type KvNamespaceLike, MAX_VALUE_BYTES, systemClock } from "./platform.ts";
import { type KnownVersion, KvValue } from "./value.ts";

/** How rows are kept in a value of Workers KV. */
export interface CloudflareKvOptions {
  /** The key of the value that holds everything: one for each client. 1 to 512 bytes. */
  readonly key: string;
  /** After so many seconds without a write the value vanishes, 60 at least. Default: it never does. */
  readonly expirationTtl?: number;
  /**
   * What is known to have been written, by key: a map that outlives the store, such as one of the isolate. A value that
   * is read and older than that is refused as `STORE_UNAVAILABLE`, which clients repeat until it is there. Whoever deletes
   * a value by hand deletes it here, too. Default: nothing is known.
   */
  readonly known?: Map<string, KnownVersion>;
  /** How far apart writes are, in milliseconds; Workers KV takes one a second of each key. Default: 1 000. */
  readonly writeEveryMs?: number;
  /** How often a write that Workers KV turns away, since another writer was faster, is repeated. Default: 5. */
  readonly refusedWrites?: number;
  /** Where time comes from. Default: the platform. */
  readonly clock?: KvClock;
}

/**
 * The limits that the store keeps to: all rows stand in one value. What is larger than the rest of it is refused as
 * `LIMIT_EXCEEDED`.
 */
export const CLOUDFLARE_KV_LIMITS: DriverLimits = {
  ...NO_LIMITS,
  valueBytes: MAX_VALUE_BYTES / 2,
  keyBytes: 2_000,
  bytesPerCommit: MAX_VALUE_BYTES,
};

/**
 * One value of Workers KV as ordered keys with commits.
 *
 * The rows are in memory, and a commit ends once a write of the whole has been confirmed; commits that come together
 * share one. Two objects over one value see each other before each write as far as Workers KV lets them, and otherwise
 * the last writer wins: that is why nothing but a client's own session belongs there.
 *
 * @throws {RangeError} If the key or the expiration is none of Workers KV.
 */
export function cloudflareKvDriver(kv: KvNamespaceLike, options: CloudflareKvOptions): KeyValueDriver {
  const { key, expirationTtl, known = new Map(), writeEveryMs = 1_000, refusedWrites = 5 } = options;
  checkKey(key);
  if (expirationTtl !== undefined) checkTtl(expirationTtl);
  const clock = options.clock ?? systemClock();
  const value = new KvValue({ kv, key, expirationTtl, known, writeEveryMs, refusedWrites, clock });
  return {
    limits: CLOUDFLARE_KV_LIMITS,
    get: async (keys) => {
      const rows = await value.confirmed((changed) => keys.includes(changed));
      return keys.map((each) => rows.get(each));
    },
    list: async (range) => {
      const rows = await value.confirmed((changed) => range.start <= changed && changed < range.end);
      return rows.list(range);
    },
    commit: (checks, mutations) => value.commit(checks, mutations),
  };
}
