import { movingClient } from "./suites/moving_client.ts";
import { UPSTASH_REDIS } from "./support/redis_data.ts";

movingClient(UPSTASH_REDIS);
