/** The log: in order, page by page, each loss counted. */
import type { QueueLimits } from "../../store/session_store.ts";
import { dropped, LIMIT_3, offer, unstarted } from "./queue_kit.ts";
import { expectEqual } from "./expect.ts";
import { bytesOf, type ConformanceCase, message, receiver, ROOMY, START, words } from "./kit.ts";

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
export const QUEUE_CASES: readonly ConformanceCase[] = [...ORDER, ...REMOVAL];
