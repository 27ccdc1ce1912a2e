/** Every call of the Upstash store, each by itself, and the rules for how it may end. */
import assert from "node:assert/strict";
import type { SessionErrorCode } from "../../../src/errors.ts";
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
};

/** Makes a call; anything but a value whose numbers are some, or an error that is allowed fails the run. */
export async function judged(call: () => Promise<unknown>): Promise<Outcome<unknown>> {
  const outcome = await withinLater(ROOM, () => outcomeOfLater(call, REST_CODES));
  if ("value" in outcome) assertNumbers(outcome.value, Number.isFinite);
  else assert.match(outcome.error.message, /^Cannot /);
  return outcome;
}
