/** Sessions come and go, and nothing of them stays; keys end by themselves only while nobody owns what they hold. */
import assert from "node:assert/strict";
import type { SessionChange } from "../../../../src/machine/change.ts";
import { detachedHead } from "../../../../src/machine/rules/lifecycle.ts";
import type { CommitBatch, Guard, SessionStore } from "../../../../src/store/session_store.ts";
import { JOURNAL_KEPT_MS } from "../../../../src/store/records/journal.ts";
import { BROOM_MS } from "../../../../src/stores/upstash_redis/changes.ts";
import { random } from "../../../../src/testing/mod.ts";
import {
  attachedHead,
  type Kit,
  message,
  type Owned,
  PLAIN,
  receiver,
  START,
  will,
} from "../../../../src/testing/conformance/kit.ts";
import { inParallel, openRig, piecesOf, type Plain, type Rig } from "./redis_kit.ts";

const HOUR = 3_600_000;
const NODES = ["node-a", "node-b"];
const FILTERS = ["hot", "t/+", "t/1", "#", "$share/g/t/1"];

/** Commits batches in groups; those of one session are in groups of their own. Answers the next guards. */
async function commitAll(store: SessionStore, batches: readonly CommitBatch[]): Promise<(Guard | undefined)[]> {
  const guards: (Guard | undefined)[] = [];
  for (const group of piecesOf(batches, 250)) {
    for (const result of await store.commit(group)) {
      if (result.outcome !== "committed") assert.fail(`a batch was ${result.outcome}`);
      guards.push(result.guard);
    }
  }
  return guards;
}

/** What a session gets to hold: subscriptions, a Will, identifiers, marks. */
function belongings(index: number): SessionChange[] {
  return [
    { type: "putSubscription", filter: "hot", subscription: PLAIN },
    { type: "putSubscription", filter: FILTERS[1 + index % 4] ?? "#", subscription: { ...PLAIN, qos: 2 } },
    { type: "putSubscription", filter: `t/${index % 50}`, subscription: PLAIN },
    { type: "putInboundId", packetId: 1 + index % 9 },
    { type: "putQuarantine", packetId: 1 + index % 7 },
    { type: "putOutboundMark", sequence: 1, mark: { packetId: 7, phase: "released", pubrecOrder: 1 } },
    ...(index % 3 === 0 ? [{ type: "deleteSubscription", filter: "hot" } as const] : []),
  ];
}

/** Lives of some sessions, from their beginning until nothing of them is left. */
async function liveAndEnd(kit: Kit, store: SessionStore, ids: readonly number[]): Promise<void> {
  const sessions = new Map<number, Owned>();
  const nameOf = (index: number): string => `${index % 97 === 0 ? "long ".repeat(60) : "c"}${index}`;
  await inParallel(ids, async (index) => {
    const terms = { ...(index % 2 === 0 ? { will: will() } : {}), sendAhead: 0 };
    sessions.set(index, await kit.open(nameOf(index), { nodeId: NODES[index % 2] ?? "", terms }));
  });
  const change = async (
    some: readonly number[],
    batch: (session: Owned, index: number) => Partial<CommitBatch>,
  ): Promise<void> => {
    const owned = some.map((index) => sessions.get(index) ?? assert.fail());
    const guards = await commitAll(
      store,
      owned.map((session, place) => kit.batch({ guard: session.guard, ...batch(session, some[place] ?? 0) })),
    );
    for (const [place, guard] of guards.entries()) {
      const session = owned[place] ?? assert.fail();
      if (guard !== undefined) sessions.set(some[place] ?? 0, { ...session, guard });
    }
  };
  // Each sends to itself, and some to more than a commit reaches: the rest is owed.
  await change(ids, (_, index) => {
    const to = index % 5 === 2 ? [index, ids[0] ?? 0, ids.at(-1) ?? 0] : [index];
    const receivers = to.map((id) => receiver(sessions.get(id) ?? assert.fail()));
    return { changes: belongings(index), deliveries: [{ message: message(), receivers }] };
  });
  const by = (way: number): number[] => ids.filter((index) => index % 5 === way);
  // Some are ended by their owner, with a Will that nobody has routed yet.
  await change(by(0), (_, index) => ({
    changes: [{ type: "endSession", reason: "disconnected" }],
    deliveries: index % 4 === 0 ? [{ message: message({ topic: "will/topic" }), receivers: undefined }] : [],
  }));
  // Some are left, and start clean later, or lapse.
  await change([...by(1), ...by(2)], () => ({
    changes: [{ type: "putHead", head: detachedHead(attachedHead({ endsAfterMs: HOUR }), START, 0) }],
  }));
  await inParallel([...by(1), ...by(3)], async (index) => {
    const nodeId = NODES[(index + 1) % 2] ?? "";
    const { guard } = await kit.acquire(nameOf(index), { nodeId, terms: { cleanStart: index % 2 === 0 } });
    sessions.set(index, { clientId: nameOf(index), incarnation: guard.incarnation, guard });
  });
  await change([...by(1), ...by(3)], () => ({ changes: [{ type: "endSession", reason: "administrative" }] }));
  // The rest is found among what is due: outboxes are worked off, lost owners and lapsed sessions ended.
  await workOff(kit, store);
}

