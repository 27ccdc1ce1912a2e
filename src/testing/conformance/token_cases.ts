/** Acquires that were long on their way: a token gets a session once, and never gets it back (D1). */
import { expect, expectEqual } from "./expect.ts";
import {
  type AcquireChoice,
  attachedHead,
  type ConformanceCase,
  detachedAt,
  type Kit,
  LEASE_END,
  type Owned,
  START,
  will,
} from "./kit.ts";

/** How many tokens of a session a store remembers at least, that of its owner among them. */
const REMEMBERED = 8;

const STALE = { outcome: "refused", reason: "stale" };

/** With a Will that a takeover would release, so that it is seen. */
const TERMS = { will: will(), head: attachedHead({ onTakeover: "release" }) };

/** What a late acquire does most harm with. */
const LATE: AcquireChoice = { terms: { ...TERMS, cleanStart: true, releaseWillOnCleanStart: true } };

/** All that an acquire could change. */
async function look(kit: Kit): Promise<readonly unknown[]> {
  const stored = await kit.store.read("client");
  return [
    stored,
    await kit.store.directory.inspect("client"),
    await kit.store.readOutbox(stored?.snapshot.incarnation ?? "", 10),
    await kit.store.listDue(LEASE_END, { limit: 10, graceMs: 0 }),
  ];
}

/** Asks for the session with a token once more, and sees to it that nothing comes of it. */
async function comesTooLate(kit: Kit, token: string, choice: AcquireChoice = LATE): Promise<void> {
  const before = await look(kit);
  // Whoever takes a session may ring, and whoever looks for what is due may ring once more.
  await kit.store.readRings("node-b");
  const answer = await kit.tryAcquire("client", { ...choice, token });
  expectEqual(answer, STALE, `the answer to ${token}`);
  expectEqual(await kit.store.readRings("node-b"), [], `rings after ${token}`);
  expectEqual(await look(kit), before, `what is stored after ${token}`);
}

/** What becomes of a session that `token-first` acquired. */
interface Loss {
  readonly how: string;
  lose(kit: Kit, session: Owned): Promise<unknown>;
}

const RAISED = { raiseEpoch: { token: "token-of-work" } };

const LOSSES: readonly Loss[] = [
  { how: "another took it over", lose: (kit) => kit.acquire("client", { nodeId: "node-b", terms: TERMS }) },
  {
    how: "another began it anew",
    lose: (kit) => kit.acquire("client", { nodeId: "node-b", terms: { ...TERMS, cleanStart: true } }),
  },
  { how: "its connection ended", lose: (kit, session) => kit.detach(session) },
  {
    how: "its connection ended, and its interval has passed",
    lose: (kit, session) => kit.detach(session, { endsAt: START }),
  },
  {
    how: "its connection ended, and another's did",
    lose: async (kit, session) => {
      await kit.detach(session);
      await kit.detach(await kit.open("client", { terms: TERMS }));
    },
  },
  {
    how: "it expired, and another began",
    lose: async (kit, session) => {
      await kit.detach(session, { endsAt: START });
      expectEqual(
        (await kit.acquire("client", { nodeId: "node-b", terms: TERMS })).ended?.reason,
        "expired",
        "its end",
      );
    },
  },
  {
    how: "work that does not own it ended its connection",
    lose: (kit, session) => kit.change(session, [{ type: "putHead", head: detachedAt(START) }], RAISED),
  },
  { how: "work that does not own it raised the epoch", lose: (kit, session) => kit.change(session, [], RAISED) },
  {
    how: "work that does not own it raised the epoch of what was left",
    lose: async (kit, session) => await kit.change(await kit.detach(session), [], RAISED),
  },
];

