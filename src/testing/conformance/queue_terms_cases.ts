/** Copies that wait under terms: one a slot, groups with bounds of their own, priorities. */
import type { QueueLimits, ReceiverOutcome } from "../../store/session_store.ts";
import type { WaitingGroup, WaitingTerms } from "../../store/waiting_terms.ts";
import { expectEqual } from "./expect.ts";
import { bytesOf, type ConformanceCase, type Kit, message, type Owned, receiver, ROOMY, words } from "./kit.ts";
import { dropped, LIMIT_3, unstarted } from "./queue_kit.ts";

/** Delivers one message under terms; what became of it. */
async function offer(
  kit: Kit,
  session: Owned,
  payload: string,
  terms: WaitingTerms | undefined,
  { limits = ROOMY, qos = 1 }: { readonly limits?: QueueLimits; readonly qos?: 0 | 1 | 2 } = {},
): Promise<string> {
  const delivery = { message: message({ payload: bytesOf(payload) }), receivers: [receiver(session, { qos })] };
  const result = await kit.commit({ deliveries: [{ ...delivery, ...(terms === undefined ? {} : { terms }) }], limits });
  const outcomes: readonly ReceiverOutcome[] = result.outcome === "committed" ? result.deliveries[0] ?? [] : [];
  return words(outcomes).join();
}

const GROUP: WaitingGroup = { name: "alarms/#", maximumMessages: 2, maximumBytes: 1_000, whenFull: "dropOldest" };
const ONE: WaitingTerms = { slot: "one" };
const TWO: WaitingTerms = { slot: "two" };

const SLOTS: ConformanceCase[] = [
  {
    name: "a slot holds one message that waits: the earlier one is replaced, and counted",
    run: async (kit) => {
      const session = await unstarted(kit);
      const told: string[] = [];
      for (const [text, terms] of [["a", ONE], ["b", TWO], ["c", undefined], ["d", ONE], ["e", TWO]] as const) {
        told.push(await offer(kit, session, text, terms));
      }
      expectEqual(
        told,
        ["appended 1", "appended 2", "appended 3", "appended 4 replaced", "appended 5 replaced"],
        "answers",
      );
      expectEqual(await kit.logTexts(session), ["3:c", "4:d", "5:e"], "the log");
      expectEqual(await dropped(kit, session), { replaced: 2 }, "drops");
      const line = await kit.store.directory.inspect(session.clientId);
      expectEqual([line?.queuedMessages, line?.queuedBytes], [3, 12], "what the directory counts");
    },
  },
  {
    name: "what was started keeps its slot, and another waits beside it [G7]",
    run: async (kit) => {
      let session = await unstarted(kit);
      await offer(kit, session, "a", ONE);
      session = await kit.change(session, [{ type: "putSentLimit", sentLimit: 1 }]);
      expectEqual(await offer(kit, session, "b", ONE), "appended 2", "beside a started one");
      expectEqual(await offer(kit, session, "c", ONE), "appended 3 replaced", "in the place of one that waits");
      expectEqual(await kit.logTexts(session), ["1:a", "3:c"], "the log");
    },
  },
  {
    name: "a slot is as long as it is, and of one session alone",
    run: async (kit) => {
      const [one, two] = [await unstarted(kit, "one"), await unstarted(kit, "two")];
      const long = { slot: `${"é/".repeat(300)}${"x".repeat(200)} ;=-` };
      await offer(kit, one, "a", long);
      await offer(kit, two, "a", long);
      expectEqual(await offer(kit, one, "b", { slot: `${long.slot}!` }), "appended 2", "another slot");
      expectEqual(await offer(kit, one, "c", long), "appended 3 replaced", "the same");
      expectEqual(await offer(kit, two, "d", { slot: "-" }), "appended 2", "a short one");
      expectEqual(await kit.logTexts(two), ["1:a", "2:d"], "the other session's log");
    },
  },
  {
    name: "a replaced message makes room where the log is full, whatever gives way otherwise",
    run: async (kit) => {
      for (const whenFull of ["dropNewest", "dropOldest"] as const) {
        const session = await unstarted(kit, whenFull);
        const limits: QueueLimits = { ...LIMIT_3, whenFull };
        for (const text of ["a", "b"]) await offer(kit, session, text, undefined, { limits });
        await offer(kit, session, "c", ONE, { limits });
        expectEqual(await offer(kit, session, "d", ONE, { limits }), "appended 4 replaced", whenFull);
        expectEqual(await kit.logTexts(session), ["1:a", "2:b", "4:d"], "the log");
      }
    },
  },
  {
    name: "what finds no room leaves its slot as it is",
    run: async (kit) => {
      const session = await unstarted(kit);
      const limits: QueueLimits = { ...ROOMY, maximumBytes: 10, whenFull: "dropNewest" };
      await offer(kit, session, "a", ONE, { limits });
      expectEqual(await offer(kit, session, "much too long", ONE, { limits }), "dropped queueFullNewest", "the answer");
      expectEqual(await kit.logTexts(session), ["1:a"], "the log");
      expectEqual(await dropped(kit, session), { queueFullNewest: 1 }, "drops");
    },
  },
  {
    name: "a copy at QoS 0 replaces none that was promised",
    run: async (kit) => {
      const session = await unstarted(kit);
      await offer(kit, session, "a", ONE, { qos: 2 });
      expectEqual(await offer(kit, session, "b", ONE, { qos: 0 }), "appended 2", "QoS 0 beside QoS 2");
      expectEqual(await offer(kit, session, "c", ONE, { qos: 0 }), "appended 3 replaced", "QoS 0 after QoS 0");
      expectEqual(await offer(kit, session, "d", ONE, { qos: 1 }), "appended 4 replaced replaced", "QoS 1 after all");
      expectEqual(await kit.logTexts(session), ["4:d"], "the log");
    },
  },
  {
    name: "a message of many parts gives way as any other",
    applies: ({ maxMessageBytes }) => maxMessageBytes > 200_000,
    run: async (kit) => {
      const session = await unstarted(kit);
      const large = "x".repeat(150_000);
      await offer(kit, session, large, ONE);
      expectEqual(await offer(kit, session, large, ONE), "appended 2 replaced", "the answer");
      expectEqual((await kit.log(session)).map(({ sequence }) => sequence), [2], "the log");
    },
  },
];

