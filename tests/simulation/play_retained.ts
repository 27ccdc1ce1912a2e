/** Plays a world of retained messages, and asks their oracle. */
import type { Observation, Violation, WorldBounds } from "./oracle/observation.ts";
import { RetainedOracle } from "./oracle/retained.ts";
import type { Plan } from "./plan/plan.ts";
import { preload } from "./world/preload.ts";
import { World } from "./world/world.ts";

/** So long after all has healed everything owed has arrived, in milliseconds. */
const QUIET_MS = 90_000;

/** How a run went. */
export interface RetainedOutcome {
  readonly violations: readonly Violation[];
  /** How many topics of clients were judged. */
  readonly judged: number;
  readonly counts: ReadonlyMap<string, number>;
  /** What was seen; empty unless it was asked for. */
  readonly observations: readonly Observation[];
  /** How many things happened. */
  readonly happened: number;
}

/** Plays a plan of such a world. */
export async function playRetained(plan: Plan, bounds: WorldBounds, isTold = false): Promise<RetainedOutcome> {
  const { networkMs, clockMs, effectMs = 0 } = bounds;
  const lateMs = networkMs + effectMs + 2 * clockMs;
  const oracle = new RetainedOracle(plan.store.delivery === "commit" && plan.store.maxReceivers === undefined, lateMs);
  const world = new World(plan, (observation) => oracle.see(observation), isTold);
  await preload(plan, world);
  await world.live();
  await world.heal(QUIET_MS);
  oracle.finish(world.time.now);
  const { observations, counts } = world.journal;
  const { happened } = world.time;
  return { violations: oracle.violations, judged: oracle.judged, counts, observations, happened };
}
