/**
 * The programs in a page.
 *
 * @module
 */
import { type Outcomes, useAll } from "./entry_points.ts";
import type { Surroundings } from "./support/surroundings.ts";

/** What the page is asked. */
export function outcomes(surroundings: Surroundings): Promise<Outcomes> {
  return useAll("Chromium", surroundings);
}