const GROUPS: ConformanceCase[] = [
  {
    name: "a group keeps to its own bounds: its oldest gives way, and counts apart",
    run: async (kit) => {
      const session = await unstarted(kit);
      await offer(kit, session, "other", undefined);
      for (const text of ["a", "b"]) await offer(kit, session, text, { group: GROUP });
      expectEqual(await offer(kit, session, "c", { group: GROUP }), "appended 4 filterFullOldest", "messages");
      const bytes = { ...GROUP, maximumMessages: 100, maximumBytes: 12 };
      expectEqual(
        await offer(kit, session, "1234567", { group: bytes }),
        "appended 5 filterFullOldest filterFullOldest",
        "bytes, under other bounds of the same name",
      );
      expectEqual(await kit.logTexts(session), ["1:other", "5:1234567"], "the log");
      expectEqual(await dropped(kit, session), { filterFullOldest: 3 }, "drops");
    },
  },
  {
    name: "a group that is full takes no more where nothing gives way, and others go on",
    run: async (kit) => {
      const session = await unstarted(kit);
      const group: WaitingGroup = { ...GROUP, whenFull: "dropNewest" };
      for (const text of ["a", "b"]) await offer(kit, session, text, { group });
      expectEqual(await offer(kit, session, "c", { group }), "dropped filterFullNewest", "the group");
      expectEqual(
        await offer(kit, session, "d", { group: { ...group, name: "alarm" } }),
        "appended 3",
        "another group",
      );
      expectEqual(await offer(kit, session, "e", undefined), "appended 4", "no group");
      expectEqual(await dropped(kit, session), { filterFullNewest: 1 }, "drops");
    },
  },
  {
    name: "what was started counts for no group, and gives way for none [G7]",
    run: async (kit) => {
      let session = await unstarted(kit);
      for (const text of ["a", "b"]) await offer(kit, session, text, { group: GROUP });
      session = await kit.change(session, [{ type: "putSentLimit", sentLimit: 2 }]);
      for (const text of ["c", "d"]) expectEqual((await offer(kit, session, text, { group: GROUP })).length, 10, text);
      expectEqual(
        await offer(kit, session, "e", { group: GROUP }),
        "appended 5 filterFullOldest",
        "the third that waits",
      );
      expectEqual(await kit.logTexts(session), ["1:a", "2:b", "4:d", "5:e"], "the log");
    },
  },
  {
    name: "a replaced message makes room in its group, and the group before the log",
    run: async (kit) => {
      const session = await unstarted(kit);
      await offer(kit, session, "a", undefined);
      await offer(kit, session, "b", { group: GROUP, slot: "one" });
      await offer(kit, session, "c", { group: GROUP });
      const terms = { group: GROUP, slot: "one" };
      expectEqual(await offer(kit, session, "d", terms, { limits: LIMIT_3 }), "appended 4 replaced", "its slot");
      expectEqual(
        await offer(kit, session, "e", { group: GROUP }, { limits: LIMIT_3 }),
        "appended 5 filterFullOldest",
        "its group",
      );
      expectEqual(await kit.logTexts(session), ["1:a", "4:d", "5:e"], "the log");
    },
  },
];

