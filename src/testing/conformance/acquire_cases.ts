/** Who gets a session, and what that does to the one before (rows S2 to S8). */
import type { SessionHead } from "../../machine/snapshot.ts";
import type { Message } from "../../mqtt/message.ts";
import { expect, expectEqual } from "./expect.ts";
import {
  type AcquireChoice,
  attachedHead,
  bytesOf,
  type ConformanceCase,
  detachedAt,
  type Kit,
  LEASE_END,
  type Owned,
  PLAIN,
  receiver,
  START,
  will,
} from "./kit.ts";

/** The row that must have been taken: what the answer says, and whether the stored Will is on its way. */
interface Row {
  readonly name: string;
  readonly stored: Partial<SessionHead>;
  readonly attached: boolean;
  readonly choice: AcquireChoice;
  readonly resumed: boolean;
  readonly ended?: "expired" | "cleanStart" | "takenOver";
  readonly publishesWill: boolean;
}

const HOUR = 3_600_000;
const CLEAN = { terms: { cleanStart: true } };
const CLEAN_RELEASING = { terms: { cleanStart: true, releaseWillOnCleanStart: true } };
const AT_END = { now: START + HOUR };

const ROWS: readonly Row[] = [
  { name: "S3: detached, goes on", stored: {}, attached: false, choice: {}, resumed: true, publishesWill: false },
  {
    name: "S3: detached, goes on until one millisecond before its end",
    stored: {},
    attached: false,
    choice: { now: START + HOUR - 1 },
    resumed: true,
    publishesWill: false,
  },
  {
    name: "S3: detached, with a Will that is due",
    stored: { willDueAt: START + 10 },
    attached: false,
    choice: { now: START + 10 },
    resumed: true,
    publishesWill: true,
  },
  {
    name: "S3: detached, with a Will that is not due yet",
    stored: { willDueAt: START + 10 },
    attached: false,
    choice: { now: START + 9 },
    resumed: true,
    publishesWill: false,
  },
  {
    name: "S4: detached, at its end",
    stored: { willDueAt: START + HOUR },
    attached: false,
    choice: AT_END,
    resumed: false,
    ended: "expired",
    publishesWill: true,
  },
  {
    name: "S5: detached, Clean Start that suppresses the Will",
    stored: { willDueAt: START + 10 },
    attached: false,
    choice: CLEAN,
    resumed: false,
    ended: "cleanStart",
    publishesWill: false,
  },
  {
    name: "S5: detached, Clean Start that publishes the Will",
    stored: { willDueAt: START + 10 },
    attached: false,
    choice: CLEAN_RELEASING,
    resumed: false,
    ended: "cleanStart",
    publishesWill: true,
  },
  {
    name: "S5: detached, of the other protocol version",
    stored: { protocolVersion: 4 },
    attached: false,
    choice: {},
    resumed: false,
    ended: "cleanStart",
    publishesWill: false,
  },
  {
    name: "S6: attached, taken over, its Will discarded",
    stored: {},
    attached: true,
    choice: {},
    resumed: true,
    publishesWill: false,
  },
  {
    name: "S6: attached, taken over, its Will released",
    stored: { onTakeover: "release" },
    attached: true,
    choice: {},
    resumed: true,
    publishesWill: true,
  },
  {
    name: "S7: attached, with a session that ends with its connection",
    stored: { endsAt: 0, endsAfterMs: 0, sessionExpiryInterval: 0 },
    attached: true,
    choice: {},
    resumed: false,
    ended: "takenOver",
    publishesWill: true,
  },
  {
    name: "S8: attached, Clean Start",
    stored: {},
    attached: true,
    choice: CLEAN,
    resumed: false,
    ended: "cleanStart",
    publishesWill: true,
  },
];

/** A session with a bit of everything, detached unless told. */
async function furnished(kit: Kit, row: Pick<Row, "stored" | "attached">): Promise<Owned> {
  const opened = await kit.open("client", {
    terms: { head: attachedHead(row.attached ? row.stored : {}), will: will() },
  });
  await kit.store.admitFilters(["a/+"]);
  await kit.fill(opened, ["one", "two"]);
  return await kit.change(opened, [
    { type: "putSubscription", filter: "a/+", subscription: PLAIN },
    { type: "putOutboundMark", sequence: 1, mark: { packetId: 9, phase: "sent", pubrecOrder: 0 } },
    { type: "putInboundId", packetId: 7 },
    { type: "putQuarantine", packetId: 8 },
    {
      type: "putHead",
      head: row.attached
        ? attachedHead({ ...row.stored, sentLimit: 2 })
        : { ...detachedAt(START), ...row.stored, sentLimit: 2 },
    },
  ]);
}

