/** What two processes see of each other that have one store open. */
import { expect, expectEqual } from "./expect.ts";
import { type ConformanceCase, type Kit, receiver } from "./kit.ts";

/** The same hands on the store as another process has it open. */
async function beside(kit: Kit): Promise<Kit> {
  const store = await kit.subject.beside?.();
  expect(store !== undefined, "the store was not opened beside");
  // With ids of its own: the other counts its own.
  return kit.on(store);
}

const CASES: readonly ConformanceCase[] = [
  {
    name: "what one process has committed another sees at once, and whoever is superseded by the other changes nothing",
    run: async (kit) => {
      const other = await beside(kit);
      expectEqual(await other.store.read("client"), undefined, "what stands there before");
      const mine = await kit.open("client");
      await kit.fill(mine, ["one"]);
      const taken = await other.acquire("client", { nodeId: "node-b" });
      expectEqual(taken.resumed, true, "whether the other goes on with the session");
      expectEqual(taken.queue.messages.length, 1, "messages that it finds");
      const put = kit.commit({ guard: mine.guard, changes: [{ type: "putInboundId", packetId: 7 }] });
      expectEqual((await put).outcome, "superseded", "a commit of the first owner");
      const again = await kit.acquire("client");
      expectEqual([...again.snapshot.inbound], [], "identifiers that are stored");
      expectEqual((await other.commit({ guard: taken.guard })).outcome, "superseded", "a commit of the second owner");
    },
  },
  {
    name: "of two processes that begin a session at the same time one begins it, and one has it in the end",
    run: async (kit) => {
      const other = await beside(kit);
      const answers = await Promise.all([kit.acquire("client"), other.acquire("client", { nodeId: "node-b" })]);
      expectEqual(answers.filter(({ resumed }) => !resumed).length, 1, "sessions begun");
      const outcomes: string[] = [];
      for (const { guard } of answers) outcomes.push((await kit.commit({ guard })).outcome);
      expectEqual(outcomes.toSorted(), ["committed", "superseded"], "guards that are valid");
    },
  },
  {
    name: "a message from one process stands in the log once, behind those from the other",
    run: async (kit) => {
      const other = await beside(kit);
      const mine = await kit.open("client");
      await kit.fill(mine, ["one"]);
      await other.deliver([receiver(mine)], { payload: new TextEncoder().encode("two") });
      await kit.fill(mine, ["three"]);
      for (const each of [kit, other]) expectEqual(await each.logTexts(mine), ["1:one", "2:two", "3:three"], "the log");
    },
  },
];

/** All of it, asked where a store says that owners are fenced and reads are of the latest. */
export const BESIDE_CASES: readonly ConformanceCase[] = CASES.map((each) => ({
  ...each,
  applies: ({ fencing, consistency }, subject) =>
    fencing === "strict" && consistency === "strong" && subject.beside !== undefined,
}));
