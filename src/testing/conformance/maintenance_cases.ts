/** Sessions whole, as images that can be restored, and stores that are examined and repaired. */
import { messageBytes } from "../../mqtt/message.ts";
import type { Finding, FindingKind, RestoredMessage, SessionImage, StoreMaintenance } from "../../store/maintenance.ts";
import type { WaitingTerms } from "../../store/waiting_terms.ts";
import { expect, expectEqual, expectRejection } from "./expect.ts";
import {
  bytesOf,
  type ConformanceCase,
  detachedAt,
  type Kit,
  LEASE_END,
  message,
  type Owned,
  receiver,
  START,
  will,
} from "./kit.ts";

const DAY_MS = 86_400_000;

function maintenanceOf(kit: Kit): StoreMaintenance {
  const { maintenance } = kit.store;
  expect(maintenance !== undefined, "the store has no maintenance");
  return maintenance;
}

/** So large that a message is divided where that can be, and never too large. */
function largeFor(kit: Kit): number {
  return Math.min(70_000, kit.store.capabilities.maxMessageBytes - 100);
}

/** A session in the middle of everything, that nobody owns. */
async function busySession(kit: Kit, clientId: string, principal?: string): Promise<Owned> {
  const terms = { will: will({ willDelayInterval: 60 }), sendAhead: 0 };
  let session = await kit.open(clientId, { terms, ...(principal === undefined ? {} : { principal }) });
  session = await kit.subscribe(session, "a/+");
  session = await kit.subscribe(session, `b/${"long/".repeat(80)}#`, {
    qos: 2,
    noLocal: true,
    retainAsPublished: true,
    retainHandling: 2,
    subscriptionIdentifier: 268_435_455,
  });
  await kit.fill(session, ["started", "released", "zero"], { qos: 1, subscriptionIdentifiers: [1, 2] });
  await kit.deliver([receiver(session, { qos: 0 })], { payload: bytesOf("waits") });
  await kit.deliver([receiver(session, { qos: 2, retain: true })], {
    payload: new Uint8Array(largeFor(kit)),
    expiresAt: START + DAY_MS,
    properties: { contentType: "é", correlationData: bytesOf("c"), userProperties: [["b", "1"], ["a", "2"]] },
  });
  session = await kit.change(session, [
    { type: "putOutboundMark", sequence: 1, mark: { packetId: 65_535, phase: "sent", pubrecOrder: 0 } },
    { type: "putOutboundMark", sequence: 2, mark: { packetId: 7, phase: "released", pubrecOrder: 3 } },
    { type: "deleteQueued", sequence: 2, bytes: 11 },
    { type: "deleteQueued", sequence: 3, bytes: 7, dropped: "expired" },
    { type: "putInboundId", packetId: 9 },
    { type: "putInboundId", packetId: 65_535 },
    { type: "putQuarantine", packetId: 11 },
  ]);
  const head = { ...detachedAt(START), sentLimit: 3, disconnectReason: 0x8b, willDueAt: START + 60_000 };
  return await kit.change(session, [{ type: "putHead", head }]);
}

/** All that is to be the same after a restore; epoch and version are told apart. */
async function allOf(kit: Kit, clientId: string): Promise<unknown> {
  const stored = await kit.store.read(clientId);
  expect(stored !== undefined, "there is no session");
  const { snapshot, guard } = stored;
  const log = await kit.log({ clientId, incarnation: guard.incarnation, guard });
  const line = await kit.store.directory.inspect(clientId);
  const journal = await kit.store.directory.journal(clientId);
  const matches = await kit.store.matchSubscriptions(["a/b", `b/${"long/".repeat(80)}x`]);
  return { snapshot, log, line, journal, matches };
}

/** The log of an image, page by page. */
async function* pagesOf(messages: readonly RestoredMessage[], size = 2): AsyncGenerator<readonly RestoredMessage[]> {
  for (let start = 0; start < messages.length; start += size) {
    await undefined;
    yield messages.slice(start, start + size);
  }
}

/** The image of a session and its log. */
async function imageOf(kit: Kit, session: Owned): Promise<readonly [SessionImage, readonly RestoredMessage[]]> {
  const image = await maintenanceOf(kit).readImage(session.clientId);
  expect(image !== undefined, "there is no image");
  return [image, await kit.log(session)];
}

async function endAndSweep(kit: Kit, session: Owned): Promise<void> {
  await kit.change(session, [{ type: "endSession", reason: "administrative" }]);
  await sweepAll(kit, START + 10 * DAY_MS);
}

async function sweepAll(kit: Kit, now: number): Promise<void> {
  for (let rounds = 0; rounds < 50; rounds++) {
    const due = await kit.store.listDue(now, { limit: 100, graceMs: 1e12 });
    const sweeps = due.flatMap((work) => work.type === "sweep" ? [work.work] : []);
    if (sweeps.length === 0) return;
    for (const work of sweeps) await kit.store.sweep(work);
  }
  throw new Error("there is no end to sweeping");
}

/** Examines the whole store. */
async function examine(kit: Kit, repair: boolean, limit = 3): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (let cursor: string | undefined, pages = 0; pages < 1_000; pages++) {
    const page = await maintenanceOf(kit).examine({
      limit,
      repair,
      now: START + 1,
      ...(cursor === undefined ? {} : { cursor }),
    });
    found.push(...page.findings);
    ({ cursor } = page);
    if (cursor === undefined) return found;
  }
  throw new Error("there is no end to examining");
}

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

