import { upstashRedisStore } from "../../src/stores/upstash_redis/mod.ts";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { compareStores, mapDriver, random, storeConformance, type StoreUnderTest } from "../../src/testing/mod.ts";
import { plantInRedis } from "../support/redis/plant_fault.ts";
import { startRedis } from "../support/redis/redis_server.ts";
import { startUpstash } from "../support/redis/upstash_server.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

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
    beside: () => Promise.resolve(open()),
    plant: (fault) => plantInRedis(redis, fault),
  };
}

storeConformance({ test: Deno.test, name: "Upstash Redis", store: onUpstash });

Deno.test("Upstash Redis answers and holds what the key-value store does, on 1 000 random histories", async () => {
  const redis = await startRedis();
  const upstash = await startUpstash({ redis });
  const seeds = Array.from({ length: 1_000 }, (_, index) => index + 1);
  const work = async (): Promise<void> => {
    for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
      const model = keyValueStore(mapDriver(), { capabilities: CAPABILITIES, newId: random(seed).id });
      const subject = upstashRedisStore({ url: upstash.url, token: upstash.token }, { prefix: `history-${seed}` });
      await compareStores(model, subject, { seed, steps: 30 });
    }
  };
  try {
    await Promise.all(Array.from({ length: 4 }, work));
  } finally {
    await upstash[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  }
});