const PRIORITIES: ConformanceCase[] = [
  {
    name: "lower priorities give way first, and of each QoS 0 first; the order of the log stays",
    run: async (kit) => {
      const session = await unstarted(kit);
      await offer(kit, session, "high", { priority: 5 });
      await offer(kit, session, "plain", undefined);
      await offer(kit, session, "zero", { priority: 5 }, { qos: 0 });
      const give = (text: string) => offer(kit, session, text, { priority: 9 }, { limits: LIMIT_3 });
      expectEqual(await give("a"), "appended 4 queueFullOldest", "the first");
      expectEqual(await kit.logTexts(session), ["1:high", "3:zero", "4:a"], "the log after it");
      await give("b");
      await give("c");
      expectEqual(await kit.logTexts(session), ["4:a", "5:b", "6:c"], "the log after all");
    },
  },
  {
    name: "no message displaces one of a higher priority, though it came without terms itself",
    run: async (kit) => {
      const session = await unstarted(kit);
      for (const text of ["a", "b", "c"]) await offer(kit, session, text, { priority: 1 });
      expectEqual(await offer(kit, session, "d", undefined, { limits: LIMIT_3 }), "dropped queueFullNewest", "without");
      expectEqual(
        await offer(kit, session, "e", { slot: "x" }, { limits: LIMIT_3 }),
        "dropped queueFullNewest",
        "lower",
      );
      expectEqual(
        await offer(kit, session, "f", { priority: 1 }, { limits: LIMIT_3 }),
        "appended 4 queueFullOldest",
        "equal",
      );
      expectEqual(await kit.logTexts(session), ["2:b", "3:c", "4:f"], "the log");
    },
  },
  {
    name: "priority holds among what came without terms before and after it",
    run: async (kit) => {
      let session = await unstarted(kit);
      await kit.fill(session, ["a"]);
      await offer(kit, session, "b", { priority: 1 });
      await kit.fill(session, ["c"]);
      expectEqual(
        await offer(kit, session, "d", undefined, { limits: LIMIT_3 }),
        "appended 4 queueFullOldest",
        "first",
      );
      expectEqual(await kit.logTexts(session), ["2:b", "3:c", "4:d"], "the log");
      session = await kit.change(session, [{ type: "putSentLimit", sentLimit: 3 }]);
      expectEqual(
        await offer(kit, session, "e", undefined, { limits: LIMIT_3 }),
        "appended 5 queueFullOldest",
        "started",
      );
      expectEqual(await kit.logTexts(session), ["2:b", "3:c", "5:e"], "the log then");
    },
  },
  {
    name: "terms out of range are refused before anything happens",
    run: async (kit) => {
      const session = await unstarted(kit);
      const wrong: WaitingTerms[] = [
        { priority: 10 },
        { priority: 0.5 },
        { group: { ...GROUP, maximumMessages: 0 } },
        { slot: "x".repeat(1_025) },
      ];
      for (const terms of wrong) {
        const failed = await offer(kit, session, "a", terms).then(() => undefined, (error) => error);
        expectEqual(failed instanceof RangeError, true, JSON.stringify(terms));
      }
      expectEqual(await kit.logTexts(session), [], "the log");
    },
  },
];

const REFUSALS: ConformanceCase[] = [
  {
    name: "reject: a full group refuses as a full log does, and a replaced message makes room [D11]",
    applies: ({ delivery }) => delivery === "commit",
    run: async (kit) => {
      const session = await unstarted(kit);
      const group: WaitingGroup = { ...GROUP, maximumMessages: 1, whenFull: "dropNewest" };
      await offer(kit, session, "a", { group, slot: "one" });
      const limits: QueueLimits = { ...ROOMY, whenFull: "reject" };
      const send = (terms: WaitingTerms) =>
        kit.commit({ deliveries: [{ message: message(), receivers: [receiver(session)], terms }], limits });
      expectEqual((await send({ group })).outcome, "refused", "a full group");
      expectEqual((await send({ group, slot: "one" })).outcome, "committed", "the same slot");
      expectEqual(await dropped(kit, session), { replaced: 1 }, "drops");
    },
  },
];

/** All of it. */
export const QUEUE_TERMS_CASES: readonly ConformanceCase[] = [...SLOTS, ...GROUPS, ...PRIORITIES, ...REFUSALS];