const RESTORING: readonly ConformanceCase[] = [
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

/** Faults that can be planted, and what an examination says of each. */
const PLANTED: readonly FindingKind[] = [
  "routeMissing",
  "routeOrphaned",
  "dueMissing",
  "dueOrphaned",
  "ownedMissing",
  "ownedOrphaned",
  "rowsOrphaned",
  "outboxForgotten",
];

const EXAMINING: readonly ConformanceCase[] = [
  {
    name: "a store in which nothing is amiss is found to be so, whatever it holds",
    run: async (kit) => {
      await busySession(kit, "busy");
      await kit.subscribe(await kit.open("owned", { nodeId: "node-b" }), "a/+");
      const ended = await kit.subscribe(await kit.open("ended"), "a/+");
      await kit.change(ended, [{ type: "endSession", reason: "administrative" }]);
      await kit.commit({ deliveries: [{ message: message(), receivers: undefined }] });
      const again = await kit.subscribe(await kit.open("again"), "a/+");
      await kit.deliver([receiver(again)], { payload: new Uint8Array(largeFor(kit)) });
      await kit.open("again", { terms: { cleanStart: true } });
      expectEqual(await examine(kit, false), [], "what is found");
    },
  },
  ...PLANTED.map((kind): ConformanceCase => ({
    name: `examining finds and repairs what is wrong: ${kind}`,
    applies: (_, { plant }) => plant !== undefined,
    run: async (kit) => {
      const owned = kind === "ownedMissing" || kind === "ownedOrphaned";
      let session = await kit.subscribe(await kit.open("client"), "a/+");
      await kit.fill(session, ["one", "two"]);
      if (!owned) session = await kit.detach(session);
      await kit.commit({ id: "outbox", deliveries: [{ message: message(), receivers: undefined }] });
      await kit.subscribe(await kit.open("other", { nodeId: "node-b" }), "a/+");
      expectEqual(await examine(kit, false), [], "what is wrong before");
      const fault = { kind, clientId: "client", incarnation: session.incarnation, filter: "a/+", nodeId: "node-a" };
      if (await kit.subject.plant?.(fault) !== true) return;
      const found = await examine(kit, false);
      expect(found.some((each) => each.kind === kind), `found are ${JSON.stringify(found)}`);
      expect(found.every(({ repaired }) => !repaired), "something was repaired without being told");
      expectEqual((await examine(kit, false)).length, found.length, "what is found again");
      const repaired = await examine(kit, true);
      expect(repaired.some((each) => each.kind === kind && each.repaired), `repaired are ${JSON.stringify(repaired)}`);
      await examine(kit, true);
      expectEqual(await examine(kit, false), [], "what is wrong afterwards");
      const [matches = []] = await kit.store.matchSubscriptions(["a/b"]);
      const gone = kind === "routeOrphaned";
      if (kind !== "rowsOrphaned") {
        expectEqual(
          matches.map(({ clientId }) => clientId).sort(),
          gone ? ["other"] : ["client", "other"],
          "the routes",
        );
      }
      const due = await kit.store.listDue(LEASE_END + DAY_MS, { limit: 100, graceMs: 0 });
      if (kind === "dueMissing") expect(due.some(({ type }) => type === "session"), "the session is not due");
      if (kind === "outboxForgotten") expect(due.some(({ type }) => type === "outbox"), "the outbox is not due");
      if (kind === "ownedMissing") {
        const clients = due.flatMap((work) => work.type === "node" ? work.clientIds : []);
        expect(clients.includes("client"), "the session is not found when its node is lost");
      }
      if (kind !== "rowsOrphaned") return;
      await sweepAll(kit, START + 10 * DAY_MS);
      const left = (await kit.store.matchSubscriptions(["a/b"]))[0]?.map(({ clientId }) => clientId);
      expectEqual(left, ["other"], "the routes once the rows were swept");
    },
  })),
  {
    name: "a session of which nothing but itself tells is found all the same, and put into the index again",
    applies: (_, { plant }) => plant !== undefined,
    run: async (kit) => {
      const session = await kit.detach(await kit.subscribe(await kit.open("client"), "a/+"));
      const fault = { clientId: "client", incarnation: session.incarnation, filter: "a/+", nodeId: "node-a" };
      for (const kind of ["routeMissing", "dueMissing"] as const) {
        if (await kit.subject.plant?.({ kind, ...fault }) !== true) return;
      }
      const found = await examine(kit, false);
      expectEqual(found.map(({ kind }) => kind).sort(), ["dueMissing", "routeMissing"], "what is found");
      await examine(kit, true);
      expectEqual(await examine(kit, false), [], "what is wrong afterwards");
      expectEqual((await kit.store.matchSubscriptions(["a/b"]))[0]?.length, 1, "the routes");
      const due = await kit.store.listDue(LEASE_END + DAY_MS, { limit: 100, graceMs: 0 });
      expect(due.some((work) => work.type === "session" && work.clientId === "client"), "the session is not due");
    },
  },
];

/** All of it. */
export const MAINTENANCE_CASES: readonly ConformanceCase[] = [...RESTORING, ...EXAMINING].map((each) => ({
  ...each,
  applies: (capabilities, subject) =>
    subject.store.maintenance !== undefined && each.applies?.(capabilities, subject) !== false,
}));
