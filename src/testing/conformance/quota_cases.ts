/** How many sessions a principal may have: counted in the step that begins one, and no more once it ends. */
import type { Examination, Finding } from "../../store/maintenance.ts";
import { expect, expectEqual } from "./expect.ts";
import {
  type AcquireChoice,
  attachedHead,
  type ConformanceCase,
  detachedAt,
  type Kit,
  type Owned,
  START,
  will,
} from "./kit.ts";

const FULL = { outcome: "refused", reason: "quota" };

/** An acquire for principal `p`, who may have two sessions unless told otherwise. */
function bounded(choice: AcquireChoice = {}): AcquireChoice {
  return { principal: "p", quota: 2, ...choice };
}

/** How many sessions of a principal count. */
async function counted(kit: Kit, principal = "p"): Promise<number | undefined> {
  return (await kit.store.directory.usage?.(principal))?.sessions;
}

/** Two sessions of `p`: there is no place left. */
async function full(kit: Kit): Promise<readonly [Owned, Owned]> {
  return [await kit.open("one", bounded()), await kit.open("two", bounded())];
}

/** Whether one more client of `p` gets a session, and then has it end again. */
async function hasRoom(kit: Kit): Promise<boolean> {
  const answer = await kit.tryAcquire("more", bounded());
  if (answer.outcome === "refused") return false;
  const { guard } = answer;
  await kit.commit({ guard, changes: [{ type: "endSession", reason: "administrative" }] });
  return true;
}

interface QuotaCase {
  readonly name: string;
  readonly run: (kit: Kit) => Promise<void>;
}

