/** The log: in order, within limits, each loss counted. */
import type { QueueLimits } from "../../store/session_store.ts";
import { expectEqual } from "./expect.ts";
import { bytesOf, type ConformanceCase, type Kit, message, type Owned, receiver, ROOMY, START, words } from "./kit.ts";

const LIMIT_3: QueueLimits = { ...ROOMY, maximumMessages: 3 };

/** Delivers one QoS 1 message under limits; what became of it. */
async function offer(kit: Kit, session: Owned, payload: string, limits: QueueLimits, qos: 0 | 1 = 1): Promise<string> {
  const outcomes = await kit.deliver([receiver(session, { qos })], { payload: bytesOf(payload) }, limits);
  return words(outcomes).join();
}

async function dropped(kit: Kit, session: Owned): Promise<unknown> {
  return (await kit.store.directory.inspect(session.clientId))?.dropped;
}

/** A session of which nothing counts as started. */
function unstarted(kit: Kit, clientId = "client"): Promise<Owned> {
  return kit.open(clientId, { terms: { sendAhead: 0 } });
}

const ORDER: ConformanceCase[] = [
  {
    name: "messages stand in the log in order, as their copies were fixed",
    run: async (kit) => {
      const session = await kit.open("client");
      await kit.deliver([receiver(session, { qos: 0, retain: true, subscriptionIdentifiers: [3, 1, 2] })], { qos: 2 });
      await kit.deliver([receiver(session, { qos: 2 })], { qos: 2, retain: true, expiresAt: START + 1_000 });
      const common = { ...message(), qos: 1 };
      expectEqual(await kit.log(session), [
        { ...common, qos: 0, retain: true, subscriptionIdentifiers: [3, 1, 2], sequence: 1 },
        { ...common, qos: 2, retain: false, subscriptionIdentifiers: [], sequence: 2, expiresAt: START + 1_000 },
      ], "the log");
    },
  },
  {
    name: "one message goes to each of its receivers, and the answers come in their order",
    run: async (kit) => {
      const [one, two] = [await kit.open("one"), await kit.open("two")];
      await kit.fill(two, ["before"]);
      const outcomes = await kit.deliver([receiver(two), receiver(one), receiver(two)]);
      expectEqual(outcomes.map(({ clientId }) => clientId), ["two", "one", "two"], "whom the answers are about");
      expectEqual(words(outcomes), ["appended 2", "appended 1", "appended 3"], "the answers");
    },
  },
  {
    name: "several messages of one batch keep their order in every log",
    run: async (kit) => {
      const [one, two] = [await kit.open("one"), await kit.open("two")];
      const deliveries = ["a", "b", "c"].map((text) => ({
        message: message({ payload: bytesOf(text) }),
        receivers: [receiver(one), receiver(two)],
      }));
      await kit.commit({ deliveries });
      expectEqual(await kit.logTexts(one), ["1:a", "2:b", "3:c"], "the first log");
      expectEqual(await kit.logTexts(two), ["1:a", "2:b", "3:c"], "the second log");
    },
  },
  {
    name: "of many who append at the same time each gets a place of its own",
    run: async (kit) => {
      const session = await kit.open("client");
      const outcomes = await Promise.all(
        Array.from({ length: 30 }, (_, index) => offer(kit, session, String(index), ROOMY)),
      );
      expectEqual(new Set(outcomes).size, 30, "places");
      const log = await kit.log(session);
      expectEqual(
        log.map(({ sequence }) => sequence),
        Array.from({ length: 30 }, (_, index) => index + 1),
        "sequences",
      );
      expectEqual(new Set(log.map(({ payload }) => new TextDecoder().decode(payload))).size, 30, "messages");
    },
  },
  {
    name: "who appends does not get in the way of the owner, nor the owner in theirs",
    run: async (kit) => {
      let session = await kit.open("client");
      await kit.fill(session, ["a"]);
      session = await kit.change(session, [{ type: "putSentLimit", sentLimit: 1 }]);
      const [, changed] = await Promise.all([
        offer(kit, session, "b", ROOMY),
        kit.change(session, [{ type: "deleteQueued", sequence: 1, bytes: 4 }]),
        offer(kit, session, "c", ROOMY),
      ]);
      expectEqual((await kit.log(changed)).map(({ sequence }) => sequence), [2, 3], "the log");
      expectEqual((await kit.store.directory.inspect("client"))?.queuedMessages, 2, "the count");
    },
  },
  {
    name: "a delivery without receivers is answered by an empty list",
    run: async (kit) => {
      expectEqual(await kit.deliver([]), [], "the answer");
    },
  },
  {
    name: "an append says which node owns the session",
    run: async (kit) => {
      const owned = await kit.open("owned", { nodeId: "node-b" });
      const free = await kit.detach(await kit.open("free"));
      const outcomes = await kit.deliver([receiver(owned), receiver(free)]);
      expectEqual(
        outcomes.map((told) => told.outcome === "appended" && told.ownerNode),
        ["node-b", undefined],
        "nodes",
      );
    },
  },
  {
    name: "what goes only to the connected is dropped for others, and counted",
    run: async (kit) => {
      const owned = await kit.open("owned");
      const free = await kit.detach(await kit.open("free"));
      const outcomes = await kit.deliver(
        [owned, free].map((session) => receiver(session, { qos: 0, onlyIfOwned: true })),
      );
      expectEqual(words(outcomes), ["appended 1", "dropped notConnected"], "the answers");
      expectEqual(await dropped(kit, free), { notConnected: 1 }, "drops");
      expectEqual(await kit.log(free), [], "the log");
    },
  },
];

