import assert from "node:assert/strict";
import { keyValueStore } from "../../../../src/store/key_value/mod.ts";
import { cloudflareKvDriver } from "../../../../src/stores/cloudflare_kv/mod.ts";
import { storeConformance, type StoreUnderTest } from "../../../../src/testing/mod.ts";
import { WorkersKv } from "../../../support/workers_kv.ts";

/** Workers KV, which two places have open, under a claim. */
function claiming(claim: { readonly fencing: "strict" | "none"; readonly consistency: "strong" | "eventual" }) {
  return (): Promise<StoreUnderTest> => {
    const kv = new WorkersKv();
    const open = () =>
      keyValueStore(cloudflareKvDriver(kv.place(), { key: "k", clock: kv.clock }), {
        capabilities: { ...claim, durability: "replicated", watch: "none" },
      });
    return Promise.resolve({ store: open(), close: () => {}, beside: () => Promise.resolve(open()) });
  };
}

/** The names of the cases about two processes that it fails. */
async function failures(store: () => Promise<StoreUnderTest>): Promise<readonly string[]> {
  const cases: { readonly name: string; readonly run: () => Promise<void> }[] = [];
  storeConformance({ test: (name, run) => cases.push({ name, run }), name: "it", store });
  const failed: string[] = [];
  for (const { name, run } of cases.filter(({ name }) => /process/.test(name))) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

Deno.test("Workers KV that claims to fence fails the suite, and what it says of itself passes", async () => {
  assert.equal((await failures(claiming({ fencing: "strict", consistency: "strong" }))).length, 3);
  assert.deepEqual(await failures(claiming({ fencing: "none", consistency: "eventual" })), []);
});
