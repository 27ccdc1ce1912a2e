import { secrets } from "./suites/secrets.ts";
import { REDIS_STORES } from "./support/redis_store.ts";

for (const kind of REDIS_STORES) secrets(kind);
