/**
 * One death of the broker for many scenarios: it comes once each scenario that takes part either waits for it or is over,
 * so that it costs one start however many there are.
 */
export class Crashes {
  readonly #restart: () => Promise<void>;
  #waiting: PromiseWithResolvers<void>[] = [];
  /** Scenarios that are under way and do not wait. */
  #running: number;

  /** All scenarios are counted before the first of them runs. */
  constructor(scenarios: number, restart: () => Promise<void>) {
    this.#running = scenarios;
    this.#restart = restart;
  }

  /** A scenario is over. */
  leave(): void {
    this.#running -= 1;
    this.#restartIfAllWait();
  }

  /** Waits for the broker's next death and new life. */
  async wait(): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push(done);
    this.#running -= 1;
    this.#restartIfAllWait();
    await done.promise;
  }

  #restartIfAllWait(): void {
    if (this.#running > 0 || this.#waiting.length === 0) return;
    const served = this.#waiting;
    this.#waiting = [];
    this.#running = served.length;
    this.#restart().then(
      () => served.forEach(({ resolve }) => resolve()),
      (error) => served.forEach(({ reject }) => reject(error)),
    );
  }
}
