import assert from "node:assert/strict";
import { messageBytes } from "../../../../src/mqtt/message.ts";
import { DENO_KV_LIMITS } from "../../../../src/stores/deno_kv.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import type { CommitResult, Guard, SessionStore } from "../../../../src/store/session_store.ts";
import { countingDriver } from "./counting_driver.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

function counted() {
  const counting = countingDriver(mapDriver({ limits: DENO_KV_LIMITS }));
  return { store: storeOn(counting.driver), take: counting.take };
}

async function commit(store: SessionStore, ...batches: Parameters<typeof batch>[]): Promise<readonly CommitResult[]> {
  const results = await store.commit(batches.map((each) => batch(...each)));
  for (const { outcome } of results) assert.equal(outcome, "committed");
  return results;
}

function guardOf(result: CommitResult | undefined): Guard {
  assert.ok(result?.outcome === "committed" && result.guard !== undefined);
  return result.guard;
}

const DETACHED = {
  protocolVersion: 5,
  attached: false,
  connectedAt: NOW,
  disconnectedAt: NOW,
  disconnectReason: 0,
  sessionExpiryInterval: 3_600,
  endsAfterMs: 3_600_000,
  endsAt: NOW + 3_600_000,
  onTakeover: "discard",
  sentLimit: 0,
} as const;

Deno.test("CONNECT costs one round of reads and one commit: new, resumed with 100 queued, emptied, or taken over", async () => {
  const { store, take } = counted();
  await store.renewNode("node", NOW + 120_000);
  take();
  const first = await acquired(store, request("c", "1"));
  assert.deepEqual(take(), { reads: 1, commits: 1 });
  const deliveries = Array.from({ length: 50 }, () => ({ message: message(), receivers: [to(first)] }));
  await commit(store, ["fill", { deliveries }], ["fill more", { deliveries }], ["leave", {
    guard: first.guard,
    changes: [{ type: "putHead", head: DETACHED }],
  }]);
  take();
  const second = await acquired(store, request("c", "2"));
  assert.equal(second.queue.messages.length, 100);
  assert.deepEqual(take(), { reads: 1, commits: 1 });
  const changes = second.queue.messages.map((each) => (
    { type: "deleteQueued", sequence: each.sequence, bytes: messageBytes(each) } as const
  ));
  await commit(store, ["empty", { guard: second.guard, changes }]);
  take();
  const third = await acquired(store, request("c", "3", { nodeId: "other" }));
  assert.equal(third.resumed, true);
  assert.deepEqual(third.queue.messages, []);
  assert.deepEqual(take(), { reads: 1, commits: 1 });
});

Deno.test("SUBSCRIBE of 200 filters costs one commit, and no read once their shapes are known", async () => {
  const { store, take } = counted();
  const session = await acquired(store, request("c", "1"));
  const filters = Array.from({ length: 200 }, (_, index) => `building/floor/${index}/+/temperature`);
  await store.admitFilters(filters);
  take();
  const subscription = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const changes = filters.map((filter) => ({ type: "putSubscription", filter, subscription } as const));
  await commit(store, ["subscribe", { guard: session.guard, changes }]);
  assert.deepEqual(take(), { reads: 0, commits: 1 });
});

Deno.test("PUBLISH costs two rounds of reads and one commit: its match, then its receivers", async () => {
  const { store, take } = counted();
  const sessions = [];
  for (let index = 0; index < 20; index++) {
    const session = await acquired(store, request(`c${index}`, "1"));
    const subscription = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    await commit(store, [`s${index}`, {
      guard: session.guard,
      changes: [{ type: "putSubscription", filter: "a/+", subscription }],
    }]);
    sessions.push(session);
  }
  await store.matchSubscriptions(["a/b"]);
  take();
  const [matches = []] = await store.matchSubscriptions(["a/b"]);
  assert.equal(matches.length, 20);
  assert.deepEqual(take(), { reads: 1, commits: 0 });
  await commit(store, ["publish", { deliveries: [{ message: message(), receivers: sessions.map(to) }] }]);
  assert.deepEqual(take(), { reads: 1, commits: 1 });
});

Deno.test("a payload of a mebibyte is staged first: two more commits, one for each 800 KiB begun", async () => {
  const { store, take } = counted();
  const session = await acquired(store, request("c", "1"));
  take();
  await commit(store, ["publish", { deliveries: [{ message: message(1_048_576), receivers: [to(session)] }] }]);
  assert.deepEqual(take(), { reads: 1, commits: 3 });
});

Deno.test("acknowledgements cost one commit and no read: QoS 1, and both steps of QoS 2", async () => {
  const { store, take } = counted();
  const session = await acquired(store, request("c", "1"));
  await commit(store, ["fill", {
    deliveries: Array.from({ length: 20 }, () => ({ message: message(), receivers: [to(session)] })),
  }]);
  const page = await store.readQueue(session.guard, { after: 0, messages: 100, bytes: 1e6 });
  const bytes = messageBytes(message());
  take();
  const gone = page.messages.slice(0, 10).map(({ sequence }) => ({ type: "deleteQueued", sequence, bytes } as const));
  const [acked] = await commit(store, ["puback", { guard: session.guard, changes: gone }]);
  assert.deepEqual(take(), { reads: 0, commits: 1 });
  const mark = { packetId: 12, phase: "released", pubrecOrder: 1 } as const;
  const [released] = await commit(store, ["pubrec", {
    guard: guardOf(acked),
    changes: [{ type: "putOutboundMark", sequence: 11, mark }, { type: "deleteQueued", sequence: 11, bytes }],
  }]);
  await commit(store, ["pubcomp", {
    guard: guardOf(released),
    changes: [{ type: "deleteOutboundMark", sequence: 11 }],
  }]);
  assert.deepEqual(take(), { reads: 0, commits: 2 });
});

Deno.test("DISCONNECT costs one commit and no read", async () => {
  const { store, take } = counted();
  const session = await acquired(store, request("c", "1"));
  take();
  await commit(store, ["leave", { guard: session.guard, changes: [{ type: "putHead", head: DETACHED }] }]);
  assert.deepEqual(take(), { reads: 0, commits: 1 });
});

Deno.test("an idle minute of a node costs one commit for each renewal, and nothing for a session", async () => {
  const { store, take } = counted();
  await acquired(store, request("c", "1"));
  take();
  await store.renewNode("node", NOW + 120_000);
  await store.renewNode("node", NOW + 150_000);
  assert.deepEqual(take(), { reads: 0, commits: 2 });
});

Deno.test("batches of many sessions leave in one commit", async () => {
  const { store, take } = counted();
  const sessions = [];
  for (let index = 0; index < 50; index++) sessions.push(await acquired(store, request(`c${index}`, "1")));
  take();
  const results = await commit(
    store,
    ...sessions.map((session, index): Parameters<typeof batch> => [
      `b${index}`,
      { guard: session.guard, changes: [{ type: "putInboundId", packetId: 1 }] },
    ]),
  );
  assert.equal(results.length, 50);
  assert.deepEqual(take(), { reads: 0, commits: 1 });
});
