/** What the script decides on numbers is what the rules of the machine decide on a head. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decideAcquire } from "../../../../src/machine/rules/lifecycle.ts";
import type { SessionHead } from "../../../../src/machine/snapshot.ts";
import type { Guard, SessionStore } from "../../../../src/store/session_store.ts";
import { type Kit, START, will } from "../../../../src/testing/conformance/kit.ts";
import { inParallel, openRig, piecesOf } from "./redis_kit.ts";

const CASES = 4_000;

/** Leases of the nodes that may own what is found; one was never heard of. */
const LEASES: Readonly<Record<string, number>> = { early: START + 5_000, late: START + 400_000, never: 0 };

/** Moments that one another are a millisecond apart, now and then, and lengths likewise. */
const moment = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(START, START + 1, START + 4_999, START + 5_000, START + 5_001, START + 9_000),
  },
  { weight: 1, arbitrary: fc.integer({ min: START - 10_000, max: START + 500_000 }) },
);
const length = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 999, 1_000, 4_000, 5_000) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 600_000 }) },
  { weight: 1, arbitrary: fc.constant(0xffff_fffe * 1_000) },
);

const headArbitrary: fc.Arbitrary<SessionHead> = fc.record({
  protocolVersion: fc.constantFrom<4 | 5>(4, 5, 5),
  attached: fc.boolean(),
  connectedAt: moment,
  disconnectedAt: moment,
  disconnectReason: fc.integer({ min: 0, max: 255 }),
  sessionExpiryInterval: fc.constantFrom(0, 60, 0xffff_ffff),
  endsAt: fc.oneof(moment, fc.constant(0)),
  endsAfterMs: length,
  willDueAt: moment,
  willAfterMs: length,
  onTakeover: fc.constantFrom<"release" | "discard">("release", "discard"),
  sentLimit: fc.integer({ min: 0, max: 70_000 }),
}, {
  requiredKeys: ["protocolVersion", "attached", "connectedAt", "sessionExpiryInterval", "onTakeover", "sentLimit"],
});

const caseArbitrary = fc.record({
  stored: fc.option(
    fc.record({ head: headArbitrary, hasWill: fc.boolean(), node: fc.constantFrom(...Object.keys(LEASES)) }),
    { nil: undefined, freq: 20 },
  ),
  terms: fc.record({
    cleanStart: fc.boolean(),
    head: headArbitrary.map((head) => ({ ...head, attached: true })),
    hasWill: fc.boolean(),
    sendAhead: fc.integer({ min: 0, max: 70_000 }),
    releaseWillOnCleanStart: fc.boolean(),
    resumeAcrossVersions: fc.boolean(),
  }),
  /** Which of the moments that a decision could hang on is near, and how near. */
  anchor: fc.nat({ max: 7 }),
  offset: fc.constantFrom(-1, 0, 0, 1, 60_000),
});

type Case = Parameters<Parameters<typeof caseArbitrary.map>[0]>[0];

function nowOf({ stored, anchor, offset }: Case): number {
  if (stored === undefined) return START;
  const { head, node } = stored;
  const lostAt = Math.max(LEASES[node] ?? 0, head.connectedAt);
  const moments = [
    head.endsAt,
    head.willDueAt,
    LEASES[node],
    head.endsAfterMs === undefined ? undefined : lostAt + head.endsAfterMs,
    head.willAfterMs === undefined ? undefined : lostAt + head.willAfterMs,
    head.connectedAt,
  ].filter((each) => each !== undefined && each > 0);
  return Math.max(0, (moments[anchor % moments.length] ?? START) + offset);
}

/** Brings a session about for each case, which is as the case says. */
async function furnish(store: SessionStore, kit: Kit, cases: readonly Case[]): Promise<Map<number, Guard>> {
  const guards = new Map<number, Guard>();
  await inParallel(cases, async ({ stored }, index) => {
    if (stored === undefined) return;
    const terms = { sendAhead: 0, ...(stored.hasWill ? { will: will({ topic: "stored" }) } : {}) };
    const { guard } = await kit.acquire(`client-${index}`, { nodeId: stored.node, terms });
    guards.set(index, guard);
  });
  const groups = piecesOf([...guards], 200);
  await inParallel(groups, async (group) => {
    const results = await store.commit(group.map(([index, guard]) => {
      const { head } = cases[index]?.stored ?? assert.fail();
      return kit.batch({ guard, changes: [{ type: "putHead", head }] });
    }));
    for (const { outcome } of results) assert.equal(outcome, "committed");
  }, 2);
  return guards;
}

Deno.test("the script decides as decideAcquire does, for thousands of stored heads, terms and moments, edges included", async () => {
  await using rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const cases = fc.sample(caseArbitrary, { numRuns: CASES, seed });
  await store.renewNode("early", LEASES["early"] ?? 0);
  await store.renewNode("late", LEASES["late"] ?? 0);
  await furnish(store, kit, cases);
  const wills = new Map<string, string>();
  const seen: Record<string, number> = {};
  await inParallel(cases, async (each, index) => {
    const clientId = `client-${index}`;
    const { stored, terms: { hasWill, ...terms } } = each;
    const now = nowOf(each);
    const asked = {
      clientId,
      mustBeNew: false,
      ...terms,
      ...(hasWill ? { will: will({ topic: "new" }) } : {}),
    };
    const ownerUntil = stored === undefined ? 0 : LEASES[stored.node] ?? 0;
    const expected = decideAcquire(stored && { ...stored, ownerUntil }, asked, now);
    const before = stored && (await store.read(clientId))?.snapshot.incarnation;
    const answer = await kit.acquire(clientId, { terms: asked, nodeId: "taker", now });
    const told = `case ${index} of seed ${seed}: ${JSON.stringify({ ...each, now })}`;
    const { head, incarnation } = answer.snapshot;
    assert.deepEqual({
      resumed: answer.resumed,
      goesOn: incarnation === before,
      ended: answer.ended,
      startedThrough: answer.startedThrough,
      head,
      will: answer.snapshot.will?.topic,
      superseded: answer.superseded?.nodeId,
      pending: answer.outboxPending,
    }, {
      resumed: expected.resumed,
      goesOn: expected.resumed,
      ended: expected.ends === undefined
        ? undefined
        : { incarnation: before, reason: expected.ends, owes: expected.publishesWill },
      startedThrough: expected.startedThrough,
      head: expected.head,
      will: hasWill ? "new" : undefined,
      superseded: stored?.head.attached && ownerUntil > now ? stored.node : undefined,
      pending: expected.resumed && expected.publishesWill,
    }, told);
    // What somebody else reads is what was answered.
    assert.deepEqual((await store.read(clientId))?.snapshot, answer.snapshot, told);
    if (expected.publishesWill) wills.set(before ?? "", told);
    const kind = `${expected.row} ${expected.publishesWill}`;
    seen[kind] = (seen[kind] ?? 0) + 1;
  });
  const owed = await rig.run("HKEYS", await rig.keyOf("/owed")) as readonly string[];
  const owners = new Set(owed.filter((field) => !field.includes("/")).map((field) => field.slice(1)));
  for (const [incarnation, told] of wills) assert.ok(owners.has(incarnation), `no Will is owed in ${told}`);
  assert.equal(owners.size, wills.size, `seed ${seed}`);
  // Every row was met, and each that may release a Will with and without one.
  assert.deepEqual(
    Object.keys(seen).sort(),
    ["S2 false", ...["S3", "S4", "S5", "S6", "S7", "S8"].flatMap((row) => [`${row} false`, `${row} true`])],
    `seed ${seed}: ${JSON.stringify(seen)}`,
  );
});
