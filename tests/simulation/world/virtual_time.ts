/** Time that passes only when told to: whatever happens stands in one line, in the order of its moment. */
import { setImmediate } from "node:timers/promises";

interface Moment {
  readonly at: number;
  /** Of two at the same time the one that was set first comes first. */
  readonly order: number;
  run: (() => void) | undefined;
}

/** When a world begins, in epoch milliseconds. */
export const START = 1_700_000_000_000;

/** More happenings than any world has that comes to an end. */
const MANY = 200_000;

/** One line of happenings. After each of them everything runs that waits for nothing but its turn. */
export class VirtualTime {
  #now = START;
  #order = 0;
  #heap: Moment[] = [];
  /** How many things have happened. */
  happened = 0;

  /** The time of the world, in epoch milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** Lets something happen after some milliseconds, unless it is cancelled by the returned function. */
  after(ms: number, run: () => void): () => void {
    const moment: Moment = { at: this.#now + Math.max(0, ms), order: ++this.#order, run };
    push(this.#heap, moment);
    return () => moment.run = undefined;
  }

  /** Lets time pass until a moment, and all happen that is due meanwhile. */
  async passUntil(end: number): Promise<void> {
    // What was begun just now may still have to say what it waits for.
    await setImmediate();
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      pop(this.#heap);
      if (next.run === undefined) continue;
      if (++this.happened > MANY) throw new Error(`More than ${MANY} things happened: the world never comes to rest`);
      this.#now = next.at;
      next.run();
      await setImmediate();
    }
    this.#now = Math.max(this.#now, end);
  }
}

function isEarlier(a: Moment, b: Moment): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

// Indices below are inside the heap, which the comparisons before them have seen to.
function push(heap: Moment[], moment: Moment): void {
  let index = heap.length;
  heap.push(moment);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!isEarlier(moment, heap[parent] as Moment)) break;
    heap[index] = heap[parent] as Moment;
    index = parent;
  }
  heap[index] = moment;
}

function pop(heap: Moment[]): void {
  const last = heap.pop() as Moment;
  if (heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isEarlier(heap[child + 1] as Moment, heap[child] as Moment)) child++;
    if (!isEarlier(heap[child] as Moment, last)) break;
    heap[index] = heap[child] as Moment;
    index = child;
  }
  heap[index] = last;
}
