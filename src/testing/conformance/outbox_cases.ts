/** The outbox: what a commit owes and cannot deliver at once follows, in order, once, whoever works it off. */
import type { DueWork } from "../../store/due_work.ts";
import type { OutboxEntry } from "../../store/session_store.ts";
import { expect, expectEqual } from "./expect.ts";
import {
  bytesOf,
  type ConformanceCase,
  type Kit,
  message,
  type Owned,
  receiver,
  ROOMY,
  START,
  will,
  words,
} from "./kit.ts";

/** One step: appends to receivers `from` to `to`, and fixes them if the entry had none. */
async function step(
  kit: Kit,
  entry: OutboxEntry,
  targets: readonly Owned[],
  to: number,
  fixes = entry.receivers === undefined,
): Promise<string> {
  const receivers = targets.map((target) => receiver(target));
  const result = await kit.commit({
    deliveries: [{ message: entry.message, receivers: receivers.slice(entry.cursor, to) }],
    outbox: {
      outboxId: entry.outboxId,
      number: entry.number,
      from: entry.cursor,
      to,
      ...(fixes ? { receivers } : {}),
    },
  });
  return result.outcome;
}

async function onlyEntry(kit: Kit, outboxId: string): Promise<OutboxEntry> {
  const [entry, ...others] = await kit.store.readOutbox(outboxId, 10);
  expect(entry !== undefined && others.length === 0, `the outbox holds ${others.length + (entry ? 1 : 0)} entries`);
  return entry;
}

async function dueOutboxes(kit: Kit): Promise<readonly string[]> {
  const due = await kit.store.listDue(START, { limit: 100, graceMs: 0 });
  return due.flatMap((work: DueWork) => work.type === "outbox" ? [work.outboxId] : []);
}

/** A session whose outbox holds one unrouted message. */
async function owing(kit: Kit): Promise<Owned> {
  return await kit.change(await kit.open("publisher"), [], {
    deliveries: [{ message: message(), receivers: undefined }],
  });
}

