import type { Check, KeyValueDriver, Mutation } from "../../../../src/store/key_value/driver.ts";

type Commit = readonly [checks: readonly Check[], mutations: readonly Mutation[]];

/** What becomes of one commit. */
export type CommitFate =
  | "goes"
  /** A check fails, as if somebody else had been faster. */
  | "conflicts"
  /** It is carried out, and its answer gets lost. */
  | "unheard"
  /** It is not carried out, and nobody can tell. */
  | "lost";

/** A driver whose commits go as told. */
export interface FaultyDriver {
  readonly driver: KeyValueDriver;
  /** Decides about each commit; after it is done, `undefined` lets it go. */
  decide: ((...commit: Commit) => CommitFate | Promise<CommitFate>) | undefined;
  /** How many commits were asked for. */
  commits: number;
}

/** Puts itself in front of a driver. */
export function faultyDriver(inner: KeyValueDriver): FaultyDriver {
  const faulty: FaultyDriver = {
    driver: {
      limits: inner.limits,
      get: (keys) => inner.get(keys),
      list: (range) => inner.list(range),
      commit: async (checks, mutations) => {
        faulty.commits++;
        const fate = await faulty.decide?.(checks, mutations) ?? "goes";
        if (fate === "conflicts") return undefined;
        const done = fate === "lost" ? undefined : await inner.commit(checks, mutations);
        if (fate === "goes") return done;
        throw new Error("connection reset");
      },
    },
    decide: undefined,
    commits: 0,
  };
  return faulty;
}
