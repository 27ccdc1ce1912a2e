import type { KeyValueDriver } from "../../src/store/key_value/driver.ts";
import { Gate } from "./gate.ts";

/** What a driver was asked for, as the longest chain of awaits: calls that wait together count one. */
export interface Rounds {
  /** Chains that held a `get` or a `list`. */
  readonly reads: number;
  /** Chains that held a `commit`. */
  readonly commits: number;
  /** Commits that failed their checks, and so were tried again. */
  readonly retries: number;
}

/** A driver whose calls are let through in rounds, so that the longest chain of awaits can be counted. */
export interface CountedDriver {
  readonly driver: KeyValueDriver;
  /** Runs something and counts the rounds until nothing is under way any more. */
  count(run: () => Promise<unknown> | void): Promise<Rounds>;
}

/** Counts what a driver is asked for. */
export function countedDriver(inner: KeyValueDriver): CountedDriver {
  const gate = new Gate<"read" | "commit">();
  let retries = 0;
  const driver: KeyValueDriver = {
    limits: inner.limits,
    get: (keys) => gate.hold("read", () => inner.get(keys)),
    list: (range) => gate.hold("read", () => inner.list(range)),
    commit: (checks, mutations) =>
      gate.hold("commit", async () => {
        const result = await inner.commit(checks, mutations);
        if (result === undefined) retries += 1;
        return result;
      }),
  };
  return {
    driver,
    count: async (run) => {
      retries = 0;
      const rounds = await gate.count(run);
      const holding = (kind: "read" | "commit") => rounds.filter((kinds) => kinds.has(kind)).length;
      return { reads: holding("read"), commits: holding("commit"), retries };
    },
  };
}
