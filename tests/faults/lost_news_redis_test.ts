import { lostNews } from "./suites/lost_news.ts";
import { REDIS_STORES } from "./support/redis_store.ts";

for (const kind of REDIS_STORES) lostNews(kind);
