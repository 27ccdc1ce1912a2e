/** Something that wants to be called at a time. */
export interface Timed {
  /** When; `undefined` for never. It may move later at any time without a word. */
  readonly deadline: number | undefined;
  /** The time has come. */
  timePassed(): void;
}

/** An entry without anybody is left over: it holds nobody in memory, and goes when its time comes. */
interface Entry {
  readonly at: number;
  timed: Timed | undefined;
}

/**
 * The deadlines of many connections, earliest first.
 *
 * A Keep Alive moves its deadline with every packet. That costs nothing here: an entry that comes up too early is put
 * back, so that a connection has one entry at a time and another only when its deadline moves forward.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];
  readonly #armed = new Map<Timed, Entry>();

  /** When to look next; `undefined` when there is nothing to wait for. */
  get next(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Looks at a deadline that may be new or earlier than before. Returns whether it is now the first of all. */
  watch(timed: Timed): boolean {
    const { deadline } = timed;
    if (deadline === undefined) return false;
    const armed = this.#armed.get(timed);
    if (armed !== undefined) {
      if (armed.at <= deadline) return false;
      armed.timed = undefined;
    }
    const entry = { at: deadline, timed };
    this.#armed.set(timed, entry);
    this.#push(entry);
    return this.#heap[0] === entry;
  }

  /** Forgets it. */
  forget(timed: Timed): void {
    const armed = this.#armed.get(timed);
    if (armed === undefined) return;
    armed.timed = undefined;
    this.#armed.delete(timed);
  }

  /** Calls all whose time has come. */
  fire(now: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#pop();
      const { timed } = first;
      if (timed === undefined) continue;
      this.#armed.delete(timed);
      const { deadline } = timed;
      if (deadline !== undefined && deadline <= now) {
        timed.timePassed();
        // One that stays due is not called again in this round.
        if ((timed.deadline ?? Infinity) <= now) continue;
      }
      this.watch(timed);
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      // Both indices are inside the heap.
      if ((heap[parent] as Entry).at <= entry.at) break;
      heap[index] = heap[parent] as Entry;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      // Both indices are inside the heap.
      if (child + 1 < heap.length && (heap[child + 1] as Entry).at < (heap[child] as Entry).at) child++;
      if ((heap[child] as Entry).at >= last.at) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
  }
}
