import { shutdown } from "./suites/shutdown.ts";
import { UPSTASH_REDIS } from "./support/redis_data.ts";

shutdown(UPSTASH_REDIS);
