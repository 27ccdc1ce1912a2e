import { names } from "./suites/names.ts";
import { REDIS_STORES } from "./support/redis_store.ts";

for (const kind of REDIS_STORES) names(kind);