async function workOff(kit: Kit, store: SessionStore): Promise<void> {
  const now = START + 3 * HOUR;
  for (let rounds = 0; rounds < 1_000; rounds++) {
    const due = (await store.listDue(now, { limit: 500, graceMs: 0 })).filter((work) =>
      work.type !== "node" || work.clientIds.some((clientId) => clientId !== "resident")
    );
    if (due.length === 0) return;
    const batches: CommitBatch[] = [];
    await inParallel(due, async (work) => {
      if (work.type === "outbox") {
        for (const { number, message, cursor, receivers } of await store.readOutbox(work.outboxId, 1)) {
          const outbox = { outboxId: work.outboxId, number, from: cursor, to: cursor };
          batches.push(
            receivers === undefined ? kit.batch({ now, outbox: { ...outbox, receivers: [] } }) : kit.batch({
              now,
              deliveries: [{ message, receivers: receivers.slice(cursor) }],
              outbox: { ...outbox, to: receivers.length },
            }),
          );
        }
      }
      const clientIds = work.type === "session" ? [work.clientId] : work.type === "node" ? work.clientIds : [];
      for (const clientId of clientIds) {
        if (clientId === "resident") continue;
        const stored = await store.read(clientId);
        if (stored === undefined) continue;
        batches.push(kit.batch({
          now,
          guard: stored.guard,
          raiseEpoch: { token: kit.id() },
          changes: [{ type: "endSession", reason: "expired" }],
        }));
      }
    });
    await commitAll(store, batches);
  }
  assert.fail("what is due never ends");
}

async function sizes(rig: Rig): Promise<Readonly<Record<string, Plain>>> {
  const counted: Record<string, Plain> = { keys: await rig.run("DBSIZE") };
  for (const key of await rig.keys()) {
    const type = await rig.run("TYPE", key);
    counted[key] = await rig.run(type === "hash" ? "HLEN" : "ZCARD", key);
  }
  return counted;
}

