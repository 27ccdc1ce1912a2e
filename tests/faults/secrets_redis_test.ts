import { secrets } from "./suites/secrets.ts";
import { UPSTASH_REDIS } from "./support/redis_store.ts";

secrets(UPSTASH_REDIS);
