import { lostOwner } from "./suites/lost_owner.ts";
import { UPSTASH_REDIS } from "./support/redis_store.ts";

lostOwner(UPSTASH_REDIS);