const LIMITS: ConformanceCase[] = [
  {
    name: "dropNewest: what comes gives way at the limit of messages, and is counted",
    run: async (kit) => {
      const session = await unstarted(kit);
      const limits: QueueLimits = { ...LIMIT_3, whenFull: "dropNewest" };
      const told: string[] = [];
      for (const text of ["a", "b", "c", "d", "e"]) told.push(await offer(kit, session, text, limits));
      expectEqual(told, [
        "appended 1",
        "appended 2",
        "appended 3",
        "dropped queueFullNewest",
        "dropped queueFullNewest",
      ], "answers");
      expectEqual(await kit.logTexts(session), ["1:a", "2:b", "3:c"], "the log");
      expectEqual(await dropped(kit, session), { queueFullNewest: 2 }, "drops");
    },
  },
  {
    name: "the limit of bytes counts payload, topic and properties",
    run: async (kit) => {
      const session = await unstarted(kit);
      const limits: QueueLimits = { maximumMessages: 100, maximumBytes: 10, whenFull: "dropNewest" };
      expectEqual(await offer(kit, session, "12", limits), "appended 1", "5 of 10");
      expectEqual(await offer(kit, session, "123", limits), "dropped queueFullNewest", "11 of 10");
      expectEqual(await offer(kit, session, "12", limits), "appended 2", "10 of 10");
      expectEqual((await kit.store.directory.inspect("client"))?.queuedBytes, 10, "bytes counted");
    },
  },
  {
    name: "dropOldest: the oldest gives way, and is counted",
    run: async (kit) => {
      const session = await unstarted(kit);
      await kit.fill(session, ["a", "b", "c"]);
      expectEqual(await offer(kit, session, "d", LIMIT_3), "appended 4 queueFullOldest", "the answer");
      expectEqual(await kit.logTexts(session), ["2:b", "3:c", "4:d"], "the log");
      expectEqual(await dropped(kit, session), { queueFullOldest: 1 }, "drops");
      const line = await kit.store.directory.inspect("client");
      expectEqual([line?.queuedMessages, line?.queuedBytes], [3, 12], "what the directory counts");
    },
  },
  {
    name: "dropOldest: as many give way as the limit of bytes asks for",
    run: async (kit) => {
      const session = await unstarted(kit);
      await kit.fill(session, ["a", "b", "c"]);
      const limits: QueueLimits = { ...ROOMY, maximumBytes: 12 };
      expectEqual(
        await offer(kit, session, "12345", limits),
        "appended 4 queueFullOldest queueFullOldest",
        "the answer",
      );
      expectEqual(await kit.logTexts(session), ["3:c", "4:12345"], "the log");
    },
  },
  {
    name: "dropOldest: what can make no room leaves everything as it is",
    run: async (kit) => {
      const session = await unstarted(kit);
      await kit.fill(session, ["a", "b"]);
      const limits: QueueLimits = { ...ROOMY, maximumBytes: 10 };
      expectEqual(await offer(kit, session, "much too long", limits), "dropped queueFullNewest", "the answer");
      expectEqual(await kit.logTexts(session), ["1:a", "2:b"], "the log");
      expectEqual(await dropped(kit, session), { queueFullNewest: 1 }, "drops");
    },
  },
  {
    name: "dropOldest: QoS 0 gives way before any other, also the newer",
    run: async (kit) => {
      const session = await unstarted(kit);
      await kit.fill(session, ["a"]);
      await kit.fill(session, ["b"], { qos: 0 });
      await kit.fill(session, ["c"]);
      expectEqual(await offer(kit, session, "d", LIMIT_3), "appended 4 queueFullOldest", "the first");
      expectEqual(await kit.logTexts(session), ["1:a", "3:c", "4:d"], "the log after it");
      expectEqual(await offer(kit, session, "e", LIMIT_3), "appended 5 queueFullOldest", "the second");
      expectEqual(await kit.logTexts(session), ["3:c", "4:d", "5:e"], "the log after that");
    },
  },
  {
    name: "dropOldest: QoS 0 displaces QoS 0 alone",
    run: async (kit) => {
      const session = await unstarted(kit);
      await kit.fill(session, ["a", "b"]);
      await kit.fill(session, ["c"], { qos: 0 });
      expectEqual(await offer(kit, session, "d", LIMIT_3, 0), "appended 4 queueFullOldest", "the first");
      expectEqual(await kit.logTexts(session), ["1:a", "2:b", "4:d"], "the log");
      await kit.fill(await kit.open("promised", { terms: { sendAhead: 0 } }), []);
      const promised = await unstarted(kit, "promised");
      await kit.fill(promised, ["a", "b", "c"]);
      expectEqual(
        await offer(kit, promised, "d", LIMIT_3, 0),
        "dropped queueFullNewest",
        "where all others were promised",
      );
      expectEqual(await kit.logTexts(promised), ["1:a", "2:b", "3:c"], "the log of those");
    },
  },
  {
    name: "dropOldest: what was started never gives way [G7]",
    run: async (kit) => {
      let session = await unstarted(kit);
      await kit.fill(session, ["a"], { qos: 0 });
      await kit.fill(session, ["b", "c"]);
      session = await kit.change(session, [{ type: "putSentLimit", sentLimit: 2 }]);
      expectEqual(await offer(kit, session, "d", LIMIT_3), "appended 4 queueFullOldest", "the first");
      expectEqual(await kit.logTexts(session), ["1:a", "2:b", "4:d"], "the log");
      session = await kit.change(session, [{ type: "putSentLimit", sentLimit: 4 }]);
      expectEqual(await offer(kit, session, "e", LIMIT_3), "dropped queueFullNewest", "when all were started");
      expectEqual(await kit.logTexts(session), ["1:a", "2:b", "4:d"], "the log then");
    },
  },
  {
    name: "reject: a message that nobody takes is refused, and stored nothing [D11]",
    run: async (kit) => {
      const [one, two] = [await unstarted(kit, "one"), await unstarted(kit, "two")];
      const publisher = await kit.open("publisher");
      const limits: QueueLimits = { ...LIMIT_3, maximumMessages: 1, whenFull: "reject" };
      await kit.fill(one, ["a"]);
      await kit.fill(two, ["a"]);
      const batch = {
        guard: publisher.guard,
        changes: [{ type: "putInboundId", packetId: 1 }] as const,
        deliveries: [{ message: message(), receivers: [receiver(one), receiver(two)] }],
        limits,
      };
      expectEqual(await kit.commit(batch), { outcome: "refused", reason: "queueFull" }, "the answer");
      expectEqual((await kit.store.read("publisher"))?.snapshot.inbound, new Set(), "what was stored");
      expectEqual([await dropped(kit, one), await dropped(kit, two)], [{}, {}], "drops");
      expectEqual((await kit.commit({ guard: publisher.guard })).outcome, "committed", "the guard is as it was");
    },
  },
  {
    name: "reject: where somebody takes the message, the full one drops and counts [D11]",
    run: async (kit) => {
      const [full, free] = [await unstarted(kit, "full"), await unstarted(kit, "free")];
      await kit.fill(full, ["a"]);
      const limits: QueueLimits = { ...LIMIT_3, maximumMessages: 1, whenFull: "reject" };
      const outcomes = await kit.deliver([receiver(full), receiver(free)], {}, limits);
      expectEqual(words(outcomes), ["dropped queueFullNewest", "appended 1"], "the answers");
      expectEqual(await dropped(kit, full), { queueFullNewest: 1 }, "drops");
    },
  },
  {
    name: "reject: an ended receiver does not take the message, and does not refuse it either",
    run: async (kit) => {
      const [full, gone] = [await unstarted(kit, "full"), await unstarted(kit, "gone")];
      await kit.fill(full, ["a"]);
      await kit.change(gone, [{ type: "endSession", reason: "administrative" }]);
      const limits: QueueLimits = { ...LIMIT_3, maximumMessages: 1, whenFull: "reject" };
      const deliveries = [{ message: message(), receivers: [receiver(gone), receiver(full)] }];
      expectEqual((await kit.commit({ deliveries, limits })).outcome, "refused", "with a full one");
      const alone = [{ message: message(), receivers: [receiver(gone)] }];
      expectEqual((await kit.commit({ deliveries: alone, limits })).outcome, "committed", "alone");
    },
  },
];

