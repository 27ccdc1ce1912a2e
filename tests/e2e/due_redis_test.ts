import { due } from "./suites/due.ts";
import { UPSTASH_REDIS } from "./support/redis_data.ts";

due(UPSTASH_REDIS);
