/** Moving entries from one log into others: whole or not at all, and only to those who own theirs. */
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { CommitBatch, CommitResult, Delivery, DeliveryReceiver } from "../../store/session_store.ts";
import { expect, expectEqual } from "./expect.ts";
import { attachedHead, bytesOf, type ConformanceCase, type Kit, type Owned, receiver, ROOMY, START } from "./kit.ts";

/** A log that entries are claimed from, and a session with its token that claims them. */
interface Scene {
  readonly group: Owned;
  readonly member: Owned;
  readonly token: string;
}

const CASES: ConformanceCase[] = [
  {
    name: "a claim moves entries from one log into others, and each copy says where it came from",
    run: async (kit) => {
      const { group, member, token } = await scene(kit, ["a", "b", "c"]);
      const [first, , third] = await kit.log(group);
      const result = await claim(kit, group, [[third, { ...member, token }], [first, { ...member, token }]]);
      expect(result.outcome === "committed", `the claim was ${result.outcome}`);
      expectEqual(result.deliveries.flat().map(({ outcome }) => outcome), ["appended", "appended"], "the outcomes");
      expectEqual(await kit.logTexts({ ...group, guard: result.guard ?? group.guard }), ["2:b"], "what is left");
      expectEqual(await kit.logTexts(member), ["1:c", "2:a"], "what was claimed");
      const { clientId, incarnation } = group;
      expectEqual(
        (await kit.log(member)).map(({ claimed, qos, retain }) => ({ claimed, qos, retain })),
        [1, 2].map(() => ({ claimed: { clientId, incarnation, qos: 2, retain: true }, qos: 1, retain: false })),
        "where the copies came from",
      );
      expectEqual((await kit.store.directory.inspect("group"))?.queuedMessages, 1, "the count of the group");
      expectEqual((await kit.store.directory.inspect("group"))?.dropped, {}, "what counts as lost");
      expectEqual((await kit.store.directory.inspect("member"))?.queuedMessages, 2, "the count of the member");
    },
  },
  {
    name: "where a copy came from is kept as it was stored, large messages too",
    run: async (kit) => {
      const { group, member, token } = await scene(kit, []);
      const size = Math.min(200_000, kit.store.capabilities.maxMessageBytes - 100);
      await kit.deliver([receiver(group, { qos: 2 })], { qos: 2, payload: new Uint8Array(size).fill(7) });
      const [entry] = await kit.log(group);
      expectEqual((await claim(kit, group, [[entry, { ...member, token }]])).outcome, "committed", "the claim");
      await kit.reopen();
      const [copy] = await kit.log(member);
      expectEqual(copy?.payload.length, size, "the payload");
      const { clientId, incarnation } = group;
      expectEqual(copy?.claimed, { clientId, incarnation, qos: 2, retain: false }, "where it came from");
    },
  },
  {
    name: "nothing is claimed for a session that another token owns, or nobody",
    run: async (kit) => {
      const { group, member, token } = await scene(kit, ["a"]);
      const [entry] = await kit.log(group);
      const refused = { outcome: "refused", reason: "notTaken" };
      expectEqual(await claim(kit, group, [[entry, { ...member, token: "another" }]]), refused, "for another token");
      const left = await kit.detach(member);
      expectEqual(await claim(kit, group, [[entry, { ...left, token }]]), refused, "for a detached session");
      await kit.change(left, [{ type: "endSession", reason: "expired" }]);
      expectEqual(await claim(kit, group, [[entry, { ...left, token }]]), refused, "for an ended session");
      expectEqual(await kit.logTexts(group), ["1:a"], "the log");
      expectEqual((await kit.store.directory.inspect("group"))?.queuedMessages, 1, "the count");
    },
  },
  {
    name: "a claim is carried out for all of its receivers or for none",
    run: async (kit) => {
      const { group, member, token } = await scene(kit, ["a", "b"]);
      const [first, second] = await kit.log(group);
      const gone = await kit.detach(await kit.open("gone", { token: "gone" }));
      const pairs = [[first, { ...member, token }], [second, { ...gone, token: "gone" }]] as const;
      expectEqual((await claim(kit, group, pairs)).outcome, "refused", "the claim");
      expectEqual(await kit.logTexts(group), ["1:a", "2:b"], "the log of the group");
      expectEqual(await kit.logTexts(member), [], "the log of the member");
      expectEqual((await kit.store.directory.inspect("gone"))?.dropped, {}, "what counts as lost");
    },
  },
  {
    name: "an entry that gave way meanwhile is claimed by nobody",
    run: async (kit) => {
      const { group, member, token } = await scene(kit, ["a", "b"]);
      const [first, second] = await kit.log(group);
      const limits = { ...ROOMY, maximumMessages: 2 };
      await kit.deliver([receiver(group)], { payload: bytesOf("c") }, limits);
      const both = [[first, { ...member, token }], [second, { ...member, token }]] as const;
      expectEqual((await claim(kit, group, both)).outcome, "refused", "with the one that gave way");
      expectEqual((await claim(kit, group, [both[1]])).outcome, "committed", "without it");
      expectEqual(await kit.logTexts(member), ["1:b"], "the log of the member");
    },
  },
  {
    name: "of two who claim the same entry one gets it",
    run: async (kit) => {
      const { group, member, token } = await scene(kit, ["a"]);
      const other = await kit.open("other", { token: "other" });
      const [entry] = await kit.log(group);
      const results = await Promise.all([
        claim(kit, group, [[entry, { ...member, token }]]),
        claim(kit, group, [[entry, { ...other, token: "other" }]]),
      ]);
      expectEqual(results.map(({ outcome }) => outcome).sort(), ["committed", "superseded"], "the outcomes");
      expectEqual([...await kit.logTexts(member), ...await kit.logTexts(other)], ["1:a"], "who has it");
    },
  },
  {
    name: "a claim needs room in the log that it goes to: nothing gives way for it",
    run: async (kit) => {
      const { group, member, token } = await scene(kit, ["a", "b"]);
      await kit.fill(member, ["own"]);
      const [first, second] = await kit.log(group);
      const limits = { ...ROOMY, maximumMessages: 2 };
      const both = [[first, { ...member, token }], [second, { ...member, token }]] as const;
      for (const whenFull of ["dropNewest", "dropOldest", "reject"] as const) {
        const refused = { outcome: "refused", reason: "notTaken" };
        expectEqual(await claim(kit, group, both, { limits: { ...limits, whenFull } }), refused, `of two, ${whenFull}`);
      }
      expectEqual((await claim(kit, group, [both[0]], { limits })).outcome, "committed", "of one");
      expectEqual(await kit.logTexts(member), ["1:own", "2:a"], "the log of the member");
    },
  },
  {
    name: "a claim tells the node that owns the receiver, and those that it names",
    run: async (kit) => {
      const { group, member } = await scene(kit, ["a"]);
      const far = await kit.open("far", { token: "far", nodeId: "node-b" });
      const [entry] = await kit.log(group);
      await kit.store.readRings("node-b");
      const rings = [{ nodeId: "node-b", clientId: "group" }];
      await claim(kit, group, [[entry, { ...far, token: "far" }]], { rings });
      expectEqual([...await kit.store.readRings("node-b")].sort(), ["far", "group"], "who has news");
      await kit.commit({ rings: [{ nodeId: "node-b", clientId: member.clientId }] });
      expectEqual(await kit.store.readRings("node-b"), ["member"], "who has news without a claim");
    },
  },
  {
    name: "what was claimed is given back in one commit, and stands behind what has come since",
    run: async (kit) => {
      const { group, member, token } = await scene(kit, ["a"]);
      const [entry] = await kit.log(group);
      await claim(kit, group, [[entry, { ...member, token }]]);
      await kit.fill(group, ["b"], { qos: 2 });
      const [copy] = await kit.log(member);
      expect(copy?.claimed !== undefined, "the copy does not say where it came from");
      const { claimed, sequence: _, subscriptionIdentifiers: _ids, ...rest } = copy;
      const back = { ...rest, qos: claimed.qos, retain: claimed.retain };
      const receivers = [{ ...receiver(group), qos: claimed.qos, retain: claimed.retain }];
      await kit.change(member, [{ type: "deleteQueued", sequence: 1, bytes: 1 }], {
        deliveries: [{ message: back, receivers }],
      });
      const { guard } = await kit.store.read("group") ?? group;
      expectEqual(await kit.logTexts({ ...group, guard }), ["2:b", "3:a"], "the log of the group");
      expectEqual(
        (await kit.log({ ...group, guard })).map(({ claimed, qos }) => ({ claimed, qos })),
        [{ claimed: undefined, qos: 2 }, { claimed: undefined, qos: 2 }],
        "what the copies are",
      );
    },
  },
];