/** All of it. */
export const OUTBOX_CASES: readonly ConformanceCase[] = [
  {
    name: "a message whose receivers nobody has looked up waits in the outbox of its session",
    run: async (kit) => {
      const publisher = await kit.open("publisher");
      const result = await kit.commit({
        guard: publisher.guard,
        deliveries: [{ message: message(), receivers: undefined }],
      });
      expect(result.outcome === "committed", "it was not committed");
      expectEqual(result.deliveries, [[]], "outcomes");
      const entry = await onlyEntry(kit, publisher.incarnation);
      expectEqual([entry.message, entry.receivers, entry.cursor], [message(), undefined, 0], "the entry");
      expectEqual(entry.outboxId, publisher.incarnation, "its outbox");
      expectEqual(await dueOutboxes(kit), [publisher.incarnation], "outboxes that are due");
      expectEqual((await kit.acquire("publisher")).outboxPending, true, "what the next owner is told");
    },
  },
  {
    name: "a message without a session waits in an outbox named by its batch",
    run: async (kit) => {
      const batch = kit.batch({ deliveries: [{ message: message(), receivers: undefined }] });
      await kit.store.commit([batch]);
      expectEqual((await onlyEntry(kit, batch.id)).message, message(), "the message");
      expectEqual(await dueOutboxes(kit), [batch.id], "outboxes that are due");
    },
  },
  {
    name: "the first step fixes the receivers, the last one removes the entry",
    run: async (kit) => {
      const publisher = await owing(kit);
      const targets = [await kit.open("one"), await kit.open("two"), await kit.open("three")];
      expectEqual(
        await step(kit, await onlyEntry(kit, publisher.incarnation), targets, 1),
        "committed",
        "the first step",
      );
      const entry = await onlyEntry(kit, publisher.incarnation);
      expectEqual(entry.receivers, targets.map((target) => receiver(target)), "the receivers");
      expectEqual(entry.cursor, 1, "the cursor");
      expectEqual(await step(kit, entry, targets, 3), "committed", "the second step");
      expectEqual(await kit.store.readOutbox(publisher.incarnation, 10), [], "the outbox");
      for (const target of targets) expectEqual((await kit.log(target)).length, 1, "copies");
      expectEqual(await dueOutboxes(kit), [], "outboxes that are due");
      expectEqual((await kit.acquire("publisher")).outboxPending, false, "what the next owner is told");
    },
  },
  {
    name: "an entry that turns out to have no receivers is removed by its first step",
    run: async (kit) => {
      const publisher = await owing(kit);
      expectEqual(await step(kit, await onlyEntry(kit, publisher.incarnation), [], 0), "committed", "the step");
      expectEqual(await kit.store.readOutbox(publisher.incarnation, 10), [], "the outbox");
    },
  },
  {
    name: "of two who take the same step one does, and nothing is appended twice",
    run: async (kit) => {
      const publisher = await owing(kit);
      const targets = [await kit.open("one"), await kit.open("two")];
      const entry = await onlyEntry(kit, publisher.incarnation);
      const outcomes = await Promise.all([step(kit, entry, targets, 1), step(kit, entry, targets.toReversed(), 1)]);
      expectEqual([...outcomes].sort(), ["committed", "superseded"], "outcomes");
      const fixed = await onlyEntry(kit, publisher.incarnation);
      expectEqual(await step(kit, entry, targets, 1), "superseded", "a step that comes again");
      const rest = fixed.receivers?.[0]?.clientId === "one" ? targets : targets.toReversed();
      expectEqual(await step(kit, { ...fixed, cursor: 0 }, rest, 2), "superseded", "a step from a cursor of before");
      expectEqual(await step(kit, fixed, rest, 2, true), "superseded", "a step that fixes other receivers");
      expectEqual(await step(kit, fixed, rest, 2), "committed", "the next step");
      expectEqual(await step(kit, fixed, rest, 2), "superseded", "that one again");
      for (const target of targets) expectEqual((await kit.log(target)).length, 1, "copies");
    },
  },
  {
    name: "what is sent behind the outbox stands in it, in order, and is owed",
    run: async (kit) => {
      let publisher = await owing(kit);
      const target = await kit.open("target");
      for (const text of ["first", "second"]) {
        const result = await kit.commit({
          guard: publisher.guard,
          deliveries: [{ message: message({ payload: bytesOf(text) }), receivers: [receiver(target)] }],
          behindOutbox: true,
        });
        expect(result.outcome === "committed" && result.guard !== undefined, "it was not committed");
        const { clientId, incarnation } = target;
        expectEqual(result.deliveries, [[{ outcome: "owed", clientId, incarnation }]], "outcomes");
        publisher = { ...publisher, guard: result.guard };
      }
      expectEqual(await kit.log(target), [], "the log of the receiver");
      const entries = await kit.store.readOutbox(publisher.incarnation, 10);
      const texts = entries.map((entry) => new TextDecoder().decode(entry.message.payload));
      expectEqual(texts, ["payload", "first", "second"], "what the outbox holds");
      const numbers = entries.map(({ number }) => number);
      expectEqual(numbers.toSorted((a, b) => a - b), numbers, "the order of their numbers");
      expectEqual((await kit.store.readOutbox(publisher.incarnation, 2)).length, 2, "entries when asked for two");
      for (const entry of entries) {
        const targets = entry.receivers === undefined ? [] : [target];
        expectEqual(await step(kit, entry, targets, targets.length), "committed", "a step");
      }
      expectEqual(await kit.logTexts(target), ["1:first", "2:second"], "the log of the receiver then");
    },
  },
  {
    name: "an outbox that was emptied does not begin its numbers anew",
    run: async (kit) => {
      let publisher = await owing(kit);
      const first = await onlyEntry(kit, publisher.incarnation);
      await step(kit, first, [], 0);
      publisher = await kit.change(publisher, [], { deliveries: [{ message: message(), receivers: undefined }] });
      const second = await onlyEntry(kit, publisher.incarnation);
      expect(second.number > first.number, "the number is not higher");
      expectEqual(await step(kit, first, [], 0), "superseded", "a late step of the first entry");
      expectEqual((await onlyEntry(kit, publisher.incarnation)).number, second.number, "the entry that is left");
    },
  },
  {
    name: "what a session owes outlives it [G8]",
    run: async (kit) => {
      const target = await kit.open("target");
      const publisher = await kit.open("publisher", { terms: { will: will() } });
      await kit.commit({
        guard: publisher.guard,
        changes: [{ type: "deleteWill" }, { type: "endSession", reason: "expired" }],
        deliveries: [{ message: message(), receivers: undefined }],
      });
      await kit.acquire("publisher", { terms: { cleanStart: true } });
      expectEqual(await dueOutboxes(kit), [publisher.incarnation], "outboxes that are due");
      expectEqual(await step(kit, await onlyEntry(kit, publisher.incarnation), [target], 1), "committed", "the step");
      expectEqual((await kit.log(target)).length, 1, "copies");
    },
  },
  {
    name: "a Will that a takeover released expires from then on, and waits unrouted",
    run: async (kit) => {
      const session = await kit.open("client", {
        terms: { will: will({ messageExpiryInterval: 10, properties: { userProperties: [["b", "1"], ["a", "2"]] } }) },
      });
      const now = START + 1_234;
      await kit.acquire("client", { now, terms: { cleanStart: true } });
      const entry = await onlyEntry(kit, session.incarnation);
      expectEqual(entry, {
        outboxId: session.incarnation,
        number: entry.number,
        message: {
          topic: "will/topic",
          payload: bytesOf("gone"),
          qos: 1,
          retain: false,
          properties: { userProperties: [["b", "1"], ["a", "2"]] },
          publisher: "client",
          publishedAt: now,
          expiresAt: now + 10_000,
        },
        cursor: 0,
      }, "the entry");
    },
  },
  {
    name: "a step is never refused, whatever the policy: what is full drops and counts",
    run: async (kit) => {
      const publisher = await owing(kit);
      const target = await kit.open("target", { terms: { sendAhead: 0 } });
      await kit.fill(target, ["a"]);
      const { outboxId, number, message: owed } = await onlyEntry(kit, publisher.incarnation);
      const receivers = [receiver(target)];
      const result = await kit.commit({
        deliveries: [{ message: owed, receivers }],
        outbox: { outboxId, number, from: 0, to: 1, receivers },
        limits: { ...ROOMY, maximumMessages: 1, whenFull: "reject" },
      });
      expect(result.outcome === "committed", "the step was not carried out");
      expectEqual(words(result.deliveries[0] ?? []), ["dropped queueFullNewest"], "the answer");
    },
  },
  {
    name: "receivers beyond those that one commit reaches are owed, and each is served once",
    applies: ({ maxReceiversPerCommit }) => maxReceiversPerCommit <= 1_000,
    run: async (kit) => {
      const count = kit.store.capabilities.maxReceiversPerCommit + 5;
      const targets: Owned[] = [];
      for (let index = 0; index < count; index++) targets.push(await kit.open(`target-${index}`));
      const publisher = await kit.open("publisher");
      const receivers = targets.map((target) => receiver(target));
      const result = await kit.commit({ guard: publisher.guard, deliveries: [{ message: message(), receivers }] });
      expect(result.outcome === "committed", "it was not committed");
      const told = result.deliveries[0] ?? [];
      expectEqual(told.map(({ clientId }) => clientId), targets.map(({ clientId }) => clientId), "whom it is about");
      const served = told.filter(({ outcome }) => outcome === "appended").length;
      expectEqual(
        told.map(({ outcome }) => outcome),
        targets.map((_, index) => index < served ? "appended" : "owed"),
        "outcomes",
      );
      const entry = await onlyEntry(kit, publisher.incarnation);
      const owed = entry.receivers?.slice(entry.cursor).map(({ clientId }) => clientId);
      expectEqual(owed, targets.slice(served).map(({ clientId }) => clientId), "who is owed");
      const steps = entry.receivers?.length ?? 0;
      const fixed = receivers.slice(receivers.length - steps);
      for (let cursor = entry.cursor; cursor < steps;) {
        const to = Math.min(steps, cursor + 3);
        const move = await kit.commit({
          deliveries: [{ message: entry.message, receivers: fixed.slice(cursor, to) }],
          outbox: { outboxId: entry.outboxId, number: entry.number, from: cursor, to },
        });
        expectEqual(move.outcome, "committed", "a step");
        cursor = to;
      }
      expectEqual(await kit.store.readOutbox(publisher.incarnation, 10), [], "the outbox");
      for (const target of targets) expectEqual((await kit.log(target)).length, 1, `copies of ${target.clientId}`);
    },
  },
];