Deno.test("10 000 sessions come and go, and every key is as it was before them", async () => {
  await using rig = await openRig();
  const store = rig.store({ maxReceiversPerCommit: 1 });
  const kit = rig.kit(store);
  await store.renewNode("node-a", START + 1_000);
  const resident = await kit.open("resident", { nodeId: "node-a" });
  assert.ok(!(await store.admitFilters([...FILTERS, "mine/#"])).includes(false));
  await kit.change(resident, [{ type: "putSubscription", filter: "mine/#", subscription: PLAIN }]);
  const isLasting = (key: string): boolean => !key.endsWith("}/ended");
  // The first time shows that there is something to leave behind.
  const before = await rig.contents(isLasting);
  const keysBefore = await rig.run("DBSIZE");
  const everyone = Array.from({ length: 10_000 }, (_, index) => index);
  const seed = Math.floor(Math.random() * 2 ** 32);
  const chance = random(seed);
  for (const some of piecesOf(chance.shuffle(everyone), 2_500)) await liveAndEnd(kit, store, some);
  for (const nodeId of NODES) while ((await store.readRings(nodeId)).length > 0);
  // What became of those that did not end with their connection is told for a day, in one field with nothing beside it.
  const told = (await rig.keys()).filter((key) => key.endsWith("}/log") && !key.includes("{cresident}"));
  assert.ok(told.length > 1_000);
  await inParallel(told, async (key) => {
    assert.deepEqual(await rig.run("HKEYS", key), ["j"]);
    const ms = Number(await rig.run("PTTL", key));
    assert.ok(ms > 0 && ms <= JOURNAL_KEPT_MS, `it ends in ${ms} ms`);
    await rig.run("DEL", key);
  });
  const after = await rig.contents(isLasting);
  assert.deepEqual(after, before, `seed ${seed}: ${JSON.stringify(await sizes(rig))}`);
  // What remembers how sessions ended is forgotten within the hour, or by the next that ends after it.
  const ended = (await rig.keys()).find((key) => !isLasting(key)) ?? assert.fail();
  assert.equal(await rig.run("DBSIZE"), Number(keysBefore) + 1);
  const left = Number(await rig.run("PTTL", ended));
  assert.ok(left > 0 && left <= HOUR, `it ends in ${left} ms`);
  assert.ok(Number(await rig.run("ZCARD", ended)) > 1_000);
  const last = await kit.open("last");
  await kit.change(last, [{ type: "endSession", reason: "disconnected" }], { now: START + 9 * HOUR });
  assert.equal(await rig.run("ZCARD", ended), 1);
});

/** In how many milliseconds the keys of a client end: -1 never, -2 for one that is not there. */
async function endsOf(rig: Rig, clientId: string): Promise<readonly number[]> {
  const keys = await rig.keys();
  const found = keys.filter((key) => key.includes(`{c${clientId}}`) && /(log|rows)$/.test(key));
  const ends = await Promise.all(found.map((key) => rig.run("PTTL", key)));
  return ends.map(Number);
}

/** Insists that keys end so long from now; the server's clock runs on meanwhile. */
function assertEnds(ends: readonly number[], count: number, inMs: number): void {
  assert.equal(ends.length, count);
  for (const each of ends) assert.ok(each <= inMs && each > inMs - 60_000, `${each} is not ${inMs}`);
}

Deno.test("the keys of a session end by themselves after it, once it is left, and never while it is owned [G9]", async () => {
  await using rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  await kit.start();
  const alone = await kit.open("alone");
  assert.deepEqual(await endsOf(rig, "alone"), [-1]);
  await kit.detach(alone);
  assertEnds(await endsOf(rig, "alone"), 1, HOUR + BROOM_MS);

  let session = await kit.subscribe(await kit.open("client"), "t");
  assert.deepEqual(await endsOf(rig, "client"), [-1, -1]);
  session = await kit.detach(session);
  assertEnds(await endsOf(rig, "client"), 2, HOUR + BROOM_MS);
  // Appends neither prolong it nor take it away.
  await kit.fill(session, ["one", "two"]);
  assertEnds(await endsOf(rig, "client"), 2, HOUR + BROOM_MS);
  session = await kit.open("client");
  assert.deepEqual(await endsOf(rig, "client"), [-1, -1]);
  session = await kit.subscribe(session, "u");
  await kit.fill(session, ["three"]);
  assert.deepEqual(await endsOf(rig, "client"), [-1, -1]);
});

Deno.test("rows that first come to a session that somebody owns have no end, whatever its keys had before [G9]", async () => {
  await using rig = await openRig();
  const kit = rig.kit();
  await kit.start();
  await kit.detach(await kit.open("client"));
  const session = await kit.subscribe(await kit.open("client"), "t");
  assert.deepEqual(await endsOf(rig, "client"), [-1, -1]);
  // Nor has one that ends with its connection, which is over whenever that is lost.
  const head = attachedHead({ sessionExpiryInterval: 0, endsAt: 0, endsAfterMs: 0 });
  const brief = await kit.subscribe(await kit.open("brief", { terms: { head } }), "t");
  await kit.change(brief, [{ type: "putHead", head: { ...head, endsAt: 0, connectedAt: START - 1 } }]);
  assert.deepEqual(await endsOf(rig, "brief"), [-1, -1]);
  // A Will alone makes rows too.
  await kit.detach(session);
  await kit.open("client", { terms: { will: will() } });
  assert.deepEqual(await endsOf(rig, "client"), [-1, -1]);
});

