/** Stores that are examined and repaired. */
import type { FindingKind } from "../../store/maintenance.ts";
import { expect, expectEqual } from "./expect.ts";
import { type ConformanceCase, LEASE_END, message, receiver, START } from "./kit.ts";
import { busySession, DAY_MS, examine, largeFor, sweepAll } from "./maintenance_kit.ts";

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

/** What is found, and repaired. */
export const EXAMINING_CASES: readonly ConformanceCase[] = [
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