const REFUSALS: ConformanceCase[] = [
  {
    name: "reject: a repeated batch whose own message filled the queue was committed, not refused",
    run: async (kit) => {
      const target = await unstarted(kit, "target");
      const publisher = await kit.open("publisher");
      const limits: QueueLimits = { ...LIMIT_3, maximumMessages: 1, whenFull: "reject" };
      const deliveries = [{ message: message(), receivers: [receiver(target)] }];
      const batch = kit.batch({ guard: publisher.guard, deliveries, limits });
      for (const time of ["first", "second"]) {
        const [result] = await kit.store.commit([batch]);
        expectEqual(result?.outcome, "committed", `the ${time} answer`);
      }
      expectEqual((await kit.log(target)).length, 1, "copies");
    },
  },
  {
    name: "reject: a stale owner is superseded, not refused [G3]",
    applies: ({ fencing }) => fencing === "strict",
    run: async (kit) => {
      const target = await unstarted(kit, "target");
      const publisher = await kit.open("publisher");
      await kit.acquire("publisher");
      await kit.fill(target, ["a"]);
      const limits: QueueLimits = { ...LIMIT_3, maximumMessages: 1, whenFull: "reject" };
      const deliveries = [{ message: message(), receivers: [receiver(target)] }];
      expectEqual(
        (await kit.commit({ guard: publisher.guard, deliveries, limits })).outcome,
        "superseded",
        "the answer",
      );
    },
  },
  {
    name: "reject: what a batch does to its own session comes before its deliveries to it",
    run: async (kit) => {
      const limits: QueueLimits = { ...LIMIT_3, maximumMessages: 1, whenFull: "reject" };
      const own = await unstarted(kit);
      await kit.fill(own, ["a"]);
      const deliveries = [{ message: message(), receivers: [receiver(own)] }];
      expectEqual((await kit.commit({ guard: own.guard, deliveries, limits })).outcome, "refused", "with a full queue");
      const freed = await kit.change(own, [{ type: "deleteQueued", sequence: 1, bytes: 4 }], { deliveries, limits });
      expectEqual((await kit.log(freed)).map(({ sequence }) => sequence), [2], "the log once room was made");
      const changes = [{ type: "endSession", reason: "administrative" }] as const;
      const result = await kit.commit({ guard: freed.guard, changes, deliveries, limits });
      expectEqual(result.outcome === "committed" && words(result.deliveries[0] ?? []), ["ended"], "the end");
    },
  },
];

