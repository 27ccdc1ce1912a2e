import { commitFaults } from "./suites/commit.ts";
import { UPSTASH_REDIS } from "./support/redis_store.ts";

commitFaults(UPSTASH_REDIS);
