/** What a store tells of the past of a client's sessions, and that the telling is bounded. */
import { messageBytes } from "../../mqtt/message.ts";
import type { JournalEntry, SessionSummary } from "../../store/directory.ts";
import { expect, expectEqual } from "./expect.ts";
import {
  attachedHead,
  type ConformanceCase,
  detachedAt,
  type Kit,
  LEASE_END,
  type Owned,
  receiver,
  START,
} from "./kit.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** The entries in words. */
async function told(kit: Kit, clientId = "client"): Promise<readonly string[]> {
  return (await kit.store.directory.journal(clientId)).map(inWords);
}

function inWords(entry: JournalEntry): string {
  const place = `${entry.at - START} ${entry.type} ${entry.epoch}`;
  switch (entry.type) {
    case "began":
    case "resumed": {
      const before = entry.ended === undefined ? "" : ` after ${entry.ended}${lost(entry.dropped)}`;
      return `${place} ${entry.nodeId}${entry.superseded === undefined ? "" : ` from ${entry.superseded}`}${before}`;
    }
    case "detached":
      return `${place} ${entry.reasonCode}${entry.byOther ? " by another" : ""}`;
    case "ended":
      return `${place} ${entry.reason}${lost(entry.dropped)}`;
    case "changed":
      return place;
    default:
      return entry satisfies never;
  }
}

function lost(dropped: SessionSummary["dropped"] | undefined): string {
  return dropped === undefined ? "" : ` with ${JSON.stringify(dropped)}`;
}

/** Sweeps all that is due by a moment. */
async function sweepUntil(kit: Kit, now: number): Promise<void> {
  for (const work of await kit.store.listDue(now, { limit: 1_000, graceMs: 1e12 })) {
    if (work.type === "sweep") await kit.store.sweep(work.work);
  }
}

