import { atMostOnce, refusedPublish } from "./suites/at_most_once.ts";
import { REDIS, REDIS_CLUSTER } from "./support/redis_store.ts";

for (const kind of [REDIS, REDIS_CLUSTER]) atMostOnce(kind);
// In a cluster receivers are served from the outbox: nobody refuses while the publisher waits.
refusedPublish(REDIS);
