import { lostNews } from "./suites/lost_news.ts";
import { UPSTASH_REDIS } from "./support/redis_store.ts";

lostNews(UPSTASH_REDIS);
