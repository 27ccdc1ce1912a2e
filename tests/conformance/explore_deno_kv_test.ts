import assert from "node:assert/strict";
import { denoKvDriver } from "../../src/stores/deno_kv.ts";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { driverRows, exploreStore } from "../../src/testing/mod.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "everywhere" } as const;

Deno.test("Deno KV keeps its promises in every order of the driver calls of any two", async () => {
  using kv = await Deno.openKv(":memory:");
  const driver = denoKvDriver(kv);
  const report = await exploreStore({
    name: "Deno KV",
    make: async () => {
      for (const { key } of await driverRows(driver)) await kv.delete([key]);
      return {
        // As `denoKvStore` does it, but that the driver stands behind a gate.
        open: (gate) => keyValueStore(gate.wrap(driver), { capabilities: CAPABILITIES, newId: () => "id" }),
        contents: () => driverRows(driver),
      };
    },
    together: 2,
    faults: 0,
  });
  assert.ok(report.complete);
  assert.ok(report.states >= 14_000, JSON.stringify(report));
});
