/**
 * Steps of sessions that need several requests in a cluster, each from its beginning to what must be seen when it is done.
 *
 * @module
 */
import assert from "node:assert/strict";
import { detachedHead } from "../../../src/machine/rules/lifecycle.ts";
import type { Delivery, DeliveryReceiver, OutboxEntry, SessionStore } from "../../../src/store/session_store.ts";
import {
  attachedHead,
  bytesOf,
  type Kit,
  message,
  type Owned,
  PLAIN,
  receiver,
  START,
  will,
} from "../../../src/testing/conformance/kit.ts";
import { NEVER_EXPIRES } from "../../../src/mqtt/packet.ts";

/** Who gets what is published; they live in different slots. */
export const RECEIVERS = ["r1", "r2", "r3"] as const;

/** The session that a step is about. */
export const CLIENT = "c";

/** What a step is given: hands on the store of its process, the receivers, and the session, if there is one. */
export interface Scene {
  readonly kit: Kit;
  readonly receivers: readonly Owned[];
  readonly session: Owned | undefined;
  readonly now: number;
}

/** A step. */
export interface ClusterStep {
  readonly name: string;
  /** Makes the session, if the step is about one. */
  readonly prepare?: (scene: Scene) => Promise<Owned>;
  /** What may be cut off at any request. */
  readonly act: (scene: Scene) => Promise<unknown>;
  /** Whether it was done, as the session tells; `undefined` for what leaves no trace there. */
  readonly isDone?: (scene: Scene, store: SessionStore) => Promise<boolean>;
  /** How many copies each receiver has, if it was done; default 0. */
  readonly copies?: number;
  /** Whether they have them already before the step, or at latest when all is worked off. */
  readonly owedBefore?: boolean;
  /** Whether it may be delivered more than once. */
  readonly atLeastOnce?: boolean;
}

/** Puts the next guard in the session's place, for what follows. */
async function owned(kit: Kit, subscribed: readonly string[], choice: Parameters<Kit["open"]>[1] = {}): Promise<Owned> {
  let session = await kit.open(CLIENT, choice);
  for (const filter of subscribed) session = await kit.subscribe(session, filter);
  return session;
}

const sessionOf = ({ session }: Scene): Owned => session ?? assert.fail("there is no session");

const detached = (at: number, never = false) =>
  detachedHead(
    attachedHead(never ? { endsAfterMs: undefined, sessionExpiryInterval: NEVER_EXPIRES } as never : {}),
    at,
    0,
  );

const toAll = ({ receivers }: Scene): Delivery => ({
  message: message({ payload: bytesOf("m"), publisher: CLIENT }),
  receivers: receivers.map((each) => receiver(each)),
});

const acquiredBy = (nodeId: string) => async (_: Scene, store: SessionStore) =>
  (await store.read(CLIENT))?.owner?.nodeId === nodeId;
const isAttached = async (_: Scene, store: SessionStore) => (await store.read(CLIENT))?.snapshot.head.attached === true;
const isLeft = async (_: Scene, store: SessionStore) => (await store.read(CLIENT))?.snapshot.head.attached === false;
const isGone = async (_: Scene, store: SessionStore) => await store.read(CLIENT) === undefined;
const hasVersion = (by: number) => async (scene: Scene, store: SessionStore) =>
  (await store.read(CLIENT))?.guard.version === sessionOf(scene).guard.version + by;

