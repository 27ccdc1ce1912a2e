/** Scripts touch only what they name in KEYS, so that a server can lock those; and both kinds of servers are served. */
import assert from "node:assert/strict";
import { SessionError } from "../../../../src/errors.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { compareStores } from "../../../../src/testing/mod.ts";
import type { UpstashRedisStoreOptions } from "../../../../src/stores/upstash_redis/mod.ts";
import { receiver, START } from "../../../../src/testing/conformance/kit.ts";
import { openRig, type Rig } from "./redis_kit.ts";

/** What random histories do not bring about. */
async function rareTraffic(rig: Rig): Promise<void> {
  const store = rig.store({ prefix: "rare", maxReceiversPerCommit: 1 });
  const kit = rig.kit(store);
  const long = await kit.subscribe(await kit.open("x".repeat(300)), "t");
  const other = await kit.open("other");
  await kit.deliver([receiver(long), receiver(other)]);
  const log = (await rig.keys()).find((key) => key.startsWith("rare/") && key.includes("~") && key.endsWith("log"));
  await rig.run("HSET", log ?? "", "1", "spoiled");
  const page = await store.readQueue(long.guard, { after: 0, messages: 10, bytes: 1_000 });
  assert.equal(page.unreadable, 1);
  await store.matchSubscriptions(["t"]);
  const outboxes = (await store.listDue(START, { limit: 10, graceMs: 0 })).filter(({ type }) => type === "outbox");
  assert.equal(outboxes.length, 1);
  await kit.tryAcquire("other", { terms: { mustBeNew: true } });
  await kit.tryAcquire("other", { principal: "another" });
  for await (const _ of ["nobody", "other"]) await store.directory.inspect(_);
  await store.renewNode("node-a", 0);
  await store.renewNode("unused", 1);
  await store.renewNode("unused", 0);
  await store.listDue(START * 2, { limit: 10, graceMs: 0 });
  await kit.change(other, [{ type: "endSession", reason: "administrative" }]);
  await store.nextDueAt();
}

Deno.test("every key that a script touches stands in KEYS, whatever traffic there is", async () => {
  await using rig = await openRig({ locking: "accept" });
  const reading = await rig.upstash.meter.measure(async () => {
    for (let seed = 1; seed <= 12; seed++) {
      await compareStores(memoryStore(), rig.store({ prefix: `p${seed}` }), { seed, steps: 120 });
    }
    await rareTraffic(rig);
  });
  assert.deepEqual(reading.keysOutsideKeys, []);
  assert.ok(reading.scriptCalls > 5_000, `${reading.scriptCalls} calls`);
  assert.deepEqual(Object.keys(reading.byName).sort(), ["EVAL", "EVALSHA", "HMGET", "ZRANGE"]);
});

const SERVED: readonly (readonly [locking: "accept" | "refuse", options: UpstashRedisStoreOptions])[] = [
  ["refuse", {}],
  ["refuse", { keyLocking: false }],
  ["accept", {}],
  ["accept", { keyLocking: true }],
  ["accept", { keyLocking: false }],
];

for (const [locking, options] of SERVED) {
  Deno.test(`a server that ${locking}s the flag serves a store with ${JSON.stringify(options)}`, async () => {
    await using rig = await openRig({ locking });
    const flags: boolean[] = [];
    rig.upstash.faults.add({ kind: "hold", applied: false }, {
      when: ({ body }) => {
        if (/"eval"/i.test(body)) flags.push(body.includes("allow-key-locking"));
        return false;
      },
      times: Infinity,
    });
    await compareStores(memoryStore(), rig.store(options), { seed: 7, steps: 60 });
    const wanted = options.keyLocking ?? locking === "accept";
    assert.equal(flags.at(-1), wanted);
    if (options.keyLocking !== undefined || wanted) assert.deepEqual(new Set(flags), new Set([wanted]));
  });
}

Deno.test("a server that refuses the flag is told so, where it was insisted upon, and nothing is stored", async () => {
  await using rig = await openRig({ locking: "refuse" });
  const store = rig.store({ keyLocking: true });
  await assert.rejects(rig.kit(store).open("client"), (error) => {
    assert.ok(error instanceof SessionError);
    assert.equal(error.code, "STORE_UNAVAILABLE");
    assert.match(error.message, /^Cannot acquire a session: the server refuses the flag that keyLocking/);
    return true;
  });
  assert.deepEqual(await rig.keys(), []);
});
