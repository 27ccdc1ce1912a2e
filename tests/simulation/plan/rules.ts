/** How messages of some topics wait in a world. */
import { random } from "../../../src/testing/mod.ts";
import type { BrokerPlan } from "./plan.ts";

const RULES_ONE_IN = 5;

/** In every fifth world, whatever else is drawn: so that worlds without rules stay as they were. */
export function drawRules(seed: number): Pick<BrokerPlan, "rules"> {
  if (seed % RULES_ONE_IN !== 0) return {};
  const chance = random(seed ^ 0x7c1d3);
  // From a source of its own, as what came later does.
  const levels = random(seed ^ 0x51e7);
  return {
    rules: chance.shuffle(["t/0", "t/+", "u/#", "#"]).slice(0, 1 + chance.below(2)).map((filter) => ({
      filter,
      ...(chance.chance(0.6) ? { keepLast: true } : {}),
      ...(chance.chance(0.3) ? { maximumMessages: 1 + chance.below(4) } : {}),
      whenFull: chance.pick(["dropOldest", "dropNewest"] as const),
      priority: chance.below(3),
      ...(levels.chance(0.3) ? { queueQos0: levels.chance(0.7) } : {}),
      ...(levels.chance(0.3) ? { upgradeQoS: true } : {}),
    })),
  };
}
