/** Who does not get a session, and what becomes of one whose owner is no longer alive. */
import type { SessionHead } from "../../machine/snapshot.ts";
import { expectEqual } from "./expect.ts";
import {
  type AcquireChoice,
  attachedHead,
  type ConformanceCase,
  type Kit,
  LEASE_END,
  type Owned,
  will,
} from "./kit.ts";

const HOUR = 3_600_000;

/** A session of node-a that is left behind when that node's lease ends. */
async function orphan(kit: Kit, head: Partial<SessionHead> = {}): Promise<Owned> {
  return await kit.open("client", { terms: { head: attachedHead(head), will: will() } });
}

const REFUSED: ConformanceCase[] = [
  {
    name: "a refused acquire gives its reason and leaves no trace",
    run: async (kit) => {
      const session = await kit.open("client", { principal: "tenant-a", terms: { will: will() } });
      const stored = await kit.store.read("client");
      const line = await kit.store.directory.inspect("client");
      const refusals: [AcquireChoice, string][] = [
        [{ principal: "tenant-b" }, "principal"],
        [{}, "principal"],
        [{ principal: "tenant-b", terms: { mustBeNew: true }, whenOwned: "refuse" }, "principal"],
        [{ principal: "tenant-a", terms: { mustBeNew: true }, whenOwned: "refuse" }, "exists"],
        [{ principal: "tenant-a", whenOwned: "refuse" }, "owned"],
        [{ principal: "tenant-a", whenOwned: "refuse", terms: { cleanStart: true } }, "owned"],
      ];
      for (const [choice, reason] of refusals) {
        const answer = await kit.tryAcquire("client", { nodeId: "node-b", ...choice });
        expectEqual(answer, { outcome: "refused", reason }, "the answer");
        expectEqual(await kit.store.read("client"), stored, `what is stored after ${reason}`);
        expectEqual(await kit.store.directory.inspect("client"), line, `what the directory says after ${reason}`);
      }
      expectEqual(await kit.store.readRings("node-a"), [], "rings");
      await kit.subscribe(session, "still/mine");
    },
  },
  {
    name: "whoever has no binding does not get a session that has one, and the other way round",
    run: async (kit) => {
      await kit.open("bound", { principal: "tenant-a" });
      await kit.open("free");
      expectEqual((await kit.tryAcquire("bound")).outcome, "refused", "without, of a bound one");
      expectEqual((await kit.tryAcquire("free", { principal: "tenant-a" })).outcome, "refused", "with, of a free one");
      expectEqual((await kit.acquire("bound", { principal: "tenant-a" })).resumed, true, "the same principal");
    },
  },
  {
    name: "an id made for a client is taken if nothing is stored under it",
    run: async (kit) => {
      expectEqual((await kit.acquire("made", { terms: { mustBeNew: true } })).resumed, false, "resumed");
      expectEqual(await kit.tryAcquire("made", { terms: { mustBeNew: true } }), {
        outcome: "refused",
        reason: "exists",
      }, "the second time");
    },
  },
];

const LAPSED: ConformanceCase[] = [
  {
    name: "a session whose owner's lease ran out is taken even by who would not take it from a living one",
    run: async (kit) => {
      await orphan(kit);
      await kit.store.renewNode("node-b", LEASE_END + HOUR);
      const early = await kit.tryAcquire("client", { nodeId: "node-b", whenOwned: "refuse", now: LEASE_END - 1 });
      expectEqual(early, { outcome: "refused", reason: "owned" }, "one millisecond before");
      const answer = await kit.acquire("client", { nodeId: "node-b", whenOwned: "refuse", now: LEASE_END });
      expectEqual([answer.resumed, answer.superseded], [true, undefined], "what it says");
    },
  },
  {
    name: "a lapsed owner is a connection lost at the end of the lease: expiry counts from there",
    run: async (kit) => {
      const old = await orphan(kit, { endsAfterMs: 5_000, sessionExpiryInterval: 5, willAfterMs: 9_000 });
      const answer = await kit.acquire("client", { nodeId: "node-b", now: LEASE_END + 5_000 });
      expectEqual(answer.ended?.incarnation, old.incarnation, "what ended");
      expectEqual([answer.ended?.reason, answer.ended?.owes], ["expired", true], "why, and whether it owes something");
      expectEqual((await kit.store.readOutbox(old.incarnation, 2)).length, 1, "Wills in the outbox");
    },
  },
  {
    name: "a lapsed owner's session goes on until its interval has passed, and its Will waits for its delay",
    run: async (kit) => {
      const old = await orphan(kit, { endsAfterMs: 5_000, willAfterMs: 1_000 });
      const answer = await kit.acquire("client", { nodeId: "node-b", now: LEASE_END + 999 });
      expectEqual([answer.resumed, answer.outboxPending], [true, false], "before the delay");
      expectEqual(await kit.store.readOutbox(old.incarnation, 2), [], "the outbox before the delay");
    },
  },
  {
    name: "a lapsed owner's Will is published once its delay has passed, though the session goes on",
    run: async (kit) => {
      await orphan(kit, { endsAfterMs: 5_000, willAfterMs: 1_000 });
      const answer = await kit.acquire("client", { nodeId: "node-b", now: LEASE_END + 1_000 });
      expectEqual([answer.resumed, answer.outboxPending], [true, true], "after the delay");
    },
  },
  {
    name: "a renewed lease is a living one",
    run: async (kit) => {
      await orphan(kit);
      await kit.store.renewNode("node-a", LEASE_END + 10_000);
      const answer = await kit.tryAcquire("client", { nodeId: "node-b", whenOwned: "refuse", now: LEASE_END + 9_999 });
      expectEqual(answer, { outcome: "refused", reason: "owned" }, "the answer");
    },
  },
];

/** All of it. */
export const OWNERSHIP_CASES: readonly ConformanceCase[] = [...REFUSED, ...LAPSED];
