/** Work that runs by itself, so that somebody can wait for all of it. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();
  readonly #questions = new Set<Promise<void>>();

  /** Remembers work until it ends. The promise must not reject. */
  add(work: Promise<void>): void {
    this.#running.add(work);
    work.then(() => this.#running.delete(work));
  }

  /** Remembers a question to the host until it is answered, however long that takes. The promise must not reject. */
  ask(question: Promise<void>): void {
    this.#questions.add(question);
    question.then(() => this.#questions.delete(question));
  }

  /** Whether something runs, answers of the host apart. */
  get running(): boolean {
    return this.#running.size > 0;
  }

  /** Whether nothing runs, and no answer is awaited. */
  get idle(): boolean {
    return this.#running.size + this.#questions.size === 0;
  }

  /** Ends when everything that runs now has ended, and what is asked now is answered. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running, ...this.#questions]);
  }

  /** Ends when nothing runs any more, or the signal aborts. Questions are not waited for. */
  async done(signal: AbortSignal | undefined): Promise<void> {
    while (this.#running.size > 0 && signal?.aborted !== true) await Promise.all(this.#running);
  }
}

/** Runs work of the same key one after the other. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs the work when its turn comes. The work must not reject. */
  take(key: string, work: () => Promise<void>): Promise<void> {
    const before = this.#last.get(key);
    const mine = before === undefined ? work() : before.then(work);
    this.#last.set(key, mine);
    return mine.then(() => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    });
  }
}