/** All of it. */
export const TOKEN_CASES: readonly ConformanceCase[] = [
  ...LOSSES.map(({ how, lose }): ConformanceCase => ({
    name: `an acquire that comes late is refused and changes nothing: ${how}`,
    run: async (kit) => {
      await lose(kit, await kit.open("client", { token: "token-first", terms: TERMS }));
      await comesTooLate(kit, "token-first");
      await comesTooLate(kit, "token-first", { terms: TERMS });
      expectEqual((await kit.tryAcquire("client")).outcome, "acquired", "a new one after it");
    },
  })),
  {
    name: "whoever owns the session goes on after an acquire that came late",
    run: async (kit) => {
      await kit.open("client", { token: "token-first", terms: TERMS });
      const owner = kit.request("client", { nodeId: "node-b", terms: TERMS });
      const answer = await kit.store.acquire(owner);
      expect(answer.outcome === "acquired", "it was refused");
      await comesTooLate(kit, "token-first");
      expectEqual(await kit.store.acquire(owner), answer, "the owner's acquire, repeated");
      await kit.subscribe({ clientId: "client", incarnation: answer.guard.incarnation, guard: answer.guard }, "a/b");
    },
  },
  {
    name: "of the last eight tokens that acquired a session all but its owner's are used up, whatever became of it",
    run: async (kit) => {
      const tokens = Array.from({ length: REMEMBERED }, () => kit.id("token"));
      for (const [index, token] of tokens.entries()) {
        const session = await kit.open("client", { token, terms: { ...TERMS, cleanStart: index % 3 === 1 } });
        if (index % 2 === 1 && token !== tokens.at(-1)) await kit.detach(session);
      }
      for (const token of tokens.slice(0, -1)) await comesTooLate(kit, token);
      const answer = await kit.tryAcquire("client", { token: tokens.at(-1) ?? "" });
      expectEqual(answer.outcome, "acquired", "the owner's, repeated");
    },
  },
  {
    name: "a reload answers as the acquire did to whoever owns the session, with what it is by now",
    run: async (kit) => {
      const request = kit.request("client", { token: "token-first", terms: TERMS });
      const first = await kit.store.acquire(request);
      expect(first.outcome === "acquired", "it was refused");
      const { incarnation } = first.guard;
      const session = await kit.subscribe({ clientId: "client", incarnation, guard: first.guard }, "a/b");
      const again = await kit.acquire("client", { ...LATE, token: "token-first", isReload: true });
      const { resumed, startedThrough } = first;
      expectEqual({ resumed: again.resumed, startedThrough: again.startedThrough }, { resumed, startedThrough }, "it");
      expectEqual(again.guard.version, session.guard.version, "the version of its guard");
      expectEqual([...again.snapshot.subscriptions.keys()], ["a/b"], "the subscriptions");
      expectEqual((await kit.store.read("client"))?.guard.epoch, first.guard.epoch, "the epoch");
      await kit.subscribe({ clientId: "client", incarnation, guard: again.guard }, "c/d");
    },
  },
  {
    name: "a reload by a token that does not own the session is refused and changes nothing, also where there is none",
    run: async (kit) => {
      const reload = { ...LATE, isReload: true };
      await comesTooLate(kit, "token-first", reload);
      expectEqual(await kit.store.read("client"), undefined, "a session that a reload began");
      const session = await kit.open("client", { token: "token-first", terms: TERMS });
      await comesTooLate(kit, "token-other", reload);
      await kit.change(await kit.detach(session, { endsAt: START }), [{ type: "endSession", reason: "expired" }]);
      await comesTooLate(kit, "token-first", reload);
      expectEqual(
        (await kit.tryAcquire("client", { token: "token-other" })).outcome,
        "acquired",
        "a token not used up",
      );
    },
  },
  {
    name: "a long token is told from others as well as a short one",
    run: async (kit) => {
      const common = "t".repeat(300);
      await kit.open("client", { token: `${common}1`, terms: TERMS });
      await kit.open("client", { token: `${common}2`, nodeId: "node-b", terms: TERMS });
      await comesTooLate(kit, `${common}1`);
      expectEqual((await kit.tryAcquire("client", { token: `${common}3` })).outcome, "acquired", "another one");
    },
  },
  {
    name: "that a token is used up is said before anything else is looked at",
    run: async (kit) => {
      await kit.open("client", { token: "token-first", principal: "tenant-a", terms: TERMS });
      await kit.open("client", { principal: "tenant-a", nodeId: "node-b", terms: TERMS });
      await comesTooLate(kit, "token-first", { principal: "tenant-a", terms: { mustBeNew: true } });
      await comesTooLate(kit, "token-first", { principal: "tenant-b", whenOwned: "refuse" });
    },
  },
  {
    name: "a token of one client's session is none of another's",
    run: async (kit) => {
      await kit.open("client", { token: "token-first" });
      await kit.open("client");
      await kit.open("another");
      expectEqual((await kit.tryAcquire("another", { token: "token-first" })).outcome, "acquired", "the answer");
    },
  },
  {
    name: "that a token is used up is known when the store is opened anew",
    applies: (_, { reopen }) => reopen !== undefined,
    run: async (kit) => {
      await kit.detach(await kit.open("client", { token: "token-first", terms: TERMS }));
      await kit.reopen();
      await comesTooLate(kit, "token-first");
    },
  },
];
