import assert from "node:assert/strict";
import type { AcquireRequest, CommitBatch, Guard, QueueLimits, SessionStore } from "../../src/store/session_store.ts";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { mapDriver, random, scheduler } from "../../src/testing/mod.ts";
import type { Scheduler } from "../../src/testing/mod.ts";

const NOW = 1_700_000_000_000;
const ROOMY: QueueLimits = { maximumMessages: 1_000, maximumBytes: 1 << 20, whenFull: "dropOldest" };
const TIGHT: QueueLimits = { ...ROOMY, maximumMessages: 3 };
const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** Stores every one of whose calls, or calls to the driver below, waits for the scheduler. */
const STORES: Readonly<Record<string, (tasks: Scheduler, seed: number) => SessionStore>> = {
  "memory": (tasks) => tasks.wrap(memoryStore()),
  "key-value": (tasks, seed) =>
    keyValueStore(tasks.wrap(mapDriver()), { capabilities: CAPABILITIES, newId: random(seed).id }),
};

function request(token: string, choice: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    terms: {
      clientId: "client",
      mustBeNew: false,
      cleanStart: false,
      head: {
        protocolVersion: 5,
        attached: true,
        connectedAt: NOW,
        sessionExpiryInterval: 60,
        endsAfterMs: 60_000,
        onTakeover: "discard",
        sentLimit: 0,
      },
      sendAhead: 0,
      releaseWillOnCleanStart: false,
      resumeAcrossVersions: false,
    },
    token,
    nodeId: `node of ${token}`,
    incarnation: `incarnation of ${token}`,
    whenOwned: "take",
    page: { messages: 10, bytes: 10_000 },
    now: NOW,
    ...choice,
  };
}

function batch(id: string, choice: Partial<CommitBatch>): CommitBatch {
  return { id, changes: [], deliveries: [], limits: ROOMY, now: NOW, ...choice };
}

function delivery(incarnation: string, text: string): CommitBatch["deliveries"][number] {
  const payload = new TextEncoder().encode(text);
  return {
    message: { topic: "t", payload, qos: 1, retain: false, properties: {}, publisher: text, publishedAt: NOW },
    receivers: [{ clientId: "client", incarnation, qos: 1, retain: false, subscriptionIdentifiers: [] }],
  };
}

/** Runs a world to its end in the order of a seed. */
async function play<Result>(tasks: Scheduler, world: Promise<Result>): Promise<Result> {
  let ended = false;
  const watched = world.finally(() => ended = true);
  watched.catch(() => {});
  await tasks.runAll();
  assert.ok(ended, "the world waits for nothing, and is not at its end");
  return await watched;
}

/** The first session of the client: its guard. */
async function begin(store: SessionStore): Promise<Guard> {
  for (const token of ["first", "second", "third"]) await store.renewNode(`node of ${token}`, NOW + 1_000);
  const answer = await store.acquire(request("first"));
  assert.ok(answer.outcome === "acquired");
  return answer.guard;
}

async function texts(store: SessionStore, guard: Guard): Promise<readonly string[]> {
  const page = await store.readQueue(guard, { after: 0, messages: 1_000, bytes: 1 << 20 });
  return page.messages.map(({ sequence, payload }) => `${sequence}:${new TextDecoder().decode(payload)}`);
}

/** Publishers, an owner that acknowledges, and one who takes the session from it, all at the same time. */
async function takeover(store: SessionStore): Promise<void> {
  const first = await begin(store);
  const { incarnation } = first;
  const publish = (text: string) => store.commit([batch(text, { deliveries: [delivery(incarnation, text)] })]);
  await publish("a");
  const ack = (packetId: number) =>
    batch(`ack ${packetId}`, { guard: first, changes: [{ type: "putInboundId", packetId }, DELETE_FIRST] });
  const [acked, again, , , second] = await Promise.all([
    store.commit([ack(1)]),
    store.commit([ack(2)]),
    publish("b"),
    publish("c"),
    store.acquire(request("second")),
  ]);
  assert.ok(second.outcome === "acquired" && second.resumed);
  assert.deepEqual(second.superseded?.token, "first");
  const committed = [acked[0], again[0]].filter((result) => result?.outcome === "committed").length;
  assert.ok(committed <= 1, "two commits under one guard");
  const late = await store.commit([batch("late", { guard: first, changes: [{ type: "putInboundId", packetId: 9 }] })]);
  assert.deepEqual(late, [{ outcome: "superseded" }]);
  const stored = await store.read("client");
  assert.equal(stored?.snapshot.inbound.size, committed);
  assert.deepEqual(stored?.owner?.token, "second");
  const log = await texts(store, second.guard);
  assert.equal(log.includes("1:a"), committed === 0);
  assert.deepEqual(log.map((text) => text.slice(2)).toSorted().filter((text) => text !== "a"), ["b", "c"]);
  const line = await store.directory.inspect("client");
  assert.equal(line?.queuedMessages, log.length);
  assert.deepEqual(await store.readRings("node of first").then((rings) => rings.includes("client")), true);
  assert.equal((await store.commit([batch("next", { guard: second.guard })]))[0]?.outcome, "committed");
}

