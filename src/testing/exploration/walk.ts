/**
 * Walks all schedules of a small world, depth first: every run starts from a fresh store, goes the way of the last one up
 * to the latest place where there was another choice, and on from there.
 *
 * Two things keep the walk small, and neither hides a state.
 *
 * States that were seen are not gone through again. A state is what is stored, what the store remembers, and what each actor
 * was told (see `World.key`): an actor is a function of what it was told, so all that can follow is the same.
 *
 * Sleep sets (Godefroid): two steps that do not touch the same data, of two actors, may change places without a difference.
 * After the schedules that begin with the one have been walked, those that begin with the other leave the one asleep until
 * a step comes that it might conflict with. With states that are kept, the sleep set of a visit is kept too, and a later
 * visit that has less asleep walks what the earlier one left out. A crash touches nothing, so it is walked only where its
 * actor stopped. What is left out are runs between the same states.
 *
 * So each state, and each step that leaves it by a way that is walked, is looked at. One thing hangs on the way: a call that
 * changed nothing is compared with the states that were there while it went on, on the way that first led to its answer.
 */
import { conflict, type Footprint, TOUCHES_NOTHING } from "./footprint.ts";
import { Violation } from "./referee.ts";
import { type Choice, digitOf, nameOf } from "./schedule.ts";
import { type Ground, type Rest, World } from "./world.ts";

/** How far a walk goes. */
export interface Bounds {
  /** The most choices in a schedule. */
  readonly depth: number;
  /** The most faults in a schedule. */
  readonly faults: number;
}

/** What a walk came to. */
export interface WalkCounts {
  /** Runs that came to their end. */
  schedules: number;
  /** Runs that came to a state that was known. */
  pruned: number;
  /** Runs that were cut off. */
  cutOff: number;
  /** Different states. */
  states: number;
  /** Different states in which all actors have ended. */
  ends: number;
  /** The most choices of a run. */
  longest: number;
}

/** A choice as far as its order matters. */
interface Step {
  readonly name: string;
  readonly digit: string;
  readonly actor: number;
  readonly isFault: boolean;
  readonly ordinal: number;
  readonly footprint: Footprint;
}

interface Node {
  readonly rest: Rest;
  readonly faultsLeft: number;
  /** What is still to be walked. */
  readonly steps: readonly Step[];
  /** Which of them is walked. */
  at: number;
  /** Steps that need not be walked from here. */
  readonly sleep: Map<string, Step>;
}

/** A walk of one small world. */
export class Walk {
  readonly #ground: Ground;
  readonly #bounds: Bounds;
  readonly #path: Node[] = [];
  /** By the state: what slept when it was walked. */
  readonly #seen = new Map<string, ReadonlySet<string>>();
  /** Ends whose finales were played. */
  readonly #ends = new Set<string>();
  readonly counts: WalkCounts = { schedules: 0, pruned: 0, cutOff: 0, states: 0, ends: 0, longest: 0 };

  constructor(ground: Ground, bounds: Bounds) {
    this.#ground = ground;
    this.#bounds = bounds;
  }

  /** Walks all of it. Rejects with a {@linkcode Found} at the first fault. */
  async all(): Promise<WalkCounts> {
    do await this.#run(); while (this.#turn());
    return this.counts;
  }

