import { mqttjs } from "./suites/mqttjs.ts";
import { UPSTASH_REDIS } from "./support/redis_data.ts";

mqttjs(UPSTASH_REDIS);
