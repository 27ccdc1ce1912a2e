import assert from "node:assert/strict";
import fc from "fast-check";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { mapDriver, random } from "../../src/testing/mod.ts";
import { PREFIXES, prefixesApart, principalsApart, traffic } from "./support/tenants.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;
const RUNS = { numRuns: 60 };

function keyValue(driver = mapDriver(), prefix = "mqtt") {
  return keyValueStore(driver, { capabilities: CAPABILITIES, prefix, newId: random(1).id });
}

Deno.test("tenants of a memory store are kept apart by principal", async () => {
  await fc.assert(fc.asyncProperty(traffic, (run) => principalsApart(memoryStore(), run)), RUNS);
});

Deno.test("tenants of a key-value store are kept apart by principal", async () => {
  await fc.assert(fc.asyncProperty(traffic, (run) => principalsApart(keyValue(), run)), RUNS);
});

Deno.test("tenants of a key-value database are kept apart by prefix, and each writes below its own", async () => {
  await fc.assert(
    fc.asyncProperty(traffic, fc.constantFrom(...PREFIXES), async (run, prefixes) => {
      const driver = mapDriver();
      const [one, two] = prefixes;
      await prefixesApart([keyValue(driver, one), keyValue(driver, two)], run);
      for (const { key } of driver.entries()) {
        assert.ok(prefixes.some((prefix) => key.startsWith(`${prefix}/`)), `${key} stands below no prefix`);
      }
    }),
    RUNS,
  );
});
