// One value holds all that a client's store keeps. The whole store of a broker stands on the same driver here, so that
// every promise of the driver is asked.
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { cloudflareKvDriver } from "../../src/stores/cloudflare_kv/mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { compareStores, plantFault, random, storeConformance, type StoreUnderTest } from "../../src/testing/mod.ts";
import { WorkersKv } from "../support/workers_kv.ts";

const CAPABILITIES = { fencing: "none", durability: "replicated", consistency: "eventual", watch: "none" } as const;

function subject(): StoreUnderTest {
  const kv = new WorkersKv();
  const place = kv.place();
  const newId = random(1).id;
  let driver = cloudflareKvDriver(place, { key: "sessions", clock: kv.clock });
  // Each receiver is a write of the whole, here: few do.
  const open = () => keyValueStore(driver, { capabilities: CAPABILITIES, newId, maxReceiversPerCommit: 7 });
  return {
    store: open(),
    close: () => {},
    reopen: () => {
      driver = cloudflareKvDriver(place, { key: "sessions", clock: kv.clock });
      return Promise.resolve(open());
    },
    plant: (fault) => plantFault(driver, fault),
  };
}

storeConformance({ test: Deno.test, name: "Workers KV", store: () => Promise.resolve(subject()) });

Deno.test("Workers KV answers and holds what the memory store does, on random histories", async () => {
  for (let seed = 1; seed <= 2; seed++) await compareStores(memoryStore(), subject().store, { seed, steps: 100 });
});
