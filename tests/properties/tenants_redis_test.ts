import assert from "node:assert/strict";
import fc from "fast-check";
import { openRig } from "../unit/stores/upstash_redis/redis_kit.ts";
import { PREFIXES, prefixesApart, principalsApart, traffic } from "./support/tenants.ts";

const RUNS = { numRuns: 25 };

Deno.test("tenants of a store in Redis are kept apart by principal", async () => {
  await using rig = await openRig({ locking: "accept" });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(traffic, (run) => principalsApart(rig.store({ prefix: `run${++runs}` }), run)),
    RUNS,
  );
});

Deno.test("tenants of a Redis database are kept apart by prefix, and each writes below its own", async () => {
  await using rig = await openRig({ locking: "accept" });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(traffic, fc.constantFrom(...PREFIXES), async (run, [one, two]) => {
      runs++;
      await prefixesApart([rig.store({ prefix: `${one}${runs}` }), rig.store({ prefix: `${two}${runs}` })], run);
    }),
    RUNS,
  );
  const strays = (await rig.keys()).filter((key) => !/^[tT][^/]*\//.test(key));
  assert.deepEqual(strays, []);
});
