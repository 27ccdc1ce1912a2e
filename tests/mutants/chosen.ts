import { ADMIN_FAULTS } from "./chosen/admin.ts";
import { CLIENT_FAULTS } from "./chosen/client.ts";
import { HIBERNATION_FAULTS } from "./chosen/hibernation.ts";
import { MACHINE_FAULTS } from "./chosen/machine.ts";
import { RUNTIME_FAULTS } from "./chosen/runtime.ts";
import { SHARED_GROUP_FAULTS } from "./chosen/shared_groups.ts";
import { STORE_FAULTS } from "./chosen/store.ts";
import { UPSTASH_FAULTS } from "./chosen/upstash_redis.ts";
import type { ChosenFault } from "./mutant.ts";

/** All faults that were chosen: those that a person would make, and those that others made. */
export const CHOSEN_FAULTS: readonly ChosenFault[] = [
  ...HIBERNATION_FAULTS,
  ...MACHINE_FAULTS,
  ...STORE_FAULTS,
  ...UPSTASH_FAULTS,
  ...RUNTIME_FAULTS,
  ...CLIENT_FAULTS,
  ...ADMIN_FAULTS,
  ...SHARED_GROUP_FAULTS,
];
