import { crash } from "./suites/crash.ts";
import { UPSTASH_REDIS } from "./support/redis_data.ts";

crash(UPSTASH_REDIS);
