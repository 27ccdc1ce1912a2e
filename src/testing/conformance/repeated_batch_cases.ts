/** A batch that comes again: its answer is that of the first time, and nothing changes. */
import type { CommitResult } from "../../store/session_store.ts";
import { everything, furnished, ONE_OF_EACH } from "./commit_kit.ts";
import { expect, expectEqual } from "./expect.ts";
import { type ConformanceCase, message, receiver } from "./kit.ts";

/** All of it. */
export const REPEATED_BATCH_CASES: readonly ConformanceCase[] = [
  {
    name: "a repeated batch answers as the first time and changes nothing",
    run: async (kit) => {
      const session = await kit.open("client");
      const other = await kit.open("other");
      const batch = kit.batch({
        guard: session.guard,
        changes: [{ type: "putInboundId", packetId: 1 }],
        deliveries: [
          { message: message(), receivers: [receiver(other)] },
          { message: message(), receivers: undefined },
        ],
      });
      const [first] = await kit.store.commit([batch]);
      const before = [await everything(kit, session), await everything(kit, other)];
      for (let repeat = 0; repeat < 3; repeat++) {
        const [again] = await kit.store.commit([batch]);
        expectEqual(withoutOutcomes(again), withoutOutcomes(first), "the answer");
      }
      expectEqual([await everything(kit, session), await everything(kit, other)], before, "what is stored");
      expectEqual((await kit.log(other)).length, 1, "copies");
      expectEqual((await kit.store.readOutbox(session.incarnation, 10)).length, 1, "outbox entries");
    },
  },
  {
    name: "a repeated batch tells what became of its deliveries, or leaves it out, and never guesses",
    run: async (kit) => {
      const [session, other] = [await kit.open("client"), await kit.open("other")];
      const gone = await kit.open("gone");
      await kit.change(gone, [{ type: "endSession", reason: "administrative" }]);
      const deliveries = [[other, gone], [gone], [other]].map((targets) => ({
        message: message(),
        receivers: targets.map((target) => receiver(target)),
      }));
      const batch = kit.batch({ guard: session.guard, deliveries });
      const [first] = await kit.store.commit([batch]);
      await kit.fill(other, ["in between"]);
      const [again] = await kit.store.commit([batch]);
      expect(first?.outcome === "committed" && again?.outcome === "committed", "it was not committed");
      for (const [index, outcomes] of again.deliveries.entries()) {
        if (outcomes.length > 0) expectEqual(outcomes, first.deliveries[index], `delivery ${index}`);
      }
      expectEqual(again.deliveries.length, 3, "lists");
    },
  },
  {
    name: "a repeated batch that ended its session answers as the first time",
    run: async (kit) => {
      const session = await furnished(kit);
      const batch = kit.batch({ guard: session.guard, changes: [ONE_OF_EACH.endSession] });
      const first = await kit.store.commit([batch]);
      expectEqual(first, [{ outcome: "committed", deliveries: [] }], "the answer");
      expectEqual(await kit.store.commit([batch]), first, "the second answer");
    },
  },
  {
    name: "a batch that another followed is superseded when it comes again",
    run: async (kit) => {
      const session = await kit.open("client");
      const batch = kit.batch({ guard: session.guard });
      const [first] = await kit.store.commit([batch]);
      expect(first?.outcome === "committed" && first.guard !== undefined, "the batch was not carried out");
      await kit.commit({ guard: first.guard });
      expectEqual(await kit.store.commit([batch]), [{ outcome: "superseded" }], "the second answer");
    },
  },
];

/** A result without what a store may leave out when it repeats one. */
function withoutOutcomes(result: CommitResult | undefined): unknown {
  return result?.outcome === "committed" ? { ...result, deliveries: [] } : result;
}
