/** What a store that outlives the process brings back. */
import { expectEqual } from "./expect.ts";
import { type ConformanceCase, LEASE_END, message, PLAIN, receiver, START, will } from "./kit.ts";

/** All of it. */
export const DURABILITY_CASES: readonly ConformanceCase[] = [
  {
    name: "what was stored is there when the store is opened anew, and goes on",
    applies: (_, { reopen }) => reopen !== undefined,
    run: async (kit) => {
      const opened = await kit.open("client", { principal: "tenant-a", terms: { will: will() } });
      await kit.store.admitFilters(["a/+"]);
      const batch = kit.batch({
        guard: opened.guard,
        changes: [
          { type: "putSubscription", filter: "a/+", subscription: PLAIN },
          { type: "putOutboundMark", sequence: 1, mark: { packetId: 9, phase: "sent", pubrecOrder: 0 } },
          { type: "putInboundId", packetId: 4 },
          { type: "putQuarantine", packetId: 5 },
        ],
        deliveries: [{ message: message(), receivers: [receiver(opened)] }, {
          message: message(),
          receivers: undefined,
        }],
      });
      const [result] = await kit.store.commit([batch]);
      const guard = result?.outcome === "committed" ? result.guard ?? opened.guard : opened.guard;
      const session = { ...opened, guard };
      const look = async (): Promise<readonly unknown[]> => [
        await kit.store.read("client"),
        await kit.log(session),
        await kit.store.readOutbox(session.incarnation, 10),
        await kit.store.matchSubscriptions(["a/b"]),
        await kit.store.directory.inspect("client"),
        (await kit.store.listDue(LEASE_END, { limit: 10, graceMs: 0 })).filter(({ type }) => type === "node"),
      ];
      const before = await look();
      await kit.reopen();
      expectEqual(await look(), before, "what is stored");
      expectEqual((await kit.store.commit([batch]))[0]?.outcome, "committed", "a repeated batch");
      expectEqual((await kit.log(session)).length, 1, "copies after it");
      expectEqual((await kit.tryAcquire("client")).outcome, "refused", "another principal");
      await kit.fill(session, ["after"]);
      const changed = await kit.detach(session, { endsAt: START + 50 });
      expectEqual((await kit.logTexts(changed)).at(-1), "2:after", "the next message");
      await kit.reopen();
      const due = await kit.store.listDue(START + 50, { limit: 10, graceMs: 0 });
      expectEqual(due.filter(({ type }) => type === "session"), [{
        type: "session",
        clientId: "client",
        dueAt: START + 50,
      }], "what is due");
    },
  },
];
