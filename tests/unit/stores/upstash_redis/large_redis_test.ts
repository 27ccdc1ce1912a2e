/** Large messages to many: a script must not hold them all at once. */
import assert from "node:assert/strict";
import { message, receiver } from "../../../../src/testing/conformance/kit.ts";
import { upstashRedisStore } from "../../../../src/stores/upstash_redis/mod.ts";
import { openRig } from "./redis_kit.ts";

const RECEIVERS = 20;
const MEBIBYTE = 1_048_576;

Deno.test("a large message to many is owed beyond what one commit holds, and a wide step of its outbox goes in several", async () => {
  await using rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  const publisher = await kit.open("publisher");
  const sessions = [];
  for (let index = 0; index < RECEIVERS; index++) sessions.push(await kit.open(`receiver-${index}`));
  const large = { ...message(), payload: new Uint8Array(MEBIBYTE).fill(7) };
  const receivers = sessions.map((session) => receiver(session));
  const result = await kit.commit({ guard: publisher.guard, deliveries: [{ message: large, receivers }] });
  assert.ok(result.outcome === "committed");
  const outcomes = result.deliveries[0]?.map(({ outcome }) => outcome) ?? [];
  const reached = outcomes.indexOf("owed");
  assert.ok(reached > 0 && reached < 9, `${reached} were reached`);
  const [entry] = await store.readOutbox(publisher.incarnation, 10);
  assert.equal(entry?.cursor, reached);
  const rest = receivers.slice(reached);
  const step = await kit.commit({
    deliveries: [{ message: large, receivers: rest }],
    outbox: { outboxId: publisher.incarnation, number: entry?.number ?? 0, from: reached, to: RECEIVERS },
  });
  assert.ok(step.outcome === "committed");
  assert.deepEqual(step.deliveries[0]?.map(({ outcome }) => outcome), rest.map(() => "appended"));
  assert.deepEqual(await store.readOutbox(publisher.incarnation, 10), []);
  for (const { guard } of sessions) {
    const { messages } = await store.readQueue(guard, { after: 0, messages: 10, bytes: 10 * MEBIBYTE });
    assert.deepEqual(messages.map(({ payload }) => [payload.length, payload[0]]), [[MEBIBYTE, 7]]);
  }
});

Deno.test("a step of an outbox that names more receivers than one commit reaches serves them all", async () => {
  await using rig = await openRig();
  const store = rig.store({ maxReceiversPerCommit: 3 });
  const kit = rig.kit(store);
  const sessions = [];
  for (let index = 0; index < 8; index++) sessions.push(await kit.open(`receiver-${index}`));
  const id = kit.id("batch");
  await kit.commit({ id, deliveries: [{ message: message(), receivers: undefined }] });
  const receivers = sessions.map((session) => receiver(session));
  const step = {
    deliveries: [{ message: message(), receivers }],
    outbox: { outboxId: id, number: 1, from: 0, to: receivers.length, receivers },
  };
  const result = await kit.commit(step);
  assert.ok(result.outcome === "committed");
  assert.deepEqual(result.deliveries[0]?.map(({ outcome }) => outcome), receivers.map(() => "appended"));
  assert.deepEqual(await kit.commit(step), { outcome: "superseded" });
  for (const { guard } of sessions) {
    assert.equal((await store.readQueue(guard, { after: 0, messages: 10, bytes: 1_000 })).tail, 1);
  }
});

Deno.test("messages that fill a request are owed rather than sent twice in it", async () => {
  await using rig = await openRig();
  const kit = rig.kit();
  const publisher = await kit.open("publisher");
  const sessions = [];
  for (let index = 0; index < 5; index++) sessions.push(await kit.open(`receiver-${index}`));
  const receivers = sessions.map((session) => receiver(session));
  for (const [count, size] of [[1, 4], [1, 6], [6, 1.06]] as const) {
    const large = { ...message(), payload: new Uint8Array(size * MEBIBYTE).fill(7) };
    const deliveries = Array.from({ length: count }, () => ({ message: large, receivers }));
    const read = await kit.store.read("publisher");
    const result = await kit.commit({ guard: read?.guard ?? publisher.guard, deliveries });
    assert.equal(result.outcome, "committed", `${count} of ${size} MiB`);
  }
});

Deno.test("options out of their range are refused", () => {
  const client = { url: "https://a.example", token: "token" };
  for (const value of [0, -1, Number.NaN, 1.5]) {
    assert.throws(() => upstashRedisStore(client, { maxReceiversPerCommit: value }), RangeError);
    assert.throws(() => upstashRedisStore(client, { maximumShapes: value }), RangeError);
  }
});
