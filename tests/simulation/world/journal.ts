/** What is seen of a world: told to the oracle at once, and kept when somebody is going to read it. */
import type { Observation } from "../oracle/observation.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** Takes down what happens. */
export class Journal {
  readonly observations: Observation[] = [];
  /** How often each kind of rare thing happened. */
  readonly counts: Map<string, number> = new Map();
  readonly #time: VirtualTime;
  readonly #see: (observation: Observation) => void;
  /** Whether the broker's side is told as well, for people. */
  readonly isTold: boolean;

  constructor(time: VirtualTime, see: (observation: Observation) => void, isTold: boolean) {
    this.#time = time;
    this.#see = see;
    this.isTold = isTold;
  }

  get now(): number {
    return this.#time.now;
  }

  see(observation: Observation): void {
    if (this.isTold) this.observations.push(observation);
    this.#see(observation);
  }

  /** Something on the broker's side, for the timeline. */
  note(text: () => string): void {
    if (this.isTold) this.observations.push({ type: "note", at: this.#time.now, text: text() });
  }

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }
}
