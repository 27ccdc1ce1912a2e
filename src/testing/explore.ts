import { Names } from "./exploration/names.ts";
import type { Scenario } from "./exploration/scenario.ts";
import { SCENARIOS } from "./exploration/scenarios.ts";
import { readSchedule } from "./exploration/schedule.ts";
import { Found, play, Walk } from "./exploration/walk.ts";
import type { ExploredStore, Ground } from "./exploration/world.ts";

/** What an exploration is about, and how far it goes. */
export interface ExploreOptions {
  /** What the store is called when something is found. */
  readonly name: string;
  /** Makes an empty store, once for each run. */
  readonly make: () => Promise<ExploredStore> | ExploredStore;
  /** The small worlds, by name. Default: all. */
  readonly scenarios?: readonly string[];
  /**
   * How many act at the same time: each so many of a scenario's actors are a world of their own, and the others stand
   * by. Default: all of them.
   */
  readonly together?: number;
  /** The most faults in one run: actors that crash, and answers that are lost. Default: 1. */
  readonly faults?: number;
  /** The most choices in one run; a run that needs more is cut off. Default: no limit. */
  readonly depth?: number;
  /** Plays this one schedule, as a failure told it, and no other. */
  readonly schedule?: string;
}

/** What was explored of one world. */
export interface ExploredWorld {
  /** The scenario, and who acted in it: `takeover/first,second`. */
  readonly world: string;
  /** Runs that came to their end. */
  readonly schedules: number;
  /** Runs that came to a state from which everything was known. */
  readonly pruned: number;
  /** Runs that were cut off at the depth. */
  readonly cutOff: number;
  /** Different states. */
  readonly states: number;
  /** Different states in which all had ended. */
  readonly ends: number;
  /** The most choices in one run. */
  readonly longest: number;
}

/** What was explored. */
export interface ExploreReport extends Omit<ExploredWorld, "world"> {
  /** Whether nothing was cut off: every order of every call was tried, with every fault. */
  readonly complete: boolean;
  /** World by world. */
  readonly worlds: readonly ExploredWorld[];
}

/**
 * The names of the small worlds: a takeover of a full queue, Clean Start against a disconnect, acquires and batches that are
 * repeated, Will and expiry that fall due, a lapsed node, an unrouted message that two work off, an ended session that two
 * sweep, publishers at a full queue, and an owner that appends to its own log by what it remembers of it.
 */
export const EXPLORED_SCENARIOS: readonly string[] = SCENARIOS.map(({ name }) => name);

/**
 * Lets owners, publishers and deadline workers act on one session, in every order of all their awaits and with every crash
 * and lost answer, and looks at each step whether the store keeps the promises of its port.
 *
 * What each step changes must be what the call in progress means, all of it and once; what is answered must have been so; and
 * at each end what is left must still be a session that works, and come to its end by time alone. Rejects with an `Error`
 * that tells the schedule, and how to play it again.
 *
 * A store that answers through `gate.wrap(store)` is explored call by call. One that stands on a driver or a client is better
 * explored by the calls below, `gate.wrap(driver)`: then a call of the store is no longer one step, and `contents` has to
 * tell what is stored.
 *
 * @example
 * ```ts
 * import { memoryStore } from "@edge-mqtt/session/memory";
 * import { exploreStore } from "@edge-mqtt/session/testing";
 *
 * const report = await exploreStore({
 *   name: "memory",
 *   make: () => {
 *     const store = memoryStore();
 *     return { open: (gate) => gate.wrap(store) };
 *   },
 *   scenarios: ["takeover"],
 *   together: 2,
 * });
 * console.assert(report.complete && report.states > 100);
 * ```
 */
export async function exploreStore(options: ExploreOptions): Promise<ExploreReport> {
  const { faults = 1, depth = Infinity, schedule } = options;
  const channel = new MessageChannel();
  let drained = (): void => {};
  channel.port1.onmessage = () => drained();
  // A message comes when all promises have had their turns: whoever waits for nothing else has gone on.
  const drain = (): Promise<void> =>
    new Promise((resolve) => {
      drained = resolve;
      channel.port2.postMessage(0);
    });
  const worlds: ExploredWorld[] = [];
  try {
    for (const { world, ...ground } of worldsOf(options)) {
      const whole: Ground = { ...ground, make: options.make, names: new Names(), looks: new Map(), drain };
      try {
        if (schedule === undefined) worlds.push({ world, ...await new Walk(whole, { depth, faults }).all() });
        else await play(whole, faults, readSchedule(schedule).choices);
      } catch (found) {
        throw found instanceof Found ? failure(options.name, world, found) : found;
      }
    }
  } finally {
    channel.port1.close();
    channel.port2.close();
  }
  return total(worlds);
}

/** The worlds that are asked for. */
function worldsOf(options: ExploreOptions): (Pick<Ground, "scenario" | "actors"> & { readonly world: string })[] {
  if (options.schedule !== undefined) {
    const { world } = readSchedule(options.schedule);
    const [name = "", actors = ""] = world.split("/");
    return [{ world, scenario: scenarioOf(name), actors: actors.split(",") }];
  }
  return (options.scenarios ?? EXPLORED_SCENARIOS).flatMap((name) => {
    const scenario = scenarioOf(name);
    const parts = Object.keys(scenario.parts);
    const count = Math.min(options.together ?? parts.length, parts.length);
    return choose(parts, count).map((actors) => ({ world: `${name}/${actors.join()}`, scenario, actors }));
  });
}

function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) throw new RangeError(`Cannot explore: there is no scenario ${JSON.stringify(name)}`);
  return scenario;
}

/** All ways to choose so many, in order. */
function choose(names: readonly string[], count: number): string[][] {
  if (count === 0) return [[]];
  return names.flatMap((name, index) => choose(names.slice(index + 1), count - 1).map((rest) => [name, ...rest]));
}

function failure(name: string, world: string, { message, digits, lines, cause }: Found): Error {
  const again = `exploreStore({ …, schedule: ${JSON.stringify(`${world}:${digits}`)} })`;
  return new Error(`${name} breaks a promise in ${world}: ${message}\n${lines.join("\n")}\nAgain: ${again}`, { cause });
}

function total(worlds: readonly ExploredWorld[]): ExploreReport {
  const sum = (count: (world: ExploredWorld) => number): number => worlds.reduce((all, world) => all + count(world), 0);
  const cutOff = sum((world) => world.cutOff);
  return {
    complete: cutOff === 0,
    schedules: sum((world) => world.schedules),
    pruned: sum((world) => world.pruned),
    cutOff,
    states: sum((world) => world.states),
    ends: sum((world) => world.ends),
    longest: Math.max(0, ...worlds.map((world) => world.longest)),
    worlds,
  };
}