const CASES: readonly QuotaCase[] = [
  {
    name: "a principal gets as many sessions as it may have, and one more is refused without a trace",
    run: async (kit) => {
      await full(kit);
      const due = await kit.store.listDue(START, { limit: 10, graceMs: 0 });
      expectEqual(await kit.tryAcquire("three", bounded({ terms: { will: will() } })), FULL, "the third");
      expectEqual(await kit.store.read("three"), undefined, "what the refusal left");
      expectEqual(await kit.store.listDue(START, { limit: 10, graceMs: 0 }), due, "what is due");
      expectEqual(await counted(kit), 2, "those that count");
      expect((await kit.tryAcquire("three", bounded({ quota: 3 }))).outcome === "acquired", "a larger quota has room");
      expectEqual(await kit.tryAcquire("four", bounded({ quota: 0 })), FULL, "a quota of none");
    },
  },
  {
    name: "other principals, and those without a quota or a principal, are not concerned",
    run: async (kit) => {
      await full(kit);
      await kit.open("q", bounded({ principal: "q" }));
      await kit.open("pp", bounded({ principal: "p/" }));
      await kit.open("nobody", { quota: 0 });
      await kit.open("free", { principal: "p" });
      expectEqual(
        [await counted(kit), await counted(kit, "q"), await counted(kit, "r")],
        [2, 1, 0],
        "who has how many",
      );
      expect(!await hasRoom(kit), "there is room for one too many");
    },
  },
  {
    name: "a session that goes on is never refused, taken over or detached, and counts once",
    run: async (kit) => {
      const [one] = await full(kit);
      expect((await kit.acquire("two", bounded({ nodeId: "node-b" }))).resumed, "the taken over goes on");
      await kit.detach(one);
      expect((await kit.acquire("one", bounded({ quota: 1, now: START + 1 }))).resumed, "the detached goes on");
      expectEqual(await counted(kit), 2, "those that count");
    },
  },
  {
    name: "a session that takes the place of one that counts needs no other",
    run: async (kit) => {
      const [one] = await full(kit);
      await kit.acquire("two", bounded({ terms: { cleanStart: true } }));
      await kit.detach(one);
      const later = START + 7_200_000;
      expect(!(await kit.acquire("one", bounded({ now: later }))).resumed, "it had expired");
      expectEqual(await counted(kit), 2, "those that count");
      expect(!await hasRoom(kit), "there is room for one too many");
    },
  },
  {
    name: "a session that takes the place of one that does not count is one more",
    run: async (kit) => {
      await kit.open("free", { principal: "p" });
      await full(kit);
      const clean = { terms: { cleanStart: true } };
      expectEqual(await kit.tryAcquire("free", bounded(clean)), FULL, "one that begins to count");
      expect((await kit.acquire("free", bounded())).resumed, "one that goes on does not begin to count");
      expectEqual(await counted(kit), 2, "those that count");
    },
  },
  {
    name: "a session that begins anew without a quota gives its place back",
    run: async (kit) => {
      await full(kit);
      await kit.acquire("two", { principal: "p", terms: { cleanStart: true } });
      expectEqual(await counted(kit), 1, "those that count");
      expect(await hasRoom(kit), "there is room again");
    },
  },
  {
    name: "a session that ends gives its place back, whoever ends it",
    run: async (kit) => {
      const [one, two] = await full(kit);
      await kit.commit({ guard: one.guard, changes: [{ type: "endSession", reason: "disconnected" }] });
      expectEqual(await counted(kit), 1, "those that count");
      expect(await hasRoom(kit), "there is room for one");
      await kit.detach(two);
      const stored = await kit.store.read("two");
      expect(stored !== undefined, "a session is missing");
      const raiseEpoch = { token: kit.id("token") };
      await kit.commit({ guard: stored.guard, raiseEpoch, changes: [{ type: "endSession", reason: "expired" }] });
      expectEqual(await counted(kit), 0, "those that count");
      await full(kit);
      expect(!await hasRoom(kit), "there is room for one too many");
    },
  },
  {
    name: "an acquire that is repeated is answered again, and counts once",
    run: async (kit) => {
      await kit.open("one", bounded());
      const request = kit.request("two", bounded());
      for (let time = 0; time < 3; time++) {
        const incarnation = kit.id("incarnation");
        expect((await kit.store.acquire({ ...request, incarnation })).outcome === "acquired", "the same is answered");
      }
      expectEqual(await counted(kit), 2, "those that count");
      expect(!await hasRoom(kit), "there is room for one too many");
    },
  },
  {
    name: "of many that begin at once as many are refused as there are too many",
    run: async (kit) => {
      const clients = Array.from({ length: 6 }, (_, index) => `client-${index}`);
      const answers = await Promise.all(clients.map((client) => kit.tryAcquire(client, bounded())));
      expectEqual(answers.filter(({ outcome }) => outcome === "acquired").length, 2, "those that got one");
      expectEqual(await counted(kit), 2, "those that count");
    },
  },
  {
    name: "what the sessions of a principal hold is told",
    run: async (kit) => {
      const [one, two] = await full(kit);
      await kit.fill(one, ["1234", "5678"]);
      await kit.fill(two, ["12"]);
      const other = await kit.open("q", bounded({ principal: "q" }));
      await kit.fill(other, ["123456"]);
      // Each message counts for its topic of three bytes as well.
      expectEqual(await kit.store.directory.usage?.("p"), { sessions: 2, queuedBytes: 19 }, "what p holds");
      await kit.change(one, [{ type: "deleteQueued", sequence: 1, bytes: 7 }]);
      expectEqual(await kit.store.directory.usage?.("p"), { sessions: 2, queuedBytes: 12 }, "what p holds");
      expectEqual(await kit.store.directory.usage?.("nobody"), { sessions: 0, queuedBytes: 0 }, "what nobody holds");
    },
  },
  {
    name: "long names of clients and principals count like others",
    run: async (kit) => {
      const principal = "p".repeat(3_000);
      const choice = { principal, quota: 1 };
      const long = await kit.open("c".repeat(1_000), choice);
      await kit.fill(long, ["1"]);
      expectEqual(await kit.tryAcquire("d".repeat(1_000), choice), FULL, "the second");
      expectEqual(await kit.store.directory.usage?.(principal), { sessions: 1, queuedBytes: 4 }, "what it holds");
      await kit.change(long, [{ type: "putHead", head: detachedAt(START) }]);
      expect((await kit.acquire("c".repeat(1_000), choice)).resumed, "it goes on");
    },
  },
  {
    name: "other reasons to refuse come first",
    run: async (kit) => {
      await full(kit);
      expectEqual(
        await kit.tryAcquire("one", bounded({ quota: 0, terms: { mustBeNew: true } })),
        { outcome: "refused", reason: "exists" },
        "one that must be new",
      );
      expectEqual(
        await kit.tryAcquire("one", bounded({ principal: "q", quota: 0 })),
        { outcome: "refused", reason: "principal" },
        "one of another principal",
      );
      const head = attachedHead({ protocolVersion: 4 });
      expect((await kit.tryAcquire("one", bounded({ quota: 0, terms: { head } }))).outcome === "acquired", "a new one");
    },
  },
  {
    name: "a session that was restored counts as it did, until it ends",
    run: async (kit) => {
      const { maintenance } = kit.store;
      if (maintenance === undefined) return;
      const [one] = await full(kit);
      const free = await kit.detach(await kit.open("free", { principal: "p" }));
      const detached = await kit.detach(one);
      const none = async function* (): AsyncGenerator<readonly []> {};
      for (const session of [detached, free]) {
        const image = await maintenance.readImage(session.clientId);
        expect(image !== undefined, "there is no image");
        expectEqual(image.counts, session === detached ? true : undefined, `whether ${session.clientId} counts`);
        await kit.change(session, [{ type: "endSession", reason: "administrative" }]);
        await maintenance.restore({ image, messages: none(), now: START });
        expectEqual(
          await maintenance.readImage(session.clientId).then((each) => each?.counts),
          image.counts,
          "afterwards",
        );
      }
      expectEqual(await counted(kit), 2, "those that count");
      expectEqual(await kit.tryAcquire("three", bounded()), FULL, "a third");
      expect((await kit.tryAcquire("one", bounded())).outcome === "acquired", "the restored one goes on");
      const again = await kit.store.read("one");
      expect(again !== undefined, "it is gone");
      const owned = { clientId: "one", incarnation: again.guard.incarnation, guard: again.guard };
      await kit.change(owned, [{ type: "endSession", reason: "administrative" }]);
      expectEqual(await counted(kit), 1, "those that count once it has ended");
      expect(await hasRoom(kit), "there is no room for another");
    },
  },
  ...(["placeMissing", "placeOrphaned"] as const).map((kind): QuotaCase => ({
    name: `examining finds and repairs what is wrong: ${kind}`,
    run: async (kit) => {
      const { maintenance } = kit.store;
      if (maintenance === undefined || kit.subject.plant === undefined) return;
      const examined = async (repair: boolean): Promise<readonly Finding[]> => {
        const findings: Finding[] = [];
        for (let cursor: string | undefined = ""; cursor !== undefined;) {
          const query = { limit: 3, repair, now: START, ...(cursor === "" ? {} : { cursor }) };
          const page: Examination = await maintenance.examine(query);
          findings.push(...page.findings);
          cursor = page.cursor;
        }
        return findings;
      };
      const session = await kit.open("one", bounded());
      expectEqual(await examined(false), [], "what is wrong before");
      const { incarnation } = session;
      const fault = { kind, clientId: "one", incarnation, filter: "a", nodeId: "node-a" };
      if (await kit.subject.plant(fault) !== true) return;
      expectEqual((await examined(false)).map((each) => each.kind), [kind], "what is found");
      expectEqual((await examined(true)).map(({ repaired }) => repaired), [true], "whether it is repaired");
      expectEqual(await examined(false), [], "what is wrong afterwards");
      expectEqual(await counted(kit), 1, "those that count");
    },
  })),
];

export const QUOTA_CASES: readonly ConformanceCase[] = CASES.map((each) => ({
  ...each,
  applies: ({ sessionQuota }) => sessionQuota === "exact",
}));
