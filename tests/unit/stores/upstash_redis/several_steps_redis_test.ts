/** What a call of several requests says when a later one is refused. */
import assert from "node:assert/strict";
import { message, receiver } from "../../../../src/testing/conformance/kit.ts";
import { upstashRedisRetained } from "../../../../src/stores/upstash_redis/mod.ts";
import type { SeenRequest } from "../../../support/redis/faults.ts";
import { openRig } from "./redis_kit.ts";

/** Nothing of a request that is refused so was carried out. */
const REFUSED = { kind: "answer", status: 429, body: '{"error":"ERR max requests limit exceeded"}' } as const;

function hasScript({ commands }: SeenRequest): boolean {
  return commands.some(([name]) => name?.startsWith("eval"));
}

Deno.test("a wide step of an outbox: a refusal behind the first request leaves the outcome unknown", async () => {
  await using rig = await openRig();
  const store = rig.store({ maxReceiversPerCommit: 3 });
  const kit = rig.kit(store);
  const sessions = [];
  for (let index = 0; index < 8; index++) sessions.push(await kit.open(`receiver-${index}`));
  const receivers = sessions.map((session) => receiver(session));
  const steps = [];
  for (let index = 0; index < 2; index++) {
    const id = kit.id("batch");
    await kit.commit({ id, deliveries: [{ message: message(), receivers: undefined }] });
    steps.push({
      deliveries: [{ message: message(), receivers }],
      outbox: { outboxId: id, number: 1, from: 0, to: receivers.length, receivers },
    });
  }
  const [first = {}, second = {}] = steps;
  // So that the server knows the scripts.
  await kit.commit(first);
  for (const [before, code] of [[0, "STORE_UNAVAILABLE"], [1, "OUTCOME_UNKNOWN"]] as const) {
    let seen = 0;
    const fault = rig.upstash.faults.add(REFUSED, { when: (request) => hasScript(request) && seen++ === before });
    await assert.rejects(kit.commit(second), { code });
    assert.equal(fault.hits, 1);
  }
});

Deno.test("in a cluster a refused batch leaves the outcome unknown where a step of an outbox was carried out", async () => {
  await using rig = await openRig();
  const store = rig.store({ cluster: true });
  const kit = rig.kit(store);
  const [owner, other] = [await kit.open("owner"), await kit.open("other")];
  const id = kit.id("batch");
  await kit.commit({ id, deliveries: [{ message: message(), receivers: undefined }] });
  const { guard } = owner;
  const changes = [{ type: "putInboundId", packetId: 7 }] as const;
  const step = kit.batch({
    deliveries: [{ message: message(), receivers: [receiver(other)] }],
    outbox: { outboxId: id, number: 1, from: 0, to: 1, receivers: [receiver(other)] },
  });
  // The rows of the owner stand under its own name.
  const isOfOwner = ({ body }: SeenRequest): boolean => body.includes("{cowner}");
  const fault = rig.upstash.faults.add(REFUSED, { when: isOfOwner });
  await assert.rejects(store.commit([kit.batch({ guard, changes }), step]), { code: "OUTCOME_UNKNOWN" });
  assert.equal(fault.hits, 1);
  assert.equal((await store.directory.inspect("other"))?.queuedMessages, 1);
  const alone = rig.upstash.faults.add(REFUSED, { when: isOfOwner });
  await assert.rejects(store.commit([kit.batch({ guard, changes })]), { code: "STORE_UNAVAILABLE" });
  assert.equal(alone.hits, 1);
});

Deno.test("retained messages that fill several requests: a refusal behind the first leaves the outcome unknown", async () => {
  await using rig = await openRig();
  const retained = upstashRedisRetained(rig.upstash, { maxRequestBytes: 1_000_000 });
  const puts = Array.from({ length: 8 }, (_, index) => ({
    message: { ...message(), topic: `t/${index}`, retain: true, payload: new Uint8Array(200_000) },
  }));
  const limits = { maximumMessages: Infinity, maximumBytes: Infinity };
  // So that the server knows the script.
  await retained.put(puts.slice(0, 1), { limits, order: { writer: "w", number: 1 }, now: 1_000 });
  for (const [before, code] of [[0, "STORE_UNAVAILABLE"], [1, "OUTCOME_UNKNOWN"]] as const) {
    let seen = 0;
    rig.upstash.faults.add(REFUSED, { when: (request) => hasScript(request) && seen++ === before });
    const order = { writer: "w", number: before + 2 };
    await assert.rejects(retained.put(puts, { limits, order, now: 1_000 }), { code });
  }
});
