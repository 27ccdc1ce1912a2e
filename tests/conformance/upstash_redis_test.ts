import { upstashRedisStore } from "../../src/stores/upstash_redis/mod.ts";
import { storeConformance, type StoreUnderTest } from "../../src/testing/mod.ts";
import { startRedis } from "../support/redis/redis_server.ts";
import { startUpstash } from "../support/redis/upstash_server.ts";

/** A store on a server of its own, which is emptied for each case. */
async function onUpstash(): Promise<StoreUnderTest> {
  const redis = await startRedis();
  const upstash = await startUpstash({ redis });
  const open = () => upstashRedisStore({ url: upstash.url, token: upstash.token });
  return {
    store: open(),
    close: async () => {
      await upstash[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
    reopen: () => Promise.resolve(open()),
  };
}

storeConformance({ test: Deno.test, name: "Upstash Redis", store: onUpstash });