async function checkRow(kit: Kit, row: Row): Promise<void> {
  const before = await furnished(kit, row);
  const stored = await kit.store.read("client");
  const answer = await kit.acquire("client", { nodeId: "node-b", ...row.choice });
  expectEqual(answer.resumed, row.resumed, "resumed");
  const ended = row.ended && { incarnation: before.incarnation, reason: row.ended };
  const { owes, ...found } = answer.ended ?? {};
  expectEqual(answer.ended && found, ended, "what ended");
  expectEqual(answer.superseded, row.attached ? stored?.owner : undefined, "who was superseded");
  expectEqual(answer.startedThrough, row.resumed ? 2 : 0, "startedThrough");
  // A lost owner left its limit ahead of what it sent; it is not raised once more.
  const head = attachedHead({ sentLimit: row.resumed ? (row.attached ? 2 : 6) : 4 });
  expectEqual(answer.snapshot.head, head, "the head");
  const rest = row.resumed ? stored?.snapshot : undefined;
  expectEqual(answer.snapshot, {
    clientId: "client",
    incarnation: answer.guard.incarnation,
    head,
    subscriptions: rest?.subscriptions ?? new Map(),
    outbound: rest?.outbound ?? new Map(),
    quarantine: rest?.quarantine ?? new Set(),
    inbound: rest?.inbound ?? new Set(),
  }, "the snapshot");
  expectEqual(answer.guard.incarnation === before.incarnation, row.resumed, "whether the incarnation stays");
  expectEqual(answer.queue.messages.map(({ sequence }) => sequence), row.resumed ? [1, 2] : [], "the first page");
  expectEqual([answer.queue.through, answer.queue.tail], row.resumed ? [2, 2] : [0, 0], "through and tail");
  expectEqual(answer.outboxPending, row.resumed && row.publishesWill, "whether the outbox is pending");
  const entries = await kit.store.readOutbox(before.incarnation, 10);
  const now = row.choice.now ?? START;
  const published: Message = {
    topic: "will/topic",
    payload: bytesOf("gone"),
    qos: 1,
    retain: false,
    properties: {},
    publisher: "client",
    publishedAt: now,
  };
  expectEqual(entries.map(({ message }) => message), row.publishesWill ? [published] : [], "the Will in the outbox");
  // It may be looked for in vain, never be forgotten.
  expect(owes !== false || entries.length === 0, "what ended owes nothing, and does");
  const read = await kit.store.read("client");
  expectEqual(read?.snapshot, answer.snapshot, "what is stored then");
  expectEqual(read?.guard, answer.guard, "the guard that is stored then");
}

