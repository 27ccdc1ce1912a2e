import { atMostOnce } from "./suites/at_most_once.ts";
import { UPSTASH_REDIS } from "./support/redis_store.ts";

atMostOnce(UPSTASH_REDIS);
