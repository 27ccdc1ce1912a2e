/** Which worlds have which seeds. */
import { drawPlan, drawPlanWithoutPages } from "./draw.ts";
import { drawGroupPlan, GROUPS_FROM } from "./groups.ts";
import type { Plan } from "./plan.ts";
import { QUOTAS_FROM, withQuota } from "./quotas.ts";
import { drawRetainedPlan, RETAINED_FROM } from "./retained.ts";

/** The plan of a seed. */
export function planOf(seed: number): Plan {
  if (seed >= QUOTAS_FROM) return withQuota(drawPlanWithoutPages(seed));
  if (seed >= GROUPS_FROM) return drawGroupPlan(seed);
  return seed >= RETAINED_FROM ? drawRetainedPlan(seed) : withQuota(drawPlan(seed));
}