const TAKEN_ONCE: ConformanceCase[] = [
  {
    name: "a repeated acquire answers the same and changes nothing",
    run: async (kit) => {
      await furnished(kit, { stored: { onTakeover: "release" }, attached: true });
      const request = kit.request("client", { nodeId: "node-b" });
      const first = await kit.store.acquire(request);
      const stored = await kit.store.read("client");
      expectEqual(await kit.store.acquire(request), first, "the second answer");
      expectEqual(await kit.store.read("client"), stored, "what is stored");
      expect(first.outcome === "acquired", "the first acquire was refused");
      expectEqual((await kit.store.readOutbox(first.guard.incarnation, 10)).length, 1, "Wills in the outbox");
    },
  },
  {
    name: "a repeated acquire that begins a session begins it once",
    run: async (kit) => {
      const old = await furnished(kit, { stored: {}, attached: true });
      const request = kit.request("client", CLEAN);
      const first = await kit.store.acquire(request);
      expectEqual(await kit.store.acquire({ ...request, incarnation: kit.id() }), first, "the second answer");
      expectEqual((await kit.store.readOutbox(old.incarnation, 10)).length, 1, "Wills in the outbox");
    },
  },
  {
    name: "a repeated acquire tells how the session stands by now, so that a process that forgot all goes on",
    run: async (kit) => {
      const request = kit.request("client");
      const first = await kit.store.acquire(request);
      expect(first.outcome === "acquired", "it was refused");
      const session = { clientId: "client", incarnation: first.guard.incarnation, guard: first.guard };
      const subscribed = await kit.subscribe(session, "a/b");
      await kit.fill(session, ["one"]);
      const again = await kit.store.acquire(request);
      expect(again.outcome === "acquired", "it was refused the second time");
      expectEqual(again.guard, subscribed.guard, "the guard");
      expectEqual([...again.snapshot.subscriptions.keys()], ["a/b"], "subscriptions");
      expectEqual(again.queue.messages.length, 1, "messages");
      expectEqual([again.resumed, again.startedThrough], [false, 0], "what the first one said");
    },
  },
  {
    name: "of acquires at the same time each takes the session once, and the last keeps it",
    applies: ({ fencing }) => fencing === "strict",
    run: async (kit) => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => kit.acquire("client")));
      expectEqual(answers.filter(({ resumed }) => !resumed).length, 1, "sessions begun");
      expectEqual(new Set(answers.map(({ guard }) => guard.epoch)).size, 5, "epochs");
      const outcomes: string[] = [];
      for (const { guard } of answers) outcomes.push((await kit.commit({ guard })).outcome);
      expectEqual(outcomes.filter((outcome) => outcome === "committed").length, 1, "guards that are valid");
    },
  },
];

/** All of it. */
export const ACQUIRE_CASES: readonly ConformanceCase[] = [
  {
    name: "S2: a client that nothing is stored of begins a session",
    run: async (kit) => {
      const request = kit.request("client", { terms: { will: will() } });
      const answer = await kit.store.acquire(request);
      expect(answer.outcome === "acquired", "it was refused");
      const { guard, ...rest } = answer;
      expectEqual([guard.clientId, guard.incarnation], ["client", request.incarnation], "the guard");
      expectEqual(rest, {
        outcome: "acquired",
        resumed: false,
        snapshot: {
          clientId: "client",
          incarnation: request.incarnation,
          head: attachedHead({ sentLimit: 4 }),
          will: will(),
          subscriptions: new Map(),
          outbound: new Map(),
          quarantine: new Set(),
          inbound: new Set(),
        },
        startedThrough: 0,
        queue: { messages: [], through: 0, tail: 0, unreadable: 0 },
        outboxPending: false,
      }, "the answer");
      const read = await kit.store.read("client");
      expectEqual(read?.owner, { nodeId: "node-a", token: request.token }, "the owner");
      expectEqual(read?.ownerUntil, LEASE_END, "until when it is alive");
    },
  },
  ...ROWS.map((row): ConformanceCase => ({ name: row.name, run: (kit) => checkRow(kit, row) })),
  {
    name: "a session of the other protocol version goes on where the terms say so",
    run: async (kit) => {
      await furnished(kit, { stored: { protocolVersion: 4 }, attached: false });
      expectEqual((await kit.acquire("client", { terms: { resumeAcrossVersions: true } })).resumed, true, "resumed");
    },
  },
  {
    name: "the first page of an acquire keeps to its limits",
    run: async (kit) => {
      const session = await kit.open("client");
      await kit.fill(session, ["one", "two", "three"]);
      const byCount = await kit.acquire("client", { page: { messages: 2, bytes: 1_000 } });
      expectEqual(byCount.queue.messages.map(({ sequence }) => sequence), [1, 2], "by count");
      expectEqual([byCount.queue.through, byCount.queue.tail], [2, 3], "through and tail");
      const byBytes = await kit.acquire("client", { page: { messages: 10, bytes: 1 } });
      expectEqual(byBytes.queue.messages.map(({ sequence }) => sequence), [1], "by bytes, though always one");
    },
  },
  {
    name: "an ended session's messages and subscriptions are not the new one's",
    run: async (kit) => {
      const old = await furnished(kit, { stored: {}, attached: true });
      const fresh = await kit.open("client", CLEAN);
      expectEqual(await kit.log(fresh), [], "the log");
      const outcomes = await kit.deliver([receiver(old), receiver(fresh)]);
      expectEqual(outcomes.map(({ outcome }) => outcome), ["ended", "appended"], "deliveries to both");
    },
  },
  ...TAKEN_ONCE,
];
