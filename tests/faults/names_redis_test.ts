import { names } from "./suites/names.ts";
import { UPSTASH_REDIS } from "./support/redis_store.ts";

names(UPSTASH_REDIS);
