/** How long things take that are drawn: a short soak lets everything take less. */
export class Tempo {
  readonly #scale: number;

  constructor(scale: number) {
    this.#scale = scale;
  }

  /** A length of this run. */
  length(ms: number): number {
    return ms * this.#scale;
  }

  /** Waits so long, or until the signal. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    await pauseExactly(this.length(ms), signal);
  }
}

/** Waits so long whatever the tempo, or until the signal. */
export function pauseExactly(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** The outcome of a promise, or nothing once the signal comes. */
export function unlessAborted(outcome: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    outcome.then(done, done);
    signal.addEventListener("abort", done, { once: true });
  });
}
