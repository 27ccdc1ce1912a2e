/** Every call of the store's port, in an order in which one call's answer feeds the next. */
import type { DeliveryReceiver, Guard, SessionStore } from "../../../src/store/session_store.ts";
import type { DueWork } from "../../../src/store/due_work.ts";
import type { SubscriptionMatch } from "../../../src/routing/resolve.ts";
import { batch, NOW, request } from "../../unit/store/key_value/kit.ts";
import { LATER, LONG_CLIENT, published } from "./stored_world.ts";

/** Makes one call; what it answered, or nothing if it was refused as a spoiled record may be. */
export type Attempt = <Value>(name: string, call: () => Promise<Value>) => Promise<Value | undefined>;

/** A page of a log. */
const PAGE = { messages: 100, bytes: 1e6 } as const;

const CLIENTS = ["victim", LONG_CLIENT, "ended", "lost", "bystander", "sleeper", "newcomer"] as const;
const TOPICS = ["t", "a/b", "lost/1", "sleep", "will"] as const;

/** Makes every call that only looks. */
export async function lookAround(store: SessionStore, attempt: Attempt): Promise<void> {
  for (const clientId of CLIENTS) {
    const found = await attempt(`read ${clientId}`, () => store.read(clientId));
    await attempt(`inspect ${clientId}`, () => store.directory.inspect(clientId));
    if (found !== undefined) {
      await attempt(`read the queue of ${clientId}`, () => store.readQueue(found.guard, { after: 0, ...PAGE }));
    }
  }
  await attempt("list", () => store.directory.list({ limit: 100 }));
  for (const topic of TOPICS) await attempt(`match ${topic}`, () => store.matchSubscriptions([topic]));
  await attempt("admit", () => store.admitFilters(["t", "x/+", "y/#"]));
  await attempt("next due", () => store.nextDueAt());
}

/** Makes every call that changes something: whoever is there publishes, connects, acknowledges, is swept and expires. */
export async function useAll(store: SessionStore, attempt: Attempt): Promise<void> {
  await attempt("renew", () => store.renewNode("node", NOW + 6_000_000));
  const matches = await attempt("match t", () => store.matchSubscriptions(["t"])) ?? [];
  for (const [index, receivers] of piecesOf(matches.flat().map(receiverOf), 2).entries()) {
    for (const bytes of [10, 6_000]) {
      const deliveries = [{ message: published(bytes), receivers }];
      await attempt(`publish ${bytes}`, () => store.commit([batch(`p${index}/${bytes}`, { deliveries })]));
      const limits = { maximumMessages: 3, maximumBytes: 10_000, whenFull: "dropOldest" } as const;
      await attempt(
        `publish ${bytes} tightly`,
        () => store.commit([batch(`q${index}/${bytes}`, { deliveries, limits })]),
      );
    }
  }
  for (const work of await attempt("list due", () => dueWork(store)) ?? []) await workOff(store, attempt, work);
  for (const node of ["node", "lapsed"]) await attempt(`rings of ${node}`, () => store.readRings(node));
  for (const [index, clientId] of CLIENTS.entries()) await connect(store, attempt, clientId, String(index));
  await attempt("release", () => store.renewNode("lapsed", 0));
  for (const work of await attempt("list due", () => dueWork(store)) ?? []) await workOff(store, attempt, work);
}

/** All that is due, by as many calls as rows that cannot be read make necessary. */
async function dueWork(store: SessionStore): Promise<readonly DueWork[]> {
  const options = { limit: 100, graceMs: 0 };
  try {
    return await store.listDue(LATER, options);
  } catch (first) {
    const again = await store.listDue(LATER, options).catch((second: unknown) => {
      // What was told is set aside, so that it cannot be told twice.
      throw new Error("what could not be read is told again", { cause: [first, second] });
    });
    return again;
  }
}

async function workOff(store: SessionStore, attempt: Attempt, work: DueWork): Promise<void> {
  switch (work.type) {
    case "sweep":
      return void await attempt("sweep", () => store.sweep(work.work));
    case "outbox":
      return await workOutbox(store, attempt, work.outboxId);
    case "session":
    case "node":
      for (const clientId of work.type === "node" ? work.clientIds : [work.clientId]) {
        const found = await attempt(`read ${clientId}`, () => store.read(clientId));
        if (found === undefined) continue;
        const { guard, snapshot } = found;
        const head = { ...snapshot.head, attached: false, disconnectedAt: LATER, endsAt: LATER + 1 };
        await attempt(`let go of ${clientId}`, () =>
          store.commit([
            batch(`due ${clientId.slice(0, 9)}`, {
              guard,
              raiseEpoch: { token: "due" },
              changes: [{ type: "putHead", head }, { type: "deleteWill" }],
              now: LATER,
            }),
          ]));
      }
      return;
    default:
      work satisfies never;
  }
}

async function workOutbox(store: SessionStore, attempt: Attempt, outboxId: string): Promise<void> {
  const entries = await attempt("read an outbox", () => store.readOutbox(outboxId, 10)) ?? [];
  for (const { number, message, receivers, cursor } of entries) {
    const wanted = receivers ?? [{ ...NOBODY, clientId: "bystander", incarnation: "bystander-1" }];
    const to = Math.min(wanted.length, cursor + 2);
    if (to < cursor) continue;
    await attempt("move an outbox", () =>
      store.commit([
        batch(`outbox ${number}`, {
          outbox: { outboxId, number, from: cursor, to, ...(receivers === undefined ? { receivers: wanted } : {}) },
          deliveries: [{ message, receivers: wanted.slice(cursor, to) }],
          now: LATER,
        }),
      ]));
  }
}

async function connect(store: SessionStore, attempt: Attempt, clientId: string, token: string): Promise<void> {
  const answer = await attempt(`acquire ${clientId}`, () =>
    store.acquire(request(clientId, `again-${token}`, {
      nodeId: "another",
      incarnation: `new-${token}`,
      ...(clientId.startsWith("victim") ? { principal: "owner" } : {}),
    })));
  if (answer?.outcome !== "acquired") return;
  let guard: Guard | undefined = answer.guard;
  const { snapshot, queue } = answer;
  const changes = queue.messages.slice(0, 2).map((
    { sequence },
  ) => ({ type: "deleteQueued", sequence, bytes: 4 } as const));
  for (
    const [index, more] of [
      changes,
      [{ type: "putInboundId", packetId: 77 } as const],
      [{ type: "putHead", head: { ...snapshot.head, attached: false, disconnectedAt: NOW } } as const],
    ].entries()
  ) {
    if (guard === undefined) return;
    const owner: Guard = guard;
    const [result] = await attempt(`commit of ${clientId}`, () =>
      store.commit([batch(`own ${token} ${index}`, { guard: owner, changes: more })])) ?? [];
    // Repeated, as after an answer that was lost.
    await attempt(`commit of ${clientId} again`, () =>
      store.commit([batch(`own ${token} ${index}`, { guard: owner, changes: more })]));
    guard = result?.outcome === "committed" ? result.guard : undefined;
  }
}

const NOBODY = { qos: 1, retain: false, subscriptionIdentifiers: [] } as const;

function receiverOf({ clientId, incarnation }: SubscriptionMatch): DeliveryReceiver {
  return { ...NOBODY, clientId, incarnation };
}

function piecesOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}
