import assert from "node:assert/strict";
import fc from "fast-check";
import { applyChanges, type SessionChange } from "../../../src/machine/change.ts";
import type { SessionHead } from "../../../src/machine/snapshot.ts";
import type { AcquireRequest, CommitBatch, QueueLimits, SessionStore } from "../../../src/store/session_store.ts";
import { JOURNAL_KEPT_MS } from "../../../src/store/records/journal.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { canonical } from "../../../src/testing/conformance/expect.ts";

const NOW = 1_700_000_000_000;
const LIMITS: QueueLimits = { maximumMessages: 100, maximumBytes: 10_000, whenFull: "dropOldest" };
const PLAIN = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
const HEAD: SessionHead = {
  protocolVersion: 5,
  attached: true,
  connectedAt: NOW,
  sessionExpiryInterval: 60,
  endsAfterMs: 60_000,
  onTakeover: "discard",
  sentLimit: 0,
};

function request(clientId: string, choice: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    terms: {
      clientId,
      mustBeNew: false,
      cleanStart: false,
      head: HEAD,
      sendAhead: 0,
      releaseWillOnCleanStart: false,
      resumeAcrossVersions: false,
    },
    token: `token of ${clientId}`,
    nodeId: "node",
    incarnation: `incarnation of ${clientId}`,
    whenOwned: "take",
    page: { messages: 10, bytes: 1_000 },
    now: NOW,
    ...choice,
  };
}

function batch(choice: Partial<CommitBatch>): CommitBatch {
  return { id: "batch", changes: [], deliveries: [], limits: LIMITS, now: NOW, ...choice };
}

async function acquired(store: SessionStore, clientId: string) {
  await store.renewNode("node", NOW + 1_000_000);
  const answer = await store.acquire(request(clientId));
  assert.ok(answer.outcome === "acquired");
  return answer;
}

const packetId = fc.integer({ min: 1, max: 4 });
const sequence = fc.integer({ min: 1, max: 4 });
const filter = fc.constantFrom("a", "a/+", "#", "__proto__");
const change: fc.Arbitrary<SessionChange> = fc.oneof(
  fc.record({
    type: fc.constant("putHead" as const),
    head: fc.record({ attached: fc.boolean(), sentLimit: fc.nat(9) }).map((part) => ({ ...HEAD, ...part })),
  }),
  fc.record({ type: fc.constant("putSentLimit" as const), sentLimit: fc.nat(9) }),
  fc.record({
    type: fc.constant("putWill" as const),
    will: fc.record({ topic: filter, payload: fc.uint8Array({ maxLength: 3 }) })
      .map((part) => ({ ...part, qos: 1 as const, retain: false, properties: {}, willDelayInterval: 0 })),
  }),
  fc.record({ type: fc.constant("deleteWill" as const) }),
  fc.record({ type: fc.constant("putSubscription" as const), filter, subscription: fc.constant(PLAIN) }),
  fc.record({ type: fc.constant("deleteSubscription" as const), filter }),
  fc.record({
    type: fc.constant("putOutboundMark" as const),
    sequence,
    mark: fc.record({ packetId, phase: fc.constantFrom("sent" as const, "released" as const), pubrecOrder: fc.nat(3) }),
  }),
  fc.record({ type: fc.constant("deleteOutboundMark" as const), sequence }),
  fc.record({ type: fc.constant("deleteQueued" as const), sequence, bytes: fc.constant(0) }),
  fc.record({ type: fc.constant("putInboundId" as const), packetId }),
  fc.record({ type: fc.constant("deleteInboundId" as const), packetId }),
  fc.record({ type: fc.constantFrom("putQuarantine" as const, "deleteQuarantine" as const), packetId }),
  fc.record({ type: fc.constant("endSession" as const), reason: fc.constant("expired" as const) }),
);