const REMOVAL: ConformanceCase[] = [
  {
    name: "a removed message makes room, and is counted if it was lost",
    run: async (kit) => {
      let session = await unstarted(kit);
      const limits: QueueLimits = { ...LIMIT_3, whenFull: "dropNewest" };
      await kit.fill(session, ["a", "b", "c"]);
      session = await kit.change(session, [
        { type: "deleteQueued", sequence: 1, bytes: 4 },
        { type: "deleteQueued", sequence: 3, bytes: 4, dropped: "expired" },
      ]);
      expectEqual(await dropped(kit, session), { expired: 1 }, "drops");
      const line = await kit.store.directory.inspect("client");
      expectEqual([line?.queuedMessages, line?.queuedBytes], [1, 4], "what the directory counts");
      expectEqual(await offer(kit, session, "d", limits), "appended 4", "the first");
      expectEqual(await offer(kit, session, "e", limits), "appended 5", "the second");
      expectEqual(await offer(kit, session, "f", limits), "dropped queueFullNewest", "the third");
      expectEqual(await kit.logTexts(session), ["2:b", "4:d", "5:e"], "the log");
    },
  },
  {
    name: "a message that gave way already is not removed or counted a second time by its owner",
    run: async (kit) => {
      let session = await unstarted(kit);
      await kit.fill(session, ["a", "b", "c"]);
      expectEqual(await offer(kit, session, "d", LIMIT_3), "appended 4 queueFullOldest", "what came");
      session = await kit.change(session, [{ type: "deleteQueued", sequence: 1, bytes: 4, dropped: "expired" }]);
      const line = await kit.store.directory.inspect("client");
      expectEqual([line?.queuedMessages, line?.queuedBytes], [3, 12], "what the directory counts");
      expectEqual(line?.dropped, { queueFullOldest: 1 }, "drops");
      expectEqual(
        await offer(kit, session, "e", { ...LIMIT_3, whenFull: "dropNewest" }),
        "dropped queueFullNewest",
        "room",
      );
    },
  },
  {
    name: "a page leads over what is gone, and ends at the tail",
    run: async (kit) => {
      let session = await unstarted(kit);
      await kit.fill(session, ["a", "b", "c", "d", "e"]);
      session = await kit.change(session, [2, 3, 5].map((sequence) => ({ type: "deleteQueued", sequence, bytes: 4 })));
      const read = (after: number, messages: number) =>
        kit.store.readQueue(session.guard, { after, messages, bytes: 1_000 });
      const first = await read(0, 1);
      expectEqual(first.messages.map(({ sequence }) => sequence), [1], "the first page");
      expectEqual([first.through >= 1 && first.through < 4, first.tail], [true, 5], "where it leads");
      const second = await read(first.through, 10);
      expectEqual(second.messages.map(({ sequence }) => sequence), [4], "the second page");
      expectEqual([second.through, second.tail], [5, 5], "where that leads");
      const last = await read(5, 10);
      expectEqual([last.messages.length, last.through, last.tail], [0, 5, 5], "the page after the end");
    },
  },
  {
    name: "a page keeps to its bytes, though it always holds one message",
    run: async (kit) => {
      const session = await unstarted(kit);
      await kit.fill(session, ["aaaaa", "bbbbb", "ccccc"]);
      const read = (bytes: number) => kit.store.readQueue(session.guard, { after: 0, messages: 10, bytes });
      expectEqual((await read(1)).messages.length, 1, "of 1 byte");
      expectEqual((await read(16)).messages.length, 2, "of two messages' bytes");
      expectEqual((await read(24)).messages.length, 3, "of all bytes");
      expectEqual((await kit.log(session, { messages: 1, bytes: 1 })).length, 3, "messages of all pages");
    },
  },
  {
    name: "the log survives its connection and its owner",
    run: async (kit) => {
      const session = await kit.detach(await kit.open("client"));
      await kit.fill(session, ["a", "b"]);
      const answer = await kit.acquire("client", { nodeId: "node-b" });
      expectEqual(answer.queue.messages.map(({ sequence }) => sequence), [1, 2], "the first page");
      expectEqual(await kit.logTexts({ ...session, guard: answer.guard }), ["1:a", "2:b"], "the log");
    },
  },
];

/** All of it. */
export const QUEUE_CASES: readonly ConformanceCase[] = [...ORDER, ...LIMITS, ...REFUSALS, ...REMOVAL];
