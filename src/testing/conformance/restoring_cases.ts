/** Sessions whole, as images that can be restored. */
import { messageBytes } from "../../mqtt/message.ts";
import type { RestoredMessage, SessionImage } from "../../store/maintenance.ts";
import type { WaitingTerms } from "../../store/waiting_terms.ts";
import { expect, expectEqual, expectRejection } from "./expect.ts";
import { bytesOf, type ConformanceCase, type Kit, message, type Owned, receiver, START, will } from "./kit.ts";
import {
  allOf,
  busySession,
  DAY_MS,
  endAndSweep,
  examine,
  imageOf,
  largeFor,
  maintenanceOf,
  pagesOf,
  sweepAll,
} from "./maintenance_kit.ts";

/** Ends a session, and brings it back as it was. */
async function endAndRestore(
  kit: Kit,
  session: Owned,
  image: SessionImage,
  log: readonly RestoredMessage[],
): Promise<Owned> {
  await endAndSweep(kit, session);
  await maintenanceOf(kit).restore({ image, messages: pagesOf(log), now: START });
  const stored = await kit.store.read(session.clientId);
  expect(stored !== undefined, "it was not restored");
  return { clientId: session.clientId, incarnation: stored.guard.incarnation, guard: stored.guard };
}

/** Sessions whole, and what they are once they were restored. */
export const RESTORING_CASES: readonly ConformanceCase[] = [
  {
    name: "a session that is restored from its image is what it was: exchanges, identifiers, order, counts, journal",
    run: async (kit) => {
      const session = await busySession(kit, "client");
      const before = await allOf(kit, "client");
      const [image, log] = await imageOf(kit, session);
      expectEqual([image.tail, log.length, image.dropped], [5, 3, { expired: 1 }], "what the image tells");
      await endAndSweep(kit, session);
      expectEqual(await kit.store.read("client"), undefined, "the ended session");
      const request = { image, messages: pagesOf(log), now: START + 1 };
      expectEqual(await maintenanceOf(kit).restore(request), { outcome: "restored" }, "the result");
      expectEqual(await allOf(kit, "client"), before, "the session");
      const again = await maintenanceOf(kit).readImage("client");
      expectEqual(again, { ...image, epoch: image.epoch + 1, version: image.version + 1 }, "the image of it");
      const old = await kit.commit({ guard: session.guard, changes: [] });
      expectEqual(old.outcome, "superseded", "who holds a guard of before");
      expectEqual(await examine(kit, false), [], "what is wrong with the store");
    },
  },
  {
    name: "a session that was restored goes on: it is due, is appended to, resumed, and ends without a trace",
    run: async (kit) => {
      const session = await busySession(kit, "client");
      const [image, log] = await imageOf(kit, session);
      await endAndSweep(kit, session);
      await maintenanceOf(kit).restore({ image, messages: pagesOf(log), now: START + 1 });
      const due = await kit.store.listDue(START + 60_000, { limit: 10, graceMs: 1e12 });
      expectEqual(due.filter(({ type }) => type === "session"), [
        { type: "session", clientId: "client", dueAt: START + 60_000 },
      ], "what is due");
      const [told] = await kit.deliver([receiver(session)], { payload: bytesOf("more") });
      expect(told?.outcome === "appended" && told.sequence === 6, `an append was ${JSON.stringify(told)}`);
      const { resumed, snapshot, startedThrough, queue } = await kit.acquire("client", { now: START + 2 });
      expectEqual([resumed, startedThrough, queue.messages.length], [true, 3, 4], "how it is resumed");
      expectEqual(snapshot.outbound, image.snapshot.outbound, "its exchanges");
      const stored = await kit.store.read("client");
      expect(stored !== undefined, "the resumed session is gone");
      const owned = { ...session, guard: stored.guard };
      const taken = await kit.change(owned, [{
        type: "deleteQueued",
        sequence: 5,
        bytes: messageBytes(log[2] ?? message()),
      }]);
      expectEqual((await kit.log(taken)).map(({ sequence }) => sequence), [1, 4, 6], "the log");
      await endAndSweep(kit, taken);
      expectEqual(await kit.store.matchSubscriptions(["a/b"]), [[]], "what is left of its routes");
      expectEqual(await examine(kit, false), [], "what is wrong with the store");
    },
  },
  {
    name: "a restored session is bound to the same principal",
    run: async (kit) => {
      const session = await busySession(kit, "client", "tenant-a/u1");
      const [image, log] = await imageOf(kit, session);
      expect(image.principal !== undefined && !image.principal.includes("tenant"), "the principal is shown");
      await endAndSweep(kit, session);
      await maintenanceOf(kit).restore({ image, messages: pagesOf(log), now: START + 1 });
      for (const principal of ["tenant-b/u1", undefined]) {
        const choice = principal === undefined ? {} : { principal };
        const answer = await kit.tryAcquire("client", choice);
        expectEqual(answer, { outcome: "refused", reason: "principal" }, `what ${principal} gets`);
      }
      const { resumed } = await kit.acquire("client", { principal: "tenant-a/u1" });
      expect(resumed, "its own principal does not get it");
    },
  },
  {
    name: "nothing is restored over a session, nor one that somebody owns, nor half of one",
    run: async (kit) => {
      const session = await busySession(kit, "client");
      const before = await allOf(kit, "client");
      const [image, log] = await imageOf(kit, session);
      const { restore } = maintenanceOf(kit);
      const other = { ...image, snapshot: { ...image.snapshot, incarnation: kit.id() } };
      expectEqual(
        await restore({ image: other, messages: pagesOf(log), now: START }),
        { outcome: "exists", incarnation: session.incarnation },
        "the result over a session",
      );
      expectEqual(await allOf(kit, "client"), before, "the session that was there");
      const head = { ...image.snapshot.head, attached: true };
      const owned = { ...image, snapshot: { ...image.snapshot, clientId: "other", incarnation: kit.id(), head } };
      const error = await expectRejection(restore({ image: owned, messages: pagesOf([]), now: START }), "an owned one");
      expect(error instanceof RangeError, `an owned one rejects with ${error}`);
      const half = { ...image, snapshot: { ...image.snapshot, clientId: "half", incarnation: kit.id() } };
      const reason = new Error("the reason");
      const broken = async function* (): AsyncGenerator<readonly RestoredMessage[]> {
        yield* pagesOf(log);
        throw reason;
      };
      const failure = await expectRejection(restore({ image: half, messages: broken(), now: START }), "half of one");
      expect(failure === reason, `half of one rejects with ${failure}`);
      expectEqual(await kit.store.read("half"), undefined, "half a session");
      await sweepAll(kit, START + DAY_MS);
      expectEqual(await examine(kit, false), [], "what is left of it");
      expectEqual(await restore({ image: half, messages: pagesOf(log), now: START }), { outcome: "restored" }, "again");
    },
  },
  {
    name: "what waits under terms is told with them, and waits under them once it is restored",
    run: async (kit) => {
      const limits = { maximumMessages: 10, maximumBytes: Infinity, whenFull: "dropOldest" } as const;
      const bounds = { maximumMessages: 2, maximumBytes: Infinity, whenFull: "dropOldest" } as const;
      const offer = async (session: Owned, payload: string, terms?: WaitingTerms): Promise<void> => {
        const delivery = { message: message({ payload: bytesOf(payload) }), receivers: [receiver(session)] };
        await kit.commit({ deliveries: [terms === undefined ? delivery : { ...delivery, terms }], limits });
      };
      let session = await kit.open("client", { terms: { sendAhead: 0 } });
      await offer(session, "plain");
      await offer(session, "kept", { slot: "s é/;", priority: 7 });
      await offer(session, "one", { group: { name: "g", ...bounds } });
      await offer(session, "two", { group: { name: "g", ...bounds }, slot: "other" });
      session = await kit.detach(session);
      const position = { after: 0, messages: 100, bytes: 1e6 };
      const page = await kit.store.readQueue(session.guard, position);
      const expected = [[2, { slot: "s é/;", priority: 7 }], [3, { group: { name: "g" } }], [4, {
        group: { name: "g" },
        slot: "other",
      }]];
      expectEqual([...page.terms ?? []], expected, "the terms");
      const [image] = await imageOf(kit, session);
      const log = page.messages.map((each): RestoredMessage => {
        const terms = page.terms?.get(each.sequence);
        return terms === undefined ? each : { ...each, terms };
      });
      const restored = await endAndRestore(kit, session, image, log);
      expectEqual(
        [...(await kit.store.readQueue(restored.guard, position)).terms ?? []],
        expected,
        "the terms afterwards",
      );
      await offer(restored, "newer", { slot: "s é/;", priority: 7 });
      await offer(restored, "three", { group: { name: "g", ...bounds } });
      expectEqual(await kit.logTexts(restored), ["1:plain", "4:two", "5:newer", "6:three"], "the log");
      const { dropped } = await kit.store.directory.inspect("client") ?? {};
      expectEqual(dropped, { replaced: 1, filterFullOldest: 1 }, "what gave way");
    },
  },
  {
    name: "of what was restored, QoS 0 gives way before any other, as it did before",
    run: async (kit) => {
      let session = await kit.open("client", { terms: { sendAhead: 0 } });
      await kit.fill(session, ["one"]);
      await kit.deliver([receiver(session, { qos: 0 })], { payload: bytesOf("light") });
      await kit.fill(session, ["two"]);
      session = await kit.detach(session);
      const [image, log] = await imageOf(kit, session);
      const restored = await endAndRestore(kit, session, image, log);
      const limits = { maximumMessages: 3, maximumBytes: Infinity, whenFull: "dropOldest" } as const;
      const delivery = { message: message({ payload: bytesOf("new") }), receivers: [receiver(restored)] };
      await kit.commit({ deliveries: [delivery], limits });
      expectEqual(await kit.logTexts(restored), ["1:one", "3:two", "4:new"], "the log");
    },
  },
  {
    name: "a session with a log of many messages, a large Will and a long name is restored whole",
    run: async (kit) => {
      const clientId = "name ".repeat(60);
      let session = await kit.open(clientId, {
        terms: { will: will({ payload: new Uint8Array(largeFor(kit)).fill(7) }) },
      });
      await kit.fill(session, Array.from({ length: 80 }, (_, index) => String(index)));
      session = await kit.detach(session);
      const before = await allOf(kit, clientId);
      const [image, log] = await imageOf(kit, session);
      expectEqual(log.length, 80, "the length of the log");
      await endAndSweep(kit, session);
      await maintenanceOf(kit).restore({ image, messages: pagesOf(log, 30), now: START });
      expectEqual(await allOf(kit, clientId), before, "the session");
    },
  },
];
