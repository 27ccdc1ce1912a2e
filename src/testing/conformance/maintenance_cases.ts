import { EXAMINING_CASES } from "./examining_cases.ts";
import type { ConformanceCase } from "./kit.ts";
import { RESTORING_CASES } from "./restoring_cases.ts";

/** What is asked of the maintenance of a store, where it has any. */
export const MAINTENANCE_CASES: readonly ConformanceCase[] = [...RESTORING_CASES, ...EXAMINING_CASES].map((each) => ({
  ...each,
  applies: (capabilities, subject) =>
    subject.store.maintenance !== undefined && each.applies?.(capabilities, subject) !== false,
}));