/** All of it. */
export const JOURNAL_CASES: readonly ConformanceCase[] = [
  {
    name: "the journal tells who had a session, how each let it go, and who changed it without owning it",
    run: async (kit) => {
      await kit.detach(await kit.open("client"), { disconnectReason: 4 });
      await kit.open("client", { nodeId: "node-b", now: START + 1 });
      const taken = await kit.open("client", { now: START + 2 });
      const head = { ...detachedAt(START + 3), disconnectReason: 0x80 };
      const changes = [{ type: "putHead", head }] as const;
      const left = await kit.change(taken, changes, { raiseEpoch: { token: kit.id() }, now: START + 3 });
      const { endsAt: _, ...forever } = head;
      await kit.change(left, [{ type: "putHead", head: forever }], { raiseEpoch: { token: "x" }, now: START + 4 });
      expectEqual(await told(kit), [
        "0 began 1 node-a",
        "0 detached 1 4",
        "1 resumed 2 node-b",
        "2 resumed 3 node-a from node-b",
        "3 detached 4 128 by another",
        "4 changed 5",
      ], "the journal");
    },
  },
  {
    name: "commits of an owner that goes on add nothing to the journal",
    run: async (kit) => {
      let session = await kit.open("client");
      session = await kit.subscribe(session, "a/+");
      session = await kit.change(session, [{ type: "putSentLimit", sentLimit: 9 }]);
      await kit.change(session, [{ type: "putHead", head: attachedHead({ sentLimit: 9 }) }]);
      expectEqual(await told(kit), ["0 began 1 node-a"], "the journal");
    },
  },
  {
    name: "the journal goes over to the session that an acquire begins in place of another, and says what ended that",
    run: async (kit) => {
      await kit.detach(await kit.open("client"));
      await kit.open("client", { now: START + HOUR_MS + 1 });
      await kit.open("client", { terms: { cleanStart: true }, now: START + HOUR_MS + 2, nodeId: "node-b" });
      const { endsAfterMs: _, ...brief } = attachedHead({ endsAt: 0 });
      await kit.open("client", { terms: { cleanStart: true, head: brief }, now: LEASE_END - 1 });
      await kit.open("client", { now: LEASE_END - 1, nodeId: "node-b" });
      expectEqual((await told(kit)).slice(-4), [
        `${HOUR_MS + 1} began 1 node-a after expired`,
        `${HOUR_MS + 2} began 1 node-b after cleanStart`,
        `${LEASE_END - 1 - START} began 1 node-a from node-b after cleanStart`,
        `${LEASE_END - 1 - START} began 1 node-b from node-a after takenOver`,
      ], "the journal");
    },
  },
  {
    name: "the journal of a session that ended in a commit stays, and goes over to the next session",
    run: async (kit) => {
      const first = await kit.open("client");
      await kit.change(first, [{ type: "endSession", reason: "takenOver" }], { now: START + 5 });
      expectEqual(await told(kit), ["0 began 1 node-a", "5 ended 1 takenOver"], "the journal once it has ended");
      await sweepUntil(kit, START + HOUR_MS);
      expectEqual(await told(kit), ["0 began 1 node-a", "5 ended 1 takenOver"], "the journal once it was swept");
      expectEqual(await kit.store.read("client"), undefined, "the session that has ended");
      const second = await kit.detach(await kit.open("client", { now: START + 6 }), {});
      const raiseEpoch = { token: kit.id() };
      await kit.change(second, [{ type: "endSession", reason: "expired" }], { raiseEpoch, now: START + 7 });
      const expected = [
        "0 began 1 node-a",
        "5 ended 1 takenOver",
        "6 began 1 node-a",
        "0 detached 1 0",
        "7 ended 2 expired",
      ];
      expectEqual(await told(kit), expected, "the journal after the second");
      // What the first left to be done must not take what the second left.
      await sweepUntil(kit, START + DAY_MS + 5);
      expectEqual(await told(kit), expected, "the journal when that of the first would have gone");
    },
  },
  {
    name: "what a session had lost is told by the entry of its end, whoever lost it and whatever ended it",
    run: async (kit) => {
      const limits = { maximumMessages: 2, maximumBytes: Infinity, whenFull: "dropNewest" } as const;
      const full = async (session: Owned, more: number): Promise<void> => {
        for (let index = 0; index < 2 + more; index++) await kit.deliver([receiver(session)], {}, limits);
      };
      let first = await kit.open("client");
      await full(first, 3);
      const oldest = (await kit.log(first))[0];
      expect(oldest !== undefined, "the log is empty");
      const { sequence } = oldest;
      const removed = { type: "deleteQueued", sequence, bytes: messageBytes(oldest), dropped: "purged" } as const;
      first = await kit.change(first, [removed]);
      await kit.change(first, [{ type: "endSession", reason: "takenOver" }], { now: START + 5 });
      const second = await kit.detach(await kit.open("client", { now: START + 6 }));
      await full(second, 1);
      await kit.open("client", { terms: { cleanStart: true }, now: START + 7 });
      expectEqual((await told(kit)).filter((entry) => entry.includes("with")), [
        '5 ended 1 takenOver with {"queueFullNewest":3,"purged":1}',
        '7 began 1 node-a after cleanStart with {"queueFullNewest":1}',
      ], "what was lost");
      await kit.detach(await kit.open("other"));
      await kit.open("other", { terms: { cleanStart: true } });
      expectEqual((await told(kit, "other")).at(-1), "0 began 1 node-a after cleanStart", "where nothing was");
    },
  },
  {
    name: "the journal of an ended session is gone once it was swept a day later, and nothing is due any more",
    applies: ({ ttl }) => ttl === "none",
    run: async (kit) => {
      const session = await kit.detach(await kit.open("client"));
      await kit.change(session, [{ type: "endSession", reason: "expired" }], { raiseEpoch: { token: kit.id() } });
      await sweepUntil(kit, START + DAY_MS - 1);
      expectEqual((await told(kit)).length, 3, "entries within the day");
      await sweepUntil(kit, START + DAY_MS);
      expectEqual(await told(kit), [], "the journal after it");
      await kit.store.renewNode("node-a", 0);
      await kit.store.renewNode("node-b", 0);
      expectEqual(await kit.store.nextDueAt(), undefined, "what is due");
    },
  },
  {
    name: "of a session that ends with its connection, as its client asked for, no journal is kept",
    run: async (kit) => {
      await kit.detach(await kit.open("client"));
      const again = await kit.open("client");
      await kit.change(again, [{ type: "endSession", reason: "disconnected" }]);
      expectEqual(await told(kit), [], "the journal");
    },
  },
  {
    name: "the journal keeps the newest entries, and is bounded however often a session changes hands",
    run: async (kit) => {
      const nodeId = `${"é".repeat(40)};/,`;
      for (let turn = 0; turn < 40; turn++) await kit.open("client", { nodeId, now: START + turn });
      const entries = await kit.store.directory.journal("client");
      expect(entries.length >= 5 && entries.length < 40, `there are ${entries.length} entries`);
      const moments = entries.map(({ at, epoch }) => [at - START, epoch]);
      expectEqual(
        moments,
        entries.map((_, place) => [40 - entries.length + place, 41 - entries.length + place]),
        "they",
      );
    },
  },
  {
    name: "the journal of one client is not that of another, and of a stranger there is none",
    run: async (kit) => {
      await kit.open("client");
      await kit.open("other", { nodeId: "node-b" });
      expectEqual([await told(kit), await told(kit, "other"), await told(kit, "stranger")], [
        ["0 began 1 node-a"],
        ["0 began 1 node-b"],
        [],
      ], "the journals");
    },
  },
];