const DELETE_FIRST = { type: "deleteQueued", sequence: 1, bytes: 2 } as const;

/** Publishers at a full queue, while its owner declares entries started: these stay, whatever comes. */
async function fullQueue(store: SessionStore): Promise<void> {
  const owner = await begin(store);
  const { incarnation } = owner;
  const publish = (text: string) =>
    store.commit([batch(text, { deliveries: [delivery(incarnation, text)], limits: TIGHT })]);
  for (const text of ["a", "b", "c"]) await publish(text);
  const [started, ...told] = await Promise.all([
    store.commit([batch("started", { guard: owner, changes: [{ type: "putSentLimit", sentLimit: 2 }] })]),
    publish("d"),
    publish("e"),
    publish("f"),
  ]);
  const [result] = started;
  assert.ok(result?.outcome === "committed" && result.guard !== undefined);
  const before = await texts(store, result.guard);
  assert.equal(before.length, 3);
  for (const text of ["g", "h"]) await publish(text);
  const after = await texts(store, result.guard);
  const protectedOnes = before.filter((text) => Number(text.split(":")[0]) <= 2);
  assert.deepEqual(after.slice(0, protectedOnes.length), protectedOnes, "a started entry gave way");
  const line = await store.directory.inspect("client");
  assert.equal(line?.queuedMessages, 3);
  const dropped = Object.values(line?.dropped ?? {}).reduce((sum, count) => sum + count, 0);
  assert.equal(dropped, 5, "of 8 messages 3 are left: every other is counted");
  assert.equal(told.length, 3);
}

/** Two who begin the session anew while somebody publishes to the old one and a sweep goes on. */
async function cleanStarts(store: SessionStore): Promise<void> {
  const { incarnation } = await begin(store);
  const clean = (token: string) => {
    const bare = request(token);
    return store.acquire({ ...bare, terms: { ...bare.terms, cleanStart: true } });
  };
  const sweepAll = async () => {
    for (const work of await store.listDue(NOW, { limit: 10, graceMs: 1e9 })) {
      if (work.type === "sweep") await store.sweep(work.work);
    }
  };
  const [second, third] = await Promise.all([
    clean("second"),
    clean("third"),
    store.commit([batch("a", { deliveries: [delivery(incarnation, "a")] })]),
    sweepAll(),
  ]);
  await sweepAll();
  assert.ok(second.outcome === "acquired" && third.outcome === "acquired");
  const stored = await store.read("client");
  const [kept, lost] = stored?.owner?.token === "third" ? [third, second] : [second, third];
  assert.equal(stored?.snapshot.incarnation, kept.guard.incarnation);
  assert.deepEqual(kept.ended?.incarnation, lost.guard.incarnation);
  assert.deepEqual(await texts(store, kept.guard), []);
  const lateBatch = batch("late", { deliveries: [delivery(lost.guard.incarnation, "late")] });
  const [late] = await store.commit([lateBatch]);
  assert.ok(late?.outcome === "committed" && late.deliveries[0]?.[0]?.outcome === "ended");
  assert.equal((await store.commit([batch("next", { guard: kept.guard })]))[0]?.outcome, "committed");
}

/** Two who work one outbox off. */
async function outbox(store: SessionStore): Promise<void> {
  const { incarnation } = await begin(store);
  const owed = delivery(incarnation, "a");
  await store.commit([batch("owed", { deliveries: [{ ...owed, receivers: undefined }] })]);
  const work = async (worker: string): Promise<string> => {
    const [entry] = await store.readOutbox("owed", 1);
    if (entry === undefined) return "empty";
    const receivers = owed.receivers ?? [];
    const move = { outboxId: "owed", number: entry.number, from: 0, to: receivers.length, receivers };
    const [result] = await store.commit([batch(worker, { deliveries: [owed], outbox: move })]);
    return result?.outcome ?? "nothing";
  };
  const outcomes = await Promise.all([work("one"), work("two"), work("three")]);
  assert.equal(outcomes.filter((outcome) => outcome === "committed").length, 1);
  const stored = await store.read("client");
  assert.ok(stored !== undefined);
  assert.deepEqual(await texts(store, stored.guard), ["1:a"]);
  assert.deepEqual(await store.readOutbox("owed", 1), []);
}

const WORLDS = { takeover, fullQueue, cleanStarts, outbox } as const;

for (const [name, make] of Object.entries(STORES)) {
  for (const [world, run] of Object.entries(WORLDS)) {
    Deno.test(`${name}: ${world} ends well in whatever order its calls are carried out`, async () => {
      for (let seed = 1; seed <= 60; seed++) {
        const tasks = scheduler({ seed, replies: seed % 2 === 0 ? "apart" : "together" });
        await play(tasks, run(make(tasks, seed))).catch((cause) => {
          throw new Error(`seed ${seed}: ${cause}`, { cause });
        });
      }
    });
  }
}
