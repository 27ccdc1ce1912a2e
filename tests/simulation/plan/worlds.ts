/** Which worlds have which seeds. */
import { AUTHENTICATION_FROM, withAuthentication } from "./authentication.ts";
import { drawPlan, drawPlanWithoutPages } from "./draw.ts";
import { drawGroupPlan, GROUPS_FROM } from "./groups.ts";
import type { Plan } from "./plan.ts";
import { QUOTAS_FROM, withQuota } from "./quotas.ts";
import { drawRetainedPlan, RETAINED_FROM } from "./retained.ts";

/** The plan of a seed. */
export function planOf(seed: number): Plan {
  if (seed >= AUTHENTICATION_FROM) return withAuthentication(drawPlanWithoutPages(seed));
  if (seed >= QUOTAS_FROM) return withQuota(drawPlanWithoutPages(seed));
  if (seed >= GROUPS_FROM) return drawGroupPlan(seed);
  return seed >= RETAINED_FROM ? drawRetainedPlan(seed) : withAuthentication(withQuota(drawPlan(seed)));
}