const BORROWING: ConformanceCase[] = [
  {
    name: "no acquire ends a session that borrows, and none makes it forget that",
    run: async (kit) => {
      const opened = await kit.open("client");
      await kit.change(opened, [{ type: "putHead", head: attachedHead({ borrows: true }) }]);
      const clean = { terms: { cleanStart: true } };
      expectEqual(await kit.tryAcquire("client", clean), { outcome: "refused", reason: "unsettled" }, "by Clean Start");
      const again = await kit.acquire("client");
      expectEqual([again.resumed, again.snapshot.head.borrows], [true, true], "after a resume");
      const head = { ...again.snapshot.head, attached: false, disconnectedAt: START, endsAt: START + 1_000 };
      const { clientId } = opened;
      const owned = { clientId, incarnation: again.guard.incarnation, guard: again.guard };
      const left = await kit.change(owned, [{ type: "putHead", head }]);
      const late = { now: START + 2_000 };
      expectEqual(await kit.tryAcquire("client", late), { outcome: "refused", reason: "unsettled" }, "after its end");
      const { borrows: _, ...settled } = head;
      await kit.change(left, [{ type: "putHead", head: settled }]);
      expectEqual((await kit.acquire("client", late)).ended?.reason, "expired", "once it is settled");
    },
  },
  {
    name: "the filter of a shared subscription is kept, and no topic matches it",
    run: async (kit) => {
      let session = await kit.open("client");
      for (const filter of ["$share/g/a/b", "$share/g/+"]) session = await kit.subscribe(session, filter);
      expectEqual(
        await kit.store.matchSubscriptions(["$share/g/a/b", "$share/g/x", "a/b"]),
        [[], [], []],
        "what is found",
      );
      const { snapshot } = await kit.store.read("client") ?? {};
      expectEqual([...snapshot?.subscriptions.keys() ?? []].sort(), ["$share/g/+", "$share/g/a/b"], "what is kept");
    },
  },
  {
    name: "a store that cannot move entries says so",
    applies: ({ claims }) => !claims,
    run: async (kit) => {
      const { guard } = await kit.open("client");
      const found = await kit.commit({ guard, isWhole: true }).then(() => undefined, (error: unknown) => error);
      expect(found instanceof TypeError, "a batch that moves entries was taken");
    },
  },
];

