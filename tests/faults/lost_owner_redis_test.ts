import { lostOwner } from "./suites/lost_owner.ts";
import { REDIS_STORES } from "./support/redis_store.ts";

for (const kind of REDIS_STORES) lostOwner(kind);
