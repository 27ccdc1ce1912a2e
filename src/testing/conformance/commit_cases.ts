/** Commits: whole or not at all, by the owner alone. */
import { applyChanges, type SessionChange } from "../../machine/change.ts";
import { changesNothing, furnished, KINDS, ONE_OF_EACH } from "./commit_kit.ts";
import { expect, expectEqual } from "./expect.ts";
import {
  attachedHead,
  bytesOf,
  type ConformanceCase,
  message,
  type Owned,
  PLAIN,
  receiver,
  START,
  will,
} from "./kit.ts";

const MEANING: ConformanceCase[] = [
  ...KINDS.filter(({ type }) => type !== "endSession").map((change): ConformanceCase => ({
    name: `${change.type} is stored and means what applyChanges says`,
    run: async (kit) => {
      const session = await furnished(kit);
      const before = await kit.store.read("client");
      expect(before !== undefined, "the session is not stored");
      const { guard } = await kit.change(session, [change]);
      const after = await kit.store.read("client");
      expectEqual(after?.snapshot, applyChanges(before.snapshot, [change]), "the snapshot");
      expectEqual(after?.guard, guard, "the guard");
      expectEqual(guard.epoch, before.guard.epoch, "the epoch");
      expect(guard.version > before.guard.version, "the version was not raised");
    },
  })),
  {
    name: "changes of one batch are carried out in order, the later over the earlier",
    applies: ({ maxChangesPerBatch }) => maxChangesPerBatch >= 24,
    run: async (kit) => {
      const session = await furnished(kit);
      const before = await kit.store.read("client");
      expect(before !== undefined, "the session is not stored");
      const changes: SessionChange[] = [
        ...KINDS.filter(({ type }) => type !== "endSession"),
        { type: "putSubscription", filter: "kept/#", subscription: { ...PLAIN, qos: 0 } },
        { type: "deleteSubscription", filter: "a/+" },
        { type: "putSentLimit", sentLimit: 78 },
        { type: "deleteInboundId", packetId: 5 },
        { type: "putInboundId", packetId: 4 },
        { type: "deleteQuarantine", packetId: 6 },
        { type: "putQuarantine", packetId: 8 },
        { type: "putOutboundMark", sequence: 1, mark: { packetId: 1, phase: "sent", pubrecOrder: 0 } },
        { type: "deleteQueued", sequence: 2, bytes: 0 },
        { type: "putWill", will: will({ payload: bytesOf("last words") }) },
      ];
      await kit.change(session, changes);
      expectEqual((await kit.store.read("client"))?.snapshot, applyChanges(before.snapshot, changes), "the snapshot");
      const [kept, other] = await kit.store.matchSubscriptions(["kept/x", "a/x"]);
      expectEqual(kept?.map(({ subscription }) => subscription.qos), [0], "matches of the replaced one");
      expectEqual(other, [], "matches of the deleted one");
    },
  },
  {
    name: "a batch without changes raises the version all the same",
    run: async (kit) => {
      const session = await kit.open("client");
      const { guard } = await kit.change(session, []);
      expect(guard.version > session.guard.version, "the version was not raised");
      expectEqual((await kit.commit({ guard: session.guard })).outcome, "superseded", "the old guard");
    },
  },
  {
    name: "a batch as large as the store allows is stored whole",
    run: async (kit) => {
      const session = await kit.open("client");
      const count = Math.min(1_000, kit.store.capabilities.maxChangesPerBatch);
      const changes = Array.from({ length: count }, (_, index): SessionChange => ({
        type: "putSubscription",
        filter: `${"deep/".repeat(10)}${index}`,
        subscription: PLAIN,
      }));
      await kit.store.admitFilters(["exact"]);
      await kit.change(session, changes);
      expectEqual((await kit.store.read("client"))?.snapshot.subscriptions.size, count, "subscriptions");
    },
  },
  {
    name: "a session that is let go has no owner any more",
    run: async (kit) => {
      const session = await kit.detach(await kit.open("client"));
      const read = await kit.store.read("client");
      expectEqual([read?.owner, read?.ownerUntil], [undefined, undefined], "its owner");
      expectEqual(read?.guard, session.guard, "the guard");
      const answer = await kit.acquire("client", { whenOwned: "refuse" });
      expectEqual([answer.resumed, answer.superseded], [true, undefined], "the next acquire");
    },
  },
];

