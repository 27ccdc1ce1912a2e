import { commitFaults } from "./suites/commit.ts";
import { REDIS_STORES } from "./support/redis_store.ts";

for (const kind of REDIS_STORES) commitFaults(kind);
