/**
 * Calls that are let through in rounds, so that the longest chain of awaits can be counted: calls that wait together are
 * one round.
 *
 * @module
 */

/** Holds calls back until all that can be started has been; then these calls are one round. */
export class Gate<Kind> {
  #held: (() => Promise<void>)[] = [];
  #kinds = new Set<Kind>();
  #isCounting = false;

  /** Waits for its round, and makes the call. While nothing is counted it is made at once. */
  hold<Result>(kind: Kind, call: () => Promise<Result>): Promise<Result> {
    if (!this.#isCounting) return call();
    this.#kinds.add(kind);
    return new Promise((resolve, reject) => this.#held.push(() => call().then(resolve, reject)));
  }

  /** Runs something, and tells of every round until nothing is under way any more which kinds of calls it held. */
  async count(run: () => Promise<unknown> | void): Promise<readonly ReadonlySet<Kind>[]> {
    const rounds: ReadonlySet<Kind>[] = [];
    this.#isCounting = true;
    let done = false;
    const finished = Promise.resolve(run()).finally(() => done = true);
    // Two turns without a held call and with the run at its end: nothing is under way.
    for (let quiet = 0; quiet < 2;) {
      await turn();
      if (this.#held.length === 0) {
        quiet = done ? quiet + 1 : 0;
        continue;
      }
      quiet = 0;
      rounds.push(this.#kinds);
      const round = this.#held;
      this.#kinds = new Set();
      this.#held = [];
      await Promise.all(round.map((call) => call()));
    }
    this.#isCounting = false;
    await finished;
    return rounds;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
