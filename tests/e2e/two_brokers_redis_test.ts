import { twoBrokers } from "./suites/two_brokers.ts";
import { UPSTASH_REDIS } from "./support/redis_data.ts";

twoBrokers(UPSTASH_REDIS);
