import { setImmediate } from "node:timers";
import type { BrokerEnvironment } from "@edge-mqtt/session";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that moves by hand, and the environment of a broker that lives by it. */
export class VirtualTime {
  now: number;
  readonly environment: BrokerEnvironment;
  readonly #start: number;
  /** Ids that are given out before any other. */
  readonly nextIds: string[] = [];
  #timers = new Set<Timer>();
  #ids = 0;

  constructor(start: number) {
    this.now = start;
    this.#start = start;
    this.environment = {
      now: () => this.now,
      monotonic: () => this.now - this.#start,
      randomId: () => this.nextIds.shift() ?? `id-${String(++this.#ids).padStart(6, "0")}`,
      wake: (at, callback) => {
        const timer = { at, callback };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
    };
  }

  /** Every timer is gone, as with the process that set them. */
  forget(): void {
    this.#timers = new Set();
  }

  /** Moves on to each timer that falls due, in order, and settles after each. */
  async advance(ms: number, settle: () => Promise<void>): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      let first: Timer | undefined;
      for (const timer of this.#timers) {
        if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
      }
      if (first === undefined) break;
      this.#timers.delete(first);
      this.now = Math.max(this.now, first.at);
      first.callback();
      await settle();
    }
    this.now = end;
    await settle();
  }

  /**
   * Lets every microtask that is ready run, and those that they make ready: a turn of the event loop. (A message port
   * will not do: once npm packages are loaded its messages arrive between microtasks.)
   */
  settle(): Promise<void> {
    return new Promise((resolve) => void setImmediate(resolve));
  }
}
