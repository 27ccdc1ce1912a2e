import { commitFaults } from "./suites/commit.ts";
import { STORES } from "./support/stores.ts";

for (const kind of STORES) commitFaults(kind);
