/** The limits of the log: what gives way, what is refused, and what never is. */
import type { StoreCapabilities } from "../../store/capabilities.ts";
import type { QueueLimits } from "../../store/session_store.ts";
import { expectEqual } from "./expect.ts";
import { type ConformanceCase, message, receiver, ROOMY, words } from "./kit.ts";
import { dropped, LIMIT_3, offer, unstarted } from "./queue_kit.ts";

/** Whether a batch is refused since queues are full. */
const refuses = ({ delivery }: StoreCapabilities): boolean => delivery === "commit";

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
    applies: refuses,
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
    applies: refuses,
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
    applies: refuses,
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
    applies: refuses,
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

/** All of it. */
export const QUEUE_LIMIT_CASES: readonly ConformanceCase[] = [...LIMITS, ...REFUSALS];
