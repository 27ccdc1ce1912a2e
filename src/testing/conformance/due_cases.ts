/** What is due, whose lease ran out, what is left to sweep, and who has news. */
import type { DueWork } from "../../store/due_work.ts";
import { expect, expectEqual } from "./expect.ts";
import { attachedHead, type ConformanceCase, type Kit, LEASE_END, message, receiver, START } from "./kit.ts";
import { deferred } from "../../store/deferred.ts";

function listDue(kit: Kit, now: number, graceMs = 0, limit = 100): Promise<readonly DueWork[]> {
  return kit.store.listDue(now, { limit, graceMs });
}

async function dueSessions(kit: Kit, now: number, limit?: number): Promise<readonly string[]> {
  const due = await listDue(kit, now, 1e12, limit);
  return due.flatMap((work) => work.type === "session" ? [`${work.clientId} ${work.dueAt - START}`] : []);
}

async function dueNodes(kit: Kit, now: number, graceMs = 0): Promise<readonly string[]> {
  const due = await listDue(kit, now, graceMs);
  return due.flatMap((work) =>
    work.type === "node" && work.clientIds.length > 0
      ? [`${work.nodeId} ${work.dueAt - START} ${work.clientIds.toSorted().join()}`]
      : []
  );
}

/** Sweeps until nothing is left to sweep; how many times that took. */
async function sweepAll(kit: Kit, now: number): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const due = await listDue(kit, now, 1e12);
    const sweeps = due.flatMap((work) => work.type === "sweep" ? [work.work] : []);
    if (sweeps.length === 0) return;
    for (const work of sweeps) await kit.store.sweep(work);
  }
  throw new Error("there is no end to sweeping");
}

const SESSIONS: ConformanceCase[] = [
  {
    name: "a detached session is due at the earlier of its Will and its end, an attached one never",
    run: async (kit) => {
      await kit.open("attached", { terms: { head: attachedHead({ endsAt: 0, endsAfterMs: 0 }) } });
      await kit.detach(await kit.open("ends"), { endsAt: START + 500 });
      await kit.detach(await kit.open("will"), { endsAt: START + 900, willDueAt: START + 300 });
      const { endsAt: _, ...forever } = attachedHead({ attached: false, disconnectedAt: START });
      await kit.change(await kit.open("forever"), [{ type: "putHead", head: forever }]);
      expectEqual(await dueSessions(kit, START + 299), [], "before all of them");
      expectEqual(await dueSessions(kit, START + 300), ["will 300"], "at the first one");
      expectEqual(await dueSessions(kit, START + 10_000), ["will 300", "ends 500"], "after all of them");
      expectEqual(await dueSessions(kit, START + 10_000, 1), ["will 300"], "when asked for one");
      expect((await kit.store.nextDueAt() ?? Infinity) <= START + 300, "the next moment comes too late");
    },
  },
  {
    name: "a session that is taken again is not due, and due anew when it is let go",
    run: async (kit) => {
      await kit.detach(await kit.open("client"), { endsAt: START + 100 });
      const answer = await kit.acquire("client");
      expectEqual(await dueSessions(kit, START + 1_000), [], "while attached");
      const session = { clientId: "client", incarnation: answer.guard.incarnation, guard: answer.guard };
      const left = await kit.detach(session, { endsAt: START + 700 });
      expectEqual(await dueSessions(kit, START + 1_000), ["client 700"], "once let go");
      const read = await kit.store.read("client");
      expect(read !== undefined, "the session is not stored");
      await kit.change({ ...left, guard: read.guard }, [{ type: "endSession", reason: "expired" }], {
        raiseEpoch: { token: "work" },
      });
      expectEqual(await dueSessions(kit, START + 1_000), [], "once ended");
    },
  },
  {
    name: "when work moves to another time, the old time is forgotten",
    run: async (kit) => {
      const session = await kit.detach(await kit.open("client"), { willDueAt: START + 100, endsAt: START + 900 });
      await kit.detach(session, { endsAt: START + 900 });
      expectEqual(await dueSessions(kit, START + 899), [], "before the new time");
      expectEqual(await dueSessions(kit, START + 900), ["client 900"], "at the new time");
    },
  },
];

const LEASES: ConformanceCase[] = [
  {
    name: "a node whose lease ran out is due with its sessions, after the grace that the caller gives",
    run: async (kit) => {
      await kit.open("one");
      await kit.open("two");
      await kit.detach(await kit.open("left"));
      await kit.open("elsewhere", { nodeId: "node-b" });
      await kit.store.renewNode("node-b", LEASE_END + 50_000);
      expectEqual(await dueNodes(kit, LEASE_END - 1), [], "before its end");
      expectEqual(await dueNodes(kit, LEASE_END + 29_999, 30_000), [], "within the grace");
      expectEqual(await dueNodes(kit, LEASE_END + 30_000, 30_000), ["node-a 120000 one,two"], "after the grace");
      expect((await kit.store.nextDueAt() ?? Infinity) <= LEASE_END, "the next moment comes too late");
    },
  },
  {
    name: "a node that renews its lease is not due, nor is one whose sessions were taken",
    run: async (kit) => {
      await kit.open("client");
      await kit.store.renewNode("node-a", LEASE_END + 10_000);
      expectEqual(await dueNodes(kit, LEASE_END + 9_999), [], "after a renewal");
      await kit.store.renewNode("node-b", LEASE_END + 90_000);
      await kit.acquire("client", { nodeId: "node-b" });
      expectEqual(await dueNodes(kit, LEASE_END + 20_000), [], "after a takeover");
    },
  },
  {
    name: "a node that was released without sessions is never due",
    run: async (kit) => {
      await kit.detach(await kit.open("client"));
      await kit.store.renewNode("node-a", 0);
      expectEqual(await dueNodes(kit, LEASE_END + 100_000), [], "nodes that are due");
    },
  },
  {
    name: "what a session is read with tells how long its owner is known to live",
    run: async (kit) => {
      await kit.open("client");
      await kit.store.renewNode("node-a", LEASE_END + 7);
      expectEqual((await kit.store.read("client"))?.ownerUntil, LEASE_END + 7, "ownerUntil");
    },
  },
];