  /** One run. */
  async #run(): Promise<void> {
    let world: World | undefined;
    try {
      world = await World.open(this.#ground, this.#path[0]?.rest);
      for (const [depth, node] of this.#path.entries()) {
        await world.take(stepOf(node).name, node.faultsLeft, this.#path[depth + 1]?.rest);
      }
      while (!this.#isOver() && this.#extend(world)) {
        const node = this.#last();
        await world.take(stepOf(node).name, node.faultsLeft);
      }
      if (this.#isOver()) this.counts.schedules++;
      this.counts.longest = Math.max(this.counts.longest, this.#path.length);
    } catch (cause) {
      if (!(cause instanceof Violation)) throw cause;
      throw new Found(cause, this.#path.map((node) => stepOf(node).digit).join(""), world?.lines());
    } finally {
      await world?.close();
    }
  }

  /** Whether the last choice was that of a finale. */
  #isOver(): boolean {
    const last = this.#path.at(-1);
    return last !== undefined && stepOf(last).name.startsWith("finale");
  }

  /** Adds the state that the run has come to, if anything is to be walked from there. */
  #extend(world: World): boolean {
    const parent = this.#path.at(-1);
    const taken = parent && stepOf(parent);
    const faultsLeft = (parent?.faultsLeft ?? this.#bounds.faults) - (taken?.isFault ? 1 : 0);
    const sleep = new Map<string, Step>();
    for (const [name, step] of parent?.sleep ?? []) {
      if (taken === undefined || !mayMatter(step, taken)) sleep.set(name, step);
    }
    const steps = world.choices(faultsLeft).map(asStep);
    const key = `${faultsLeft}|${world.key()}`;
    const slept = this.#seen.get(key);
    if (slept === undefined) this.counts.states++;
    if (steps.some(({ name }) => name.startsWith("finale"))) {
      // All that are left are the store and those who play the finale.
      const end = world.endKey();
      if (this.#ends.has(end)) {
        this.counts.pruned++;
        return false;
      }
      this.#ends.add(end);
      this.counts.ends++;
    }
    const left = steps.filter(({ name }) => !sleep.has(name) && (slept === undefined || slept.has(name)));
    if (slept !== undefined) { for (const name of sleep.keys()) if (!slept.has(name)) sleep.delete(name); }
    if (left.length === 0) {
      this.counts.pruned++;
      if (slept === undefined) this.#seen.set(key, new Set(sleep.keys()));
      return false;
    }
    if (this.#path.length >= this.#bounds.depth) {
      this.counts.cutOff++;
      return false;
    }
    this.#seen.set(key, new Set(sleep.keys()));
    this.#path.push({ rest: world.rest(), faultsLeft, steps: left, at: 0, sleep });
    return true;
  }

  /** Goes back to the latest place with another choice; whether there is one. */
  #turn(): boolean {
    for (let node = this.#path.at(-1); node !== undefined; node = this.#path.at(-1)) {
      const walked = stepOf(node);
      node.sleep.set(walked.name, walked);
      if (++node.at < node.steps.length) return true;
      this.#path.pop();
    }
    return false;
  }

  #last(): Node {
    const node = this.#path.at(-1);
    if (node === undefined) throw new Error("Cannot explore: there is no way");
    return node;
  }
}

/** A fault that was found, and how to come there again. */
export class Found extends Error {
  readonly digits: string;
  readonly lines: readonly string[];

  constructor(cause: Violation, digits: string, lines: readonly string[] | undefined) {
    super(cause.message, { cause });
    this.digits = digits;
    this.lines = lines ?? cause.lines ?? [];
  }
}

/** Plays one schedule, by the numbers of its choices. */
export async function play(ground: Ground, faults: number, choices: readonly number[]): Promise<void> {
  let world: World | undefined;
  let faultsLeft = faults;
  let done = "";
  try {
    world = await World.open(ground);
    for (const index of choices) {
      const choice = world.choices(faultsLeft)[index];
      if (choice === undefined) {
        throw new RangeError(`Cannot play the schedule: after ${done || "nothing"} no ${index}`);
      }
      done += digitOf(index);
      await world.take(nameOf(choice), faultsLeft);
      if (choice.type === "crash" || choice.type === "lost") faultsLeft--;
    }
  } catch (cause) {
    if (!(cause instanceof Violation)) throw cause;
    throw new Found(cause, done, world?.lines());
  } finally {
    await world?.close();
  }
}

function stepOf(node: Node): Step {
  // `at` is below the number of steps as long as the node is in the path.
  return node.steps[node.at] as Step;
}

function asStep(choice: Choice, index: number): Step {
  const bare = { name: nameOf(choice), digit: digitOf(index), isFault: choice.type !== "call" };
  if (choice.type === "finale") return { ...bare, actor: -1, isFault: false, ordinal: 0, footprint: TOUCHES_NOTHING };
  if (choice.type === "crash") return { ...bare, actor: choice.actor, ordinal: 0, footprint: TOUCHES_NOTHING };
  return { ...bare, actor: choice.actor, ordinal: choice.call.ordinal, footprint: choice.call.footprint };
}

/** Whether the order of two steps may matter. */
function mayMatter(a: Step, b: Step): boolean {
  // Few faults are left for all.
  if (a.isFault && b.isFault) return true;
  // Calls of one actor that wait together were made together.
  if (a.actor === b.actor && (a.ordinal === b.ordinal || a.ordinal === 0 || b.ordinal === 0)) return true;
  return conflict(a.footprint, b.footprint);
}
