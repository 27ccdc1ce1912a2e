import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { upstashRedisStore } from "../../src/stores/upstash_redis/mod.ts";
import { compareStores, mapDriver, random, storeConformance, type StoreUnderTest } from "../../src/testing/mod.ts";
import { startRedisCluster } from "../support/redis/redis_cluster.ts";
import { startUpstash } from "../support/redis/upstash_server.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** Tests of one cluster, which takes seconds to form: each has a prefix of its own. */
Deno.test("Upstash Redis in a cluster", async (context) => {
  await using cluster = await startRedisCluster();
  await using upstash = startUpstash({ redis: cluster });
  let opened = 0;
  const subject = (): Promise<StoreUnderTest> => {
    const prefix = `case-${++opened}`;
    const open = () => upstashRedisStore({ url: upstash.url, token: upstash.token }, { prefix, cluster: true });
    return Promise.resolve({ store: open(), close: () => {}, reopen: () => Promise.resolve(open()) });
  };
  const cases: [string, () => Promise<void>][] = [];
  storeConformance({
    test: (name, run) => cases.push([name, run]),
    name: "Upstash Redis in a cluster",
    store: subject,
  });
  for (const [name, run] of cases) await context.step(name, run);

  await context.step("it answers and holds what the key-value store does, on random histories", async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const model = keyValueStore(mapDriver(), { capabilities: CAPABILITIES, newId: random(seed).id });
      const { store } = await subject();
      await compareStores(model, store, { seed, steps: 30 });
    }
  });
});