/** The cases of logs that entries are claimed from. */
export const CLAIM_CASES: readonly ConformanceCase[] = [
  ...CASES.map((each) => ({ ...each, applies: ({ claims }: { readonly claims: boolean }) => claims })),
  ...BORROWING,
];

async function scene(kit: Kit, texts: readonly string[]): Promise<Scene> {
  const group = await kit.open("group", { terms: { sendAhead: 0 } });
  const member = await kit.open("member", { token: "member" });
  await kit.fill(group, texts, { qos: 2, retain: true });
  return { group, member, token: "member" };
}

type Pair = readonly [entry: QueuedMessage | undefined, to: Owned & { readonly token: string }];

/** Claims entries of a group, each for a session: as QoS 1, without RETAIN. */
function claim(
  kit: Kit,
  group: Owned,
  pairs: readonly Pair[],
  more: Partial<CommitBatch> = {},
): Promise<CommitResult> {
  const { clientId, incarnation } = group;
  const entries = pairs.flatMap(([entry, to]) => entry === undefined ? [] : [{ entry, to }]);
  expectEqual(entries.length, pairs.length, "entries to claim");
  return kit.commit({
    guard: group.guard,
    isWhole: true,
    changes: entries.map(({ entry }) => ({
      type: "deleteQueued",
      sequence: entry.sequence,
      bytes: entry.payload.length + entry.topic.length,
    })),
    deliveries: entries.map(({ entry, to }): Delivery => {
      const { sequence: _, subscriptionIdentifiers: _ids, ...message } = entry;
      const { qos, retain } = entry;
      const claimed = { clientId, incarnation, qos, retain };
      const copy: DeliveryReceiver = { ...receiver(to), ownedBy: to.token, claimed };
      return { message, receivers: [copy] };
    }),
    ...more,
  });
}