/** Every step. */
export const STEPS: readonly ClusterStep[] = [
  {
    name: "acquires a new session",
    act: ({ kit, now }) => kit.acquire(CLIENT, { nodeId: "node-x", now, terms: { will: will() } }),
    isDone: isAttached,
  },
  {
    name: "resumes",
    prepare: async ({ kit }) => await kit.detach(await owned(kit, ["own", "x/+"])),
    act: ({ kit, now }) => kit.acquire(CLIENT, { nodeId: "node-b", now }),
    isDone: isAttached,
  },
  {
    name: "takes over, with a Will",
    prepare: ({ kit }) =>
      owned(kit, ["own"], { terms: { head: attachedHead({ onTakeover: "release" }), will: will() } }),
    act: ({ kit, now }) => kit.acquire(CLIENT, { nodeId: "node-b", now }),
    isDone: acquiredBy("node-b"),
    copies: 1,
  },
  {
    name: "starts clean, with subscriptions and a Will",
    prepare: ({ kit }) => owned(kit, ["own", "x/+"], { terms: { will: will() } }),
    act: async ({ kit, now }) => {
      const { guard } = await kit.acquire(CLIENT, { nodeId: "node-b", now, terms: { cleanStart: true } });
      await kit.change({ clientId: CLIENT, incarnation: guard.incarnation, guard }, [
        { type: "putSubscription", filter: "own", subscription: PLAIN },
      ], { now });
    },
    copies: 1,
    isDone: acquiredBy("node-b"),
  },
  {
    name: "is refused",
    prepare: ({ kit }) => owned(kit, ["own"]),
    act: ({ kit, now }) => kit.tryAcquire(CLIENT, { nodeId: "node-b", now, whenOwned: "refuse" }),
  },
  {
    name: "subscribes",
    prepare: ({ kit }) => owned(kit, ["own"]),
    act: async (scene) => {
      await scene.kit.store.admitFilters(["new", "n/+/w"]);
      await scene.kit.change(sessionOf(scene), [
        { type: "putSubscription", filter: "new", subscription: PLAIN },
        { type: "putSubscription", filter: "n/+/w", subscription: { ...PLAIN, qos: 2 } },
      ], { now: scene.now });
    },
    isDone: hasVersion(1),
  },
  {
    name: "unsubscribes",
    prepare: ({ kit }) => owned(kit, ["own", "x/+"]),
    act: (scene) =>
      scene.kit.change(sessionOf(scene), [{ type: "deleteSubscription", filter: "x/+" }], { now: scene.now }),
    isDone: hasVersion(1),
  },
  {
    name: "unsubscribes and subscribes again",
    prepare: ({ kit }) => owned(kit, ["own", "x/+"]),
    act: async (scene) => {
      const { kit, now } = scene;
      const left = await kit.change(sessionOf(scene), [{ type: "deleteSubscription", filter: "x/+" }], { now });
      await kit.change(left, [{ type: "putSubscription", filter: "x/+", subscription: PLAIN }], { now });
    },
    isDone: hasVersion(2),
  },
  {
    name: "is left, to end later",
    prepare: ({ kit }) => owned(kit, ["own"]),
    act: (scene) =>
      scene.kit.change(sessionOf(scene), [{ type: "putHead", head: detached(scene.now) }], { now: scene.now }),
    isDone: isLeft,
  },
  {
    name: "is left, and never ends",
    prepare: ({ kit }) => owned(kit, ["own"]),
    act: (scene) =>
      scene.kit.change(sessionOf(scene), [{ type: "putHead", head: detached(scene.now, true) }], { now: scene.now }),
    isDone: isLeft,
  },
  {
    name: "is ended by its owner, with a Will",
    prepare: ({ kit }) => owned(kit, ["own", "x/+"]),
    act: (scene) =>
      scene.kit.change(sessionOf(scene), [{ type: "endSession", reason: "disconnected" }], {
        now: scene.now,
        deliveries: [{ message: message({ topic: "will/topic" }), receivers: undefined }],
      }),
    isDone: isGone,
    copies: 1,
  },
  {
    name: "is ended by whoever works off what is due, with a Will",
    prepare: async ({ kit }) => await kit.detach(await owned(kit, ["own", "x/+"])),
    act: async ({ kit, now }) => {
      const { guard } = await kit.store.read(CLIENT) ?? assert.fail("it is there");
      await kit.commit({
        guard,
        raiseEpoch: { token: kit.id() },
        changes: [{ type: "endSession", reason: "expired" }],
        deliveries: [{ message: message({ topic: "will/topic" }), receivers: undefined }],
        now,
      });
    },
    isDone: isGone,
    copies: 1,
  },
  {
    name: "is let go of when its node is gone",
    prepare: ({ kit }) => owned(kit, ["own"]),
    act: async ({ kit, now }) => {
      const { guard } = await kit.store.read(CLIENT) ?? assert.fail("it is there");
      const changes = [{ type: "putHead", head: detached(now) } as const];
      await kit.commit({ guard, raiseEpoch: { token: kit.id() }, changes, now });
    },
    isDone: isLeft,
  },
  {
    name: "publishes to receivers in other slots",
    prepare: ({ kit }) => owned(kit, ["own"]),
    act: (scene) =>
      scene.kit.change(sessionOf(scene), [{ type: "putInboundId", packetId: 7 }], {
        now: scene.now,
        deliveries: [toAll(scene)],
      }),
    isDone: hasVersion(1),
    copies: 1,
  },
  {
    name: "works its outbox off",
    prepare: async (scene) => {
      const session = await owned(scene.kit, ["own"]);
      return await scene.kit.change(session, [], { deliveries: [toAll(scene), toAll(scene)] });
    },
    act: (scene) => workOff(scene.kit, scene.kit.store, sessionOf(scene).incarnation, scene.now),
    copies: 2,
    owedBefore: true,
  },
  {
    name: "works an outbox off whose receivers nobody has fixed",
    prepare: async (scene) => {
      const session = await owned(scene.kit, ["own"]);
      const deliveries = [{ message: message({ topic: "will/topic" }), receivers: undefined }];
      return await scene.kit.change(session, [{ type: "endSession", reason: "disconnected" }], { deliveries });
    },
    act: (scene) => workOff(scene.kit, scene.kit.store, sessionOf(scene).incarnation, scene.now),
    copies: 1,
    owedBefore: true,
  },
  {
    name: "publishes without a session",
    act: (scene) => scene.kit.commit({ deliveries: [toAll(scene)], now: scene.now }),
    copies: 1,
  },
  {
    name: "works off what was published without a session",
    prepare: async (scene) => {
      const id = scene.kit.id("hosted");
      await scene.kit.commit({ id, deliveries: [toAll(scene)] });
      return { clientId: "", incarnation: id, guard: undefined as never };
    },
    act: (scene) => workOff(scene.kit, scene.kit.store, sessionOf(scene).incarnation, scene.now),
    copies: 1,
    owedBefore: true,
    atLeastOnce: true,
  },
];

