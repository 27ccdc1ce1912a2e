/**
 * Searches seeds for a run in which something is violated, and makes what it finds small.
 *
 * @module
 */
import { timeline } from "./oracle/timeline.ts";
import type { Violation } from "./oracle/observation.ts";
import type { Plan } from "./plan/plan.ts";
import { shrinkPlan } from "./plan/shrink.ts";
import { planOf } from "./plan/worlds.ts";
import { play } from "./play.ts";

/** What a search found. */
export interface Found {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

/** How a search went. */
export interface Search {
  readonly runs: number;
  readonly found: readonly Found[];
  readonly counts: ReadonlyMap<string, number>;
}

/** Plays one seed. What is thrown is a violation too: nothing in a run may throw. */
export async function playSeed(seed: number): Promise<{
  readonly violations: readonly Violation[];
  readonly counts: ReadonlyMap<string, number>;
}> {
  return await violationsOf(planOf(seed));
}

async function violationsOf(
  plan: Plan,
): Promise<{ readonly violations: readonly Violation[]; readonly counts: ReadonlyMap<string, number> }> {
  try {
    return await play(plan);
  } catch (error) {
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    return { violations: [{ rule: "nothing throws", at: 0, client: "", message }], counts: new Map() };
  }
}

/** Plays runs, one seed each, until all are done. */
export async function search(from: number, runs: number, onFound: (found: Found) => void = () => {}): Promise<Search> {
  const found: Found[] = [];
  const counts = new Map<string, number>();
  for (let seed = from; seed < from + runs; seed++) {
    const outcome = await playSeed(seed);
    for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    if (outcome.violations.length === 0) continue;
    const one = { seed, violations: outcome.violations };
    found.push(one);
    onFound(one);
  }
  return { runs, found, counts };
}

/** The smallest plan that still breaks the same rule, and all that is seen of it. */
export async function explain(seed: number): Promise<string> {
  const plan = planOf(seed);
  const { violations } = await violationsOf(plan);
  const [first] = violations;
  if (first === undefined) return `seed ${seed} violates nothing`;
  const breaksIt = async (smaller: Plan): Promise<boolean> =>
    (await violationsOf(smaller)).violations.some(({ rule }) => rule === first.rule);
  const small = await shrinkPlan(plan, breaksIt);
  const seen = await play(small, { isTold: true }).catch(() => undefined);
  const { actions, faults, ...rest } = small;
  return [
    `seed ${seed} violates:`,
    ...violations.map(({ rule, client, message }) => `  ${rule}: ${client} ${message}`),
    "the smallest plan that does:",
    `  ${JSON.stringify(rest)}`,
    ...faults.map((fault) => `  fault ${JSON.stringify(fault)}`),
    ...actions.map((action) => `  ${JSON.stringify(action)}`),
    "what happens in it:",
    ...(seen === undefined ? [] : [timeline(seen.observations), ...seen.violations.map(tell)]),
  ].join("\n");
}

function tell({ rule, client, message }: Violation): string {
  return `VIOLATED ${rule}: ${client} ${message}`;
}