Deno.test("work without owning gives rows the end of their session, and moves it with the head [G9]", async () => {
  await using rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  await kit.start();
  await kit.detach(await kit.open("client"));
  const read = async (): Promise<Guard> => (await store.read("client"))?.guard ?? assert.fail();
  await kit.commit({ guard: await read(), changes: [{ type: "putInboundId", packetId: 1 }] });
  assertEnds(await endsOf(rig, "client"), 2, HOUR + BROOM_MS);
  const head = detachedHead(attachedHead({ endsAfterMs: 5 * HOUR }), START, 0);
  await kit.commit({ guard: await read(), changes: [{ type: "putHead", head }] });
  assertEnds(await endsOf(rig, "client"), 2, 5 * HOUR + BROOM_MS);
  // A while later there is less of it left.
  await kit.commit({ guard: await read(), changes: [{ type: "putHead", head }], now: START + 2 * HOUR });
  assertEnds(await endsOf(rig, "client"), 2, 3 * HOUR + BROOM_MS);
  await kit.commit({ guard: await read(), changes: [{ type: "putHead", head }], now: START + 9 * HOUR });
  assertEnds(await endsOf(rig, "client"), 2, BROOM_MS);
});

Deno.test("a session that never ends has keys that never end, and one that no longer does loses their end [G9]", async () => {
  await using rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  await kit.start();
  const { endsAfterMs: _, ...never } = attachedHead({ sessionExpiryInterval: 0xffff_ffff });
  const session = await kit.subscribe(await kit.open("client", { terms: { head: never } }), "t");
  const left = { ...never, attached: false, disconnectedAt: START, disconnectReason: 0 };
  await kit.change(session, [{ type: "putHead", head: left }]);
  assert.deepEqual(await endsOf(rig, "client"), [-1, -1]);
  const { guard } = await store.read("client") ?? assert.fail();
  await kit.commit({ guard, changes: [{ type: "putHead", head: { ...left, endsAt: START + HOUR } }] });
  assertEnds(await endsOf(rig, "client"), 2, HOUR + BROOM_MS);
  const again = (await store.read("client"))?.guard ?? assert.fail();
  await kit.commit({ guard: again, changes: [{ type: "putHead", head: left }] });
  assert.deepEqual(await endsOf(rig, "client"), [-1, -1]);
});

Deno.test("the longest interval is one that Redis takes, and a session that has ended keeps its keys for the broom [G9]", async () => {
  await using rig = await openRig();
  const kit = rig.kit();
  await kit.start();
  const longest = 0xffff_fffe * 1_000;
  await kit.detach(await kit.open("long"), { endsAt: START + longest });
  assertEnds(await endsOf(rig, "long"), 1, longest + BROOM_MS);
  await kit.detach(await kit.open("far"), { endsAt: Number.MAX_SAFE_INTEGER });
  assert.equal((await endsOf(rig, "far")).length, 1);
  await kit.detach(await kit.open("ended"), { endsAt: 0 });
  assertEnds(await endsOf(rig, "ended"), 1, BROOM_MS);
});

Deno.test("a session whose keys the broom took is due no more, and its client begins anew", async () => {
  await using rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  await kit.start();
  const names = ["one", "two", "x".repeat(300)];
  for (const name of names) await kit.detach(await kit.subscribe(await kit.open(name), "t"));
  // As Redis does once the time has come.
  for (const key of (await rig.keys()).filter((key) => /\}\/(log|rows)$/.test(key))) await rig.run("DEL", key);
  const now = START + 2 * BROOM_MS;
  await store.renewNode("node-a", now + HOUR);
  const { resumed } = await kit.acquire("one", { now });
  assert.equal(resumed, false);
  const dueOf = async () =>
    (await store.listDue(now, { limit: 10, graceMs: 0 })).flatMap((work) =>
      work.type === "session" ? [work.clientId] : []
    );
  await dueOf();
  // Nothing can be done about them, so that they would keep others from their turn.
  assert.deepEqual(await dueOf(), []);
  assert.equal(await store.nextDueAt(), now + HOUR);
});