/** Receivers that a step of an outbox reaches. */
const MOST = 2;

/** Works an outbox off, as far as nobody else is found at it. */
export async function workOff(kit: Kit, store: SessionStore, outboxId: string, now: number): Promise<void> {
  for (;;) {
    const [entry] = await store.readOutbox(outboxId, 1);
    if (entry === undefined || !await serve(kit, store, entry, now)) return;
  }
}

async function serve(kit: Kit, store: SessionStore, entry: OutboxEntry, now: number): Promise<boolean> {
  const { outboxId, number, message } = entry;
  const receivers = entry.receivers ?? await route(store, message.topic);
  let fixes = entry.receivers === undefined;
  for (let from = entry.cursor; from < receivers.length || fixes;) {
    const to = Math.min(from + MOST, receivers.length);
    const [result] = await store.commit([kit.batch({
      deliveries: [{ message, receivers: receivers.slice(from, to) }],
      outbox: { outboxId, number, from, to, ...(fixes ? { receivers } : {}) },
      now,
    })]);
    if (result?.outcome !== "committed") return false;
    from = to;
    fixes = false;
  }
  return true;
}

async function route(store: SessionStore, topic: string): Promise<readonly DeliveryReceiver[]> {
  const [matches = []] = await store.matchSubscriptions([topic]);
  return matches.map(({ clientId, incarnation }) => receiver({ clientId, incarnation, guard: undefined as never }));
}

/** Lets time pass: what is due is listed again and again, outboxes are worked off, and checks fall due. */
export async function letTimePass(kit: Kit, store: SessionStore, from: number): Promise<number> {
  let now = from;
  for (const ms of [1_000, 31_000, 61_000, 62_000, 93_000, 123_000, 185_000]) {
    now = from + ms;
    for (let again = true; again;) {
      again = false;
      for (const work of await store.listDue(now, { limit: 100, graceMs: 0 })) {
        if (work.type !== "outbox") continue;
        await workOff(kit, store, work.outboxId, now);
        again ||= (await store.readOutbox(work.outboxId, 1)).length === 0;
      }
    }
  }
  return now;
}

/** The receivers, each subscribed to what a step publishes. */
export async function openReceivers(kit: Kit): Promise<readonly Owned[]> {
  return await Promise.all(RECEIVERS.map(async (clientId) => {
    return await kit.subscribe(await kit.open(clientId), "will/topic");
  }));
}

/** When steps are taken: while checks of the beginning still stand, and once they have to be written anew. */
export const MOMENTS: readonly number[] = [START + 1_000, START + 30_000];