const SWEEPING: ConformanceCase[] = [
  {
    name: "a sweep touches its own incarnation alone, also when the client has a new one",
    run: async (kit) => {
      const old = await kit.subscribe(await kit.open("client"), "a/+");
      await kit.fill(old, ["a", "b", "c"]);
      let fresh = await kit.open("client", { terms: { cleanStart: true } });
      fresh = await kit.subscribe(fresh, "a/+");
      fresh = await kit.change(fresh, [{
        type: "putOutboundMark",
        sequence: 1,
        mark: { packetId: 1, phase: "sent", pubrecOrder: 0 },
      }]);
      await kit.fill(fresh, ["d"]);
      const before = [
        await kit.store.read("client"),
        await kit.log(fresh),
        await kit.store.directory.inspect("client"),
      ];
      await sweepAll(kit, START + 1e9);
      await kit.store.sweep({ clientId: "client", incarnation: old.incarnation, dueAt: START });
      const after = [await kit.store.read("client"), await kit.log(fresh), await kit.store.directory.inspect("client")];
      expectEqual(after, before, "the new session");
      const [list] = await kit.store.matchSubscriptions(["a/x"]);
      expectEqual(list?.map(({ incarnation }) => incarnation), [fresh.incarnation], "matches");
      expectEqual((await kit.deliver([receiver(old)])).map(({ outcome }) => outcome), ["ended"], "a late delivery");
    },
  },
  {
    name: "a sweep of a living session changes nothing",
    run: async (kit) => {
      const session = await kit.subscribe(await kit.open("client"), "a/+");
      await kit.fill(session, ["a"]);
      const before = [await kit.store.read("client"), await kit.log(session)];
      await kit.store.sweep({ clientId: "client", incarnation: session.incarnation, dueAt: START });
      expectEqual([await kit.store.read("client"), await kit.log(session)], before, "the session");
      expectEqual((await kit.store.matchSubscriptions(["a/x"]))[0]?.length, 1, "matches");
    },
  },
];

const DOORBELLS: ConformanceCase[] = [
  {
    name: "an append rings at the node that owns the session, once, and nowhere else",
    run: async (kit) => {
      const owned = await kit.open("owned", { nodeId: "node-b" });
      const free = await kit.detach(await kit.open("free"));
      await kit.deliver([receiver(owned), receiver(free)]);
      await kit.deliver([receiver(owned)]);
      expectEqual(await kit.store.readRings("node-a"), [], "at another node");
      expectEqual(await kit.store.readRings("node-b"), ["owned"], "at its node");
      expectEqual(await kit.store.readRings("node-b"), [], "when read again");
      await kit.deliver([receiver(owned)]);
      expectEqual(await kit.store.readRings("node-b"), ["owned"], "after another append");
    },
  },
  {
    name: "an append of a session of one node rings at the node of the receiver",
    run: async (kit) => {
      const publisher = await kit.open("publisher");
      const owned = await kit.open("owned", { nodeId: "node-b" });
      await kit.change(publisher, [], { deliveries: [{ message: message(), receivers: [receiver(owned)] }] });
      expectEqual(await kit.store.readRings("node-b"), ["owned"], "rings");
    },
  },
  {
    name: "a takeover rings at the node that lost the session",
    run: async (kit) => {
      await kit.open("client");
      await kit.acquire("client", { nodeId: "node-b" });
      expectEqual(await kit.store.readRings("node-a"), ["client"], "rings");
    },
  },
  {
    name: "work without owning rings at the node that lost the session",
    run: async (kit) => {
      const { guard } = await kit.open("client");
      await kit.commit({
        guard,
        raiseEpoch: { token: "work" },
        changes: [{ type: "endSession", reason: "administrative" }],
      });
      expectEqual(await kit.store.readRings("node-a"), ["client"], "rings");
    },
  },
  {
    name: "who watches a node hears of news, and hears no more once it has stopped",
    applies: ({ watch }, { store }) => watch !== "none" && store.watch !== undefined,
    run: async (kit) => {
      const session = await kit.open("client", { nodeId: "node-b" });
      const stop = new AbortController();
      const heard: string[] = [];
      const { promise, resolve } = deferred<void>();
      const watching = (async () => {
        for await (const _ of kit.store.watch?.("node-b", stop.signal) ?? []) {
          heard.push(...await kit.store.readRings("node-b"));
          if (heard.length > 0) resolve();
        }
      })();
      await kit.deliver([receiver(session)]);
      await promise;
      stop.abort();
      await watching;
      expectEqual(heard[0], "client", "what was heard");
    },
  },
];

/** All of it. */
export const DUE_CASES: readonly ConformanceCase[] = [...SESSIONS, ...LEASES, ...SWEEPING, ...DOORBELLS];
