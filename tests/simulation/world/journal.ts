/** What is seen of a world: told to the oracle at once, and kept when somebody is going to read it. */
import type { Observation } from "../oracle/observation.ts";
import type { PageObservation } from "../oracle/page_observation.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** Takes down what happens. */
export class Journal {
  readonly observations: Observation[] = [];
  /** How often each kind of rare thing happened. */
  readonly counts: Map<string, number> = new Map();
  readonly #time: VirtualTime;
  readonly #see: (observation: Observation) => void;
  readonly #seePage: (observation: PageObservation) => void;
  /** Whether the broker's side is told as well, for people. */
  readonly isTold: boolean;

  constructor(
    time: VirtualTime,
    see: (observation: Observation) => void,
    isTold: boolean,
    seePage: (observation: PageObservation) => void = () => {},
  ) {
    this.#time = time;
    this.#see = see;
    this.#seePage = seePage;
    this.isTold = isTold;
  }

  get now(): number {
    return this.#time.now;
  }

  see(observation: Observation): void {
    if (this.isTold) this.observations.push(observation);
    this.#see(observation);
  }

  /** Something at the application's side of a client of ours. */
  seePage(observation: PageObservation): void {
    const { at: _at, client, tab, type, ...rest } = observation;
    this.note(() => `${client}/${tab} ${type} ${JSON.stringify(rest)}`);
    this.#seePage(observation);
  }

  /** Something on the broker's side, for the timeline. */
  note(text: () => string): void {
    if (this.isTold) this.observations.push({ type: "note", at: this.#time.now, text: text() });
  }

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }
}
