import { intercept, type InterceptedCall } from "./intercept.ts";
import { random } from "./random.ts";

/** How a {@linkcode Scheduler} goes about it. */
export interface SchedulerOptions {
  /** Decides the order; the same seed gives the same order. Default: 0. */
  readonly seed?: number;
  /** `apart` holds every answer back as a task of its own, so that answers overtake each other. Default: `together`. */
  readonly replies?: "together" | "apart";
}

/** Something that waits to be released. */
export interface ScheduledTask extends InterceptedCall {
  /** Counts up from 1. */
  readonly id: number;
  /** `reply` for an answer that is held back, its call having been carried out. */
  readonly kind: "call" | "reply";
}

/**
 * Holds every call back until the test releases it, by hand or in an order drawn from a seed: so a test chooses how
 * things interleave, and a failing order can be run again.
 *
 * It tells that everything came to rest by turns of the microtask queue, not by time: what it wraps has to answer
 * without I/O, as the memory store does.
 */
export interface Scheduler {
  /** A store, or any other object of async functions, whose calls wait for their release. */
  wrap<Target extends object>(target: Target): Target;
  /** One call under a name of your own. */
  schedule<Result>(name: string, run: () => Promise<Result>): Promise<Result>;
  /** What waits, the oldest first. */
  pending(): readonly ScheduledTask[];
  /** Releases one task, the drawn one or that of an id, and lets what follows run; answers it, if there was one. */
  runOne(id?: number): Promise<ScheduledTask | undefined>;
  /**
   * Releases tasks, also those that come up meanwhile, until none is left; answers their number. Rejects with an
   * `Error` that names the seed after `limit` tasks, 100 000 unless told otherwise.
   */
  runAll(limit?: number): Promise<number>;
  /** Lets everything run that waits for nothing but its turn. */
  settle(): Promise<void>;
}

interface HeldTask extends ScheduledTask {
  readonly release: () => void;
}

/** More turns than any chain of awaits between two calls takes: a number, since without timers nobody can tell. */
const TURNS_TO_SETTLE = 256;

/**
 * Makes a scheduler.
 *
 * @example
 * ```ts
 * import { memoryStore } from "@edge-mqtt/session/memory";
 * import { scheduler } from "@edge-mqtt/session/testing";
 *
 * const tasks = scheduler({ seed: 7 });
 * const store = tasks.wrap(memoryStore());
 * const answers = Promise.all([store.read("client-1"), store.nextDueAt()]);
 * console.assert(tasks.pending().length === 2);
 * await tasks.runAll();
 * await answers;
 * ```
 */
export function scheduler(options: SchedulerOptions = {}): Scheduler {
  const { seed = 0, replies = "together" } = options;
  const chance = random(seed);
  const held: HeldTask[] = [];
  let lastId = 0;

  const hold = (kind: ScheduledTask["kind"], call: InterceptedCall): Promise<void> =>
    new Promise((resolve) => held.push({ ...call, kind, id: ++lastId, release: resolve }));
  const through = async <Result>(call: InterceptedCall, run: () => Promise<Result>): Promise<Result> => {
    await hold("call", call);
    try {
      return await run();
    } finally {
      if (replies === "apart") await hold("reply", call);
    }
  };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS_TO_SETTLE; turn++) await undefined;
  };
  const runOne = async (id?: number): Promise<ScheduledTask | undefined> => {
    await settle();
    const index = id === undefined ? chance.below(held.length) : held.findIndex((task) => task.id === id);
    const [task] = index === -1 ? [] : held.splice(index, 1);
    if (task === undefined) return undefined;
    task.release();
    await settle();
    const { release: _, ...told } = task;
    return told;
  };

  return {
    wrap: (target) => intercept(target, through),
    schedule: (name, run) => through({ name, args: [] }, run),
    pending: () => held.map(({ release: _, ...task }) => task),
    runOne,
    runAll: async (limit = 100_000) => {
      let released = 0;
      while (await runOne() !== undefined) {
        if (++released >= limit) throw new Error(`Cannot run all: ${limit} tasks and no end (seed ${seed})`);
      }
      return released;
    },
    settle,
  };
}
