import type { KeyValueDriver } from "../../../../src/store/key_value/driver.ts";

/** A driver that counts how far its calls depend on each other: those that run at the same time count as one. */
export interface CountingDriver {
  readonly driver: KeyValueDriver;
  /** The longest chain of reads and of commits since the last call of this function. */
  take(): { readonly reads: number; readonly commits: number };
}

/**
 * Counts rounds: a round begins with the first call made while none is under way, and all that begins before it ends
 * belongs to it.
 */
export function countingDriver(driver: KeyValueDriver): CountingDriver {
  const rounds = { reads: 0, commits: 0 };
  const open = { reads: 0, commits: 0 };
  const counted = async <Value>(kind: "reads" | "commits", call: () => Promise<Value>): Promise<Value> => {
    if (open[kind]++ === 0) rounds[kind]++;
    try {
      const value = await call();
      // One turn later than the answer: calls that were started together end together.
      await Promise.resolve();
      return value;
    } finally {
      open[kind]--;
    }
  };
  return {
    driver: {
      limits: driver.limits,
      get: (keys) => counted("reads", () => driver.get(keys)),
      list: (range) => counted("reads", () => driver.list(range)),
      commit: (checks, mutations) => counted("commits", () => driver.commit(checks, mutations)),
    },
    take: () => {
      const taken = { ...rounds };
      rounds.reads = rounds.commits = 0;
      return taken;
    },
  };
}
