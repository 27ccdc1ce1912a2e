import { retained } from "./suites/retained.ts";
import { UPSTASH_REDIS } from "./support/redis_data.ts";

retained(UPSTASH_REDIS);
