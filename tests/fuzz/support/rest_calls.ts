/** Every call of the Upstash store, each by itself, and the rules for how it may end. */
import assert from "node:assert/strict";
import type { SessionErrorCode } from "../../../src/errors.ts";
import type { RetainedStore } from "../../../src/store/retained_store.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { batch, NOW, request } from "../../unit/store/key_value/kit.ts";
import { withinLater } from "./allocation.ts";
import { LATER, published } from "./stored_world.ts";
import { assertNumbers, type Outcome, outcomeOfLater, UNREADABLE } from "./verdict.ts";

/** How a call may fail when a server answers nonsense. */
export const REST_CODES: readonly SessionErrorCode[] = [...UNREADABLE, "STORE_UNAVAILABLE", "OUTCOME_UNKNOWN"];

/** More room than any honest reply needs; a list of subscribers may be spread over 4096 fields. */
const ROOM = 100_000;

const GUARD = { clientId: "victim", incarnation: "victim-1", epoch: 1, version: 1 } as const;
const TO = { incarnation: "victim-1", qos: 1, retain: false, subscriptionIdentifiers: [] } as const;
const DELIVERIES = [{ message: published(10), receivers: [{ ...TO, clientId: "victim" }, { ...TO, clientId: "b" }] }];
const PAGE = { after: 0, messages: 100, bytes: 1e6 } as const;

/** The calls. */
export const REST_CALLS: Readonly<Record<string, (store: SessionStore) => Promise<unknown>>> = {
  acquire: (store) => store.acquire(request("victim", "2", { principal: "owner" })),
  "acquire anew": (store) => store.acquire(request("newcomer", "2")),
  read: (store) => store.read("victim"),
  publish: (store) => store.commit([batch("p", { deliveries: DELIVERIES })]),
  "commit of an owner": (store) =>
    store.commit([batch("o", {
      guard: GUARD,
      changes: [{ type: "putInboundId", packetId: 5 }, { type: "deleteQueued", sequence: 1, bytes: 4 }],
      deliveries: DELIVERIES,
    })]),
  "move an outbox": (store) =>
    store.commit([
      batch("m", { outbox: { outboxId: "victim-1", number: 1, from: 0, to: 2 }, deliveries: DELIVERIES }),
    ]),
  "read a queue": (store) => store.readQueue(GUARD, PAGE),
  "read an outbox": (store) => store.readOutbox("victim-1", 10),
  match: (store) => store.matchSubscriptions(["t", "a/b"]),
  admit: (store) => store.admitFilters(["t", "x/+"]),
  "list due": (store) => store.listDue(LATER, { limit: 100, graceMs: 0 }),
  "next due": (store) => store.nextDueAt(),
  renew: (store) => store.renewNode("node", NOW + 1),
  rings: async (store) => [await store.readRings("node"), await store.readRings("node")],
  list: (store) => store.directory.list({ limit: 10 }),
  inspect: (store) => store.directory.inspect("victim"),
  journal: (store) => store.directory.journal("victim"),
  "read an image": async (store) => await store.maintenance?.readImage("victim"),
  "examine by the index": async (store) => await store.maintenance?.examine({ limit: 10, repair: true, now: NOW }),
  "examine by the keys": async (store) =>
    await store.maintenance?.examine({ cursor: "keys 0", limit: 10, repair: true, now: NOW }),
};

/** Every call of the store of retained messages. */
export const RETAINED_CALLS: Readonly<Record<string, (store: RetainedStore) => Promise<unknown>>> = {
  "put what is retained": (store) => putAll(store, ["a/b", "c"], 2),
  "match what is retained": (store) =>
    store.match([{ filter: "#", after: "", messages: 2, bytes: 1e6 }, {
      filter: "a/b",
      after: "",
      messages: 1,
      bytes: 1,
    }], {
      now: NOW,
    }),
  "tell all that is retained": (store) => store.match([{ after: "a", messages: 100, bytes: 1e6 }], { now: NOW }),
  "read what is retained": (store) => store.read(["a/b", "nothing"], { now: NOW }),
  "sweep what is retained": (store) => store.sweep({ now: LATER, limit: 10 }),
  "count what is retained": (store) => store.totals(),
};

/** Retains some messages. */
export async function furnishRetained(store: RetainedStore): Promise<void> {
  await putAll(store, ["a/b", "a/c", "b", "$SYS/x", "long/".repeat(60)], 1);
}

function putAll(store: RetainedStore, topics: readonly string[], number: number): Promise<unknown> {
  return store.put(topics.map((topic) => ({ message: { ...published(10), topic, retain: true } })), {
    limits: { maximumMessages: 100, maximumBytes: 1e6 },
    order: { writer: "w", number },
    now: NOW,
  });
}

/** Makes a call; anything but a value whose numbers are some, or an error that is allowed fails the run. */
export async function judged(call: () => Promise<unknown>): Promise<Outcome<unknown>> {
  const outcome = await withinLater(ROOM, () => outcomeOfLater(call, REST_CODES));
  if ("value" in outcome) assertNumbers(outcome.value, Number.isFinite);
  else assert.match(outcome.error.message, /^Cannot /);
  return outcome;
}
