/** Time that stands still until it is told to go on. */
export interface FakeClock {
  /** The time of day, in epoch milliseconds. */
  now(): number;
  /** Milliseconds since the clock was made; {@linkcode FakeClock.setNow} does not touch it. */
  monotonic(): number;
  /** Calls back once, when the time of day comes to `at`, unless cancelled by the returned function. */
  wake(at: number, callback: () => void): () => void;
  /**
   * Lets time pass. Whoever is to be woken meanwhile is, in order, each at its own time, timers set by others included.
   */
  advance(ms: number): void;
  /** Lets time pass until the next timer, and wakes it; answers whether there was one. */
  advanceToNext(): boolean;
  /** Puts the time of day right, forth or back, as an operator or NTP does. Timers that are due then fire at once. */
  setNow(at: number): void;
  /** When the next timer is due; `undefined` when none is set. */
  nextAt(): number | undefined;
  /** How many timers are set. */
  timers(): number;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * Makes a clock that shows `start`, in epoch milliseconds. Its functions need no `this`, so that they can be passed on
 * one by one.
 *
 * @example
 * ```ts
 * import { fakeClock } from "@edge-mqtt/session/testing";
 *
 * const clock = fakeClock(1_000);
 * let woken = 0;
 * clock.wake(1_500, () => woken = clock.now());
 * clock.advance(2_000);
 * console.assert(woken === 1_500 && clock.now() === 3_000);
 * ```
 */
export function fakeClock(start = 0): FakeClock {
  let now = start;
  let elapsed = 0;
  const timers = new Set<Timer>();

  /** The earliest timer; of several, the one that was set first. */
  const earliest = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  };
  const pass = (ms: number): void => {
    now += ms;
    elapsed += ms;
  };
  const fire = (timer: Timer): void => {
    timers.delete(timer);
    pass(Math.max(0, timer.at - now));
    timer.callback();
  };
  const fireUntil = (end: () => number): void => {
    for (let timer = earliest(); timer !== undefined && timer.at <= end(); timer = earliest()) fire(timer);
  };

  return {
    now: () => now,
    monotonic: () => elapsed,
    wake: (at, callback) => {
      const timer: Timer = { at, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: (ms) => {
      if (!(ms >= 0)) throw new RangeError(`Cannot let ${ms} ms pass: time goes on only`);
      // By the monotonic clock: a callback may set the time of day.
      const end = elapsed + ms;
      fireUntil(() => now + end - elapsed);
      pass(end - elapsed);
    },
    advanceToNext: () => {
      const timer = earliest();
      if (timer !== undefined) fire(timer);
      return timer !== undefined;
    },
    setNow: (at) => {
      now = at;
      fireUntil(() => now);
    },
    nextAt: () => earliest()?.at,
    timers: () => timers.size,
  };
}
