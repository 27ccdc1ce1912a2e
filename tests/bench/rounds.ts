import type { KeyValueDriver } from "../../src/store/key_value/driver.ts";

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

/** Holds every call back until all that can be started has been: then these calls are one round. */
export function countedDriver(inner: KeyValueDriver): CountedDriver {
  let held: (() => Promise<void>)[] = [];
  let reads = 0;
  let commits = 0;
  let retries = 0;
  let readInRound = false;
  let commitInRound = false;

  const hold = <Result>(call: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => held.push(() => call().then(resolve, reject)));
  const read = <Result>(call: () => Promise<Result>): Promise<Result> => {
    readInRound = true;
    return hold(call);
  };

  const driver: KeyValueDriver = {
    limits: inner.limits,
    get: (keys) => read(() => inner.get(keys)),
    list: (range) => read(() => inner.list(range)),
    commit: (checks, mutations) => {
      commitInRound = true;
      return hold(async () => {
        const result = await inner.commit(checks, mutations);
        if (result === undefined) retries += 1;
        return result;
      });
    },
  };
  const turn = () =>
    new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    });

  return {
    driver,
    count: async (run) => {
      reads = commits = retries = 0;
      readInRound = commitInRound = false;
      let done = false;
      const finished = Promise.resolve(run()).finally(() => done = true);
      // Two turns without a held call and with the run at its end: nothing is under way.
      for (let quiet = 0; quiet < 2;) {
        await turn();
        if (held.length === 0) {
          quiet = done ? quiet + 1 : 0;
          continue;
        }
        quiet = 0;
        if (readInRound) reads += 1;
        if (commitInRound) commits += 1;
        readInRound = commitInRound = false;
        const round = held;
        held = [];
        await Promise.all(round.map((call) => call()));
      }
      await finished;
      return { reads, commits, retries };
    },
  };
}