const FENCING: ConformanceCase[] = [
  {
    name: "an owner that was superseded changes nothing, with any kind of commit [G3]",
    run: async (kit) => {
      const stale = await furnished(kit);
      const owner = await kit.acquire("client", { nodeId: "node-b" });
      await changesNothing(kit, stale.guard, { ...stale, guard: owner.guard });
    },
  },
  {
    name: "a guard of an earlier version changes nothing [G3]",
    run: async (kit) => {
      const stale = await furnished(kit);
      await changesNothing(kit, stale.guard, await kit.change(stale, []));
    },
  },
  {
    name: "a guard of an ended incarnation changes nothing of the next one [G3]",
    run: async (kit) => {
      const stale = await furnished(kit);
      await kit.acquire("client", { terms: { cleanStart: true } });
      const fresh = await kit.acquire("client", { nodeId: "node-b", terms: { cleanStart: true } });
      const session = { clientId: "client", incarnation: fresh.guard.incarnation, guard: fresh.guard };
      await changesNothing(kit, stale.guard, session);
    },
  },
  {
    name: "a guard of a session that has ended brings nothing back",
    run: async (kit) => {
      const session = await furnished(kit);
      await kit.change(session, [ONE_OF_EACH.endSession]);
      for (const change of KINDS) {
        const answer = await kit.commit({ guard: session.guard, changes: [change] });
        expectEqual(answer, { outcome: "superseded" }, change.type);
      }
      expectEqual(await kit.store.read("client"), undefined, "what is stored");
      expectEqual((await kit.acquire("client")).resumed, false, "resumed");
    },
  },
  {
    name: "of commits at the same time under one guard one is carried out",
    run: async (kit) => {
      const session = await kit.open("client");
      const results = await Promise.all(
        Array.from(
          { length: 5 },
          (_, index) => kit.commit({ guard: session.guard, changes: [{ type: "putInboundId", packetId: index + 1 }] }),
        ),
      );
      expectEqual(results.filter(({ outcome }) => outcome === "committed").length, 1, "commits");
      expectEqual((await kit.store.read("client"))?.snapshot.inbound.size, 1, "changes");
    },
  },
  {
    name: "work without owning supersedes the owner, and is dropped when somebody connects first",
    run: async (kit) => {
      const session = await furnished(kit);
      const read = await kit.store.read("client");
      expect(read !== undefined, "the session is not stored");
      const work = { guard: read.guard, raiseEpoch: { token: "work" }, changes: [ONE_OF_EACH.putHead] };
      const result = await kit.commit(work);
      expect(result.outcome === "committed", "the work was not carried out");
      expect((result.guard?.epoch ?? 0) > session.guard.epoch, "the epoch was not raised");
      expectEqual((await kit.commit({ guard: session.guard })).outcome, "superseded", "the owner");
      expectEqual((await kit.store.read("client"))?.owner, undefined, "who owns it then");
      const seen = await kit.store.read("client");
      const owner = await kit.acquire("client");
      expect(seen !== undefined, "the session is not stored any more");
      const late = await kit.commit({ ...work, guard: seen.guard });
      expectEqual(late, { outcome: "superseded" }, "work that came too late");
      expectEqual((await kit.commit({ guard: owner.guard })).outcome, "committed", "the new owner");
    },
  },
];

const GROUPS: ConformanceCase[] = [
  {
    name: "of a group of batches each is whole or not at all, and the answers come in their order",
    applies: ({ fencing }) => fencing === "strict",
    run: async (kit) => {
      const target = await kit.open("target");
      const sessions: Owned[] = [];
      for (let index = 0; index < 40; index++) sessions.push(await kit.open(`client-${index}`));
      await kit.acquire("client-7");
      await kit.acquire("client-30");
      const results = await kit.store.commit(sessions.map(({ guard }, index) =>
        kit.batch({
          guard,
          changes: [{ type: "putInboundId", packetId: index + 1 }],
          deliveries: [{ message: message({ payload: bytesOf(String(index)) }), receivers: [receiver(target)] }],
        })
      ));
      const stale = results.flatMap(({ outcome }, index) => outcome === "superseded" ? [index] : []);
      expectEqual(stale, [7, 30], "batches that were superseded");
      expectEqual(results.length, 40, "answers");
      const texts = (await kit.log(target)).map(({ payload }) => new TextDecoder().decode(payload));
      expectEqual(
        [...texts].sort(),
        sessions.map((_, index) => String(index)).filter((text) => !["7", "30"].includes(text)).sort(),
        "messages",
      );
      for (const [index, { clientId }] of sessions.entries()) {
        const inbound = [...(await kit.store.read(clientId))?.snapshot.inbound ?? []];
        expectEqual(inbound, stale.includes(index) ? [] : [index + 1], `what ${clientId} holds`);
      }
    },
  },
  {
    name: "a batch without a guard, of a group, is carried out beside the others",
    run: async (kit) => {
      const target = await kit.open("target");
      const session = await kit.open("client");
      const deliveries = [{ message: message(), receivers: [receiver(target)] }];
      const results = await kit.store.commit([
        kit.batch({ deliveries }),
        kit.batch({ guard: session.guard, deliveries }),
        kit.batch({ deliveries }),
      ]);
      expectEqual(results.map(({ outcome }) => outcome), ["committed", "committed", "committed"], "outcomes");
      expectEqual((await kit.log(target)).map(({ sequence }) => sequence), [1, 2, 3], "sequences");
    },
  },
  {
    name: "no batches are no answers",
    run: async (kit) => {
      expectEqual(await kit.store.commit([]), [], "the answer");
    },
  },
];

/** All of it. */
export const COMMIT_CASES: readonly ConformanceCase[] = [
  ...MEANING,
  ...FENCING.map((fencing): ConformanceCase => ({
    ...fencing,
    applies: (capabilities) => capabilities.fencing === "strict",
  })),
  ...GROUPS,
  {
    name: "a session that ends is gone at once, with its queue and its line in the directory [G8]",
    run: async (kit) => {
      const session = await furnished(kit);
      const result = await kit.commit({ guard: session.guard, changes: [ONE_OF_EACH.endSession] });
      expectEqual(result, { outcome: "committed", deliveries: [] }, "the answer");
      expectEqual(await kit.store.read("client"), undefined, "what is stored");
      expectEqual(await kit.store.directory.inspect("client"), undefined, "what the directory says");
      expectEqual((await kit.store.directory.list({ limit: 10 })).sessions, [], "what the directory lists");
      expectEqual((await kit.deliver([receiver(session)])).map(({ outcome }) => outcome), ["ended"], "a delivery");
      const next = await kit.acquire("client", { terms: { head: attachedHead({ connectedAt: START + 1 }) } });
      expectEqual([next.resumed, next.ended, next.queue.tail], [false, undefined, 0], "the next acquire");
    },
  },
];
