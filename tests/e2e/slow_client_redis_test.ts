import { hastyClient, muteClient } from "./suites/slow_client.ts";
import { UPSTASH_REDIS } from "./support/redis_data.ts";

muteClient(UPSTASH_REDIS);
hastyClient(UPSTASH_REDIS);