Deno.test("the memory store is a fold over applyChanges [D9]", async () => {
  const batches = fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 6 });
  await fc.assert(fc.asyncProperty(batches, async (lists) => {
    const store = memoryStore();
    const answer = await acquired(store, "client");
    let expected = (await store.read("client"))?.snapshot;
    let guard = answer.guard;
    for (const [index, changes] of lists.entries()) {
      if (expected === undefined) return;
      const [result] = await store.commit([batch({ id: String(index), guard, changes })]);
      expected = applyChanges(expected, changes);
      assert.equal(canonical((await store.read("client"))?.snapshot), canonical(expected));
      assert.ok(result?.outcome === "committed");
      assert.equal(result.guard === undefined, expected === undefined);
      guard = result.guard ?? guard;
    }
  }));
});

Deno.test("a batch that no state would make right throws, and none of its group is carried out", async () => {
  const message = {
    topic: "a",
    payload: new Uint8Array(200),
    qos: 1,
    retain: false,
    properties: {},
    publisher: "",
    publishedAt: NOW,
  } as const;
  const wrong: readonly (readonly [Partial<CommitBatch>, RegExp])[] = [
    [{ changes: [{ type: "deleteWill" }] }, /^TypeError: Cannot commit batch batch: it changes a session/],
    [{ raiseEpoch: { token: "t" } }, /^TypeError/],
    [{ behindOutbox: true }, /^TypeError/],
    [{ outbox: { outboxId: "o", number: 1, from: 2, to: 1 } }, /^RangeError: .*goes from 2 to 1/],
    [{ deliveries: [{ message, receivers: undefined }] }, /^SessionError: .*larger than the store takes/],
  ];
  for (const [choice, expected] of wrong) {
    const store = memoryStore({ maxMessageBytes: 100, maximumShapes: 1 });
    const { guard } = await acquired(store, "client");
    const right = batch({ id: "right", guard, changes: [{ type: "putInboundId", packetId: 1 }] });
    await assert.rejects(store.commit([right, batch(choice)]), (error) => expected.test(String(error)));
    assert.equal((await store.read("client"))?.snapshot.inbound.size, 0);
  }
});

Deno.test("a subscription whose filter would bring one shape too many is the caller's mistake", async () => {
  const store = memoryStore({ maximumShapes: 1 });
  const { guard } = await acquired(store, "client");
  assert.deepEqual(await store.admitFilters(["a/+", "b/+", "+"]), [true, true, false]);
  const changes = [{ type: "putSubscription", filter: "+", subscription: PLAIN }] as const;
  await assert.rejects(store.commit([batch({ guard, changes })]), RangeError);
});

Deno.test("limits below one are refused at construction", () => {
  assert.throws(() => memoryStore({ maxReceiversPerCommit: 0 }), /maxReceiversPerCommit is 0/);
  assert.throws(() => memoryStore({ maxMessageBytes: Number.NaN }), RangeError);
});

Deno.test("what an ended session leaves is swept away, so that a store that lives long does not grow", async () => {
  const store = memoryStore();
  const { guard } = await acquired(store, "client");
  await store.commit([batch({ guard, changes: [{ type: "endSession", reason: "administrative" }] })]);
  // First the session, a day later its journal.
  for (const now of [NOW, NOW + JOURNAL_KEPT_MS]) {
    const due = (await store.listDue(now, { limit: 10, graceMs: 1e9 })).filter(({ type }) => type === "sweep");
    assert.equal(due.length, 1);
    for (const work of due) if (work.type === "sweep") await store.sweep(work.work);
  }
  await store.renewNode("node", 0);
  assert.deepEqual(await store.listDue(Infinity, { limit: 10, graceMs: 0 }), []);
  assert.equal(await store.nextDueAt(), undefined);
});

Deno.test("every call does its work before it returns, so none sees half of another", async () => {
  const store = memoryStore();
  const { guard } = await acquired(store, "client");
  const first = store.commit([batch({ id: "1", guard, changes: [{ type: "putInboundId", packetId: 1 }] })]);
  const second = store.commit([batch({ id: "2", guard, changes: [{ type: "putInboundId", packetId: 2 }] })]);
  const read = store.read("client");
  assert.deepEqual((await Promise.all([first, second])).flat().map(({ outcome }) => outcome), [
    "committed",
    "superseded",
  ]);
  assert.deepEqual([...(await read)?.snapshot.inbound ?? []], [1]);
});
