/** Where the shell gets time, randomness and timers from: the only things of a platform that it needs. */
export interface BrokerEnvironment {
  /** The time of day, in epoch milliseconds. Stored deadlines are judged by it. */
  now(): number;
  /** Milliseconds since some moment, never going back. How long something takes is judged by it. */
  monotonic(): number;
  /** A text that nobody else ever gets: at least 122 random bits, printable ASCII. */
  randomId(): string;
  /**
   * Calls back once, when it is `at` by {@linkcode BrokerEnvironment.now} or later, unless cancelled by the returned function.
   * Where the clock is set meanwhile it may be sooner, as with the timers of every platform: whoever is called back looks at
   * the clock again.
   */
  wake(at: number, callback: () => void): () => void;
}

/** Timers take 32 bits; a longer wait is made of slices of this many milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The platform's own clocks, timers and random source, as found on every runtime that has Web APIs. */
export function systemEnvironment(): BrokerEnvironment {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    randomId: () => crypto.randomUUID(),
    wake: (at, callback) => {
      let timer: ReturnType<typeof setTimeout>;
      const arm = () => {
        const wait = Math.max(0, at - Date.now());
        timer = wait > LONGEST_TIMER_MS ? setTimeout(arm, LONGEST_TIMER_MS) : setTimeout(callback, wait);
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}
