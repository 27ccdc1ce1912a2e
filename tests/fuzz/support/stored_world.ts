/**
 * A key-value store with something of everything in it, built once and copied for each run.
 *
 * `victim` and `ended` are the clients whose rows are spoiled, `bystander` and `sleeper` those that nothing may happen
 * to: `victim` is detached with a Will, subscriptions, marks and identifiers, a log with large messages, and an outbox;
 * `ended` left rows to be swept; `lost` was owned by a node whose lease has run out; `bystander` is connected, `sleeper`
 * about to expire.
 */
import type { SessionChange } from "../../../src/machine/change.ts";
import { RECORD_KIND, recordWriter } from "../../../src/store/encoding.ts";
import { chunkKeys } from "../../../src/store/key_value/chunks.ts";
import { encodeDue } from "../../../src/store/key_value/due_row.ts";
import { timePart } from "../../../src/store/keys.ts";
import type { Message } from "../../../src/mqtt/message.ts";
import type { DriverLimits, Entry, KeyValueDriver } from "../../../src/store/key_value/driver.ts";
import { keyValueStore } from "../../../src/store/key_value/mod.ts";
import type { Acquired, CommitBatch, SessionStore } from "../../../src/store/session_store.ts";
import { type MapDriver, mapDriver } from "../../../src/testing/mod.ts";
import { acquired, batch, message, NOW, request, to } from "../../unit/store/key_value/kit.ts";

/** Names longer than any key or record takes. */
export const LONG_CLIENT = `victim-${"x".repeat(1_500)}`;
const LONG_FILTER = `long/${"y".repeat(1_500)}/+`;

/** When all is due that is due at all. */
export const LATER = NOW + 10_000_000;

/** Values and commits so small that messages of a few kilobytes stand in parts. */
const LIMITS: Partial<DriverLimits> = {
  valueBytes: 4_096,
  bytesPerCommit: 40_000,
  keysPerGet: 10,
  entriesPerList: 500,
};

/** More calls of the driver than any call of the store has reason to make on so few rows. */
const MOST_CALLS = 400;

/** A copy of the world. */
export interface StoredWorld {
  readonly driver: MapDriver;
  /** The store as another process would open it: it knows nothing but the rows. */
  readonly store: SessionStore;
  /** Forgets how many calls of the driver were made: more than {@linkcode MOST_CALLS} between two of these fail. */
  restart(): void;
}

/** The rows of the world. */
export async function furnished(): Promise<readonly Entry[]> {
  const { driver, store } = open([]);
  await furnishStore(store);
  leaveParts(driver);
  return driver.entries();
}

/** Puts everything into a store. */
export async function furnishStore(store: SessionStore): Promise<void> {
  await store.renewNode("node", NOW + 5_000_000);
  await store.renewNode("lapsed", NOW);
  for (const clientId of ["victim", LONG_CLIENT]) await furnishVictim(store, clientId);
  await end(store, await subscribed(store, "ended", "t"));
  await subscribed(store, "lost", "lost/#", { nodeId: "lapsed" });
  await subscribed(store, "bystander", "t");
  await detach(store, await subscribed(store, "sleeper", "sleep"), NOW + 1_000);
}

/** Parts of a large message whose commit never came: somebody crashed before it. */
function leaveParts(driver: MapDriver): void {
  const prefix = "mqtt/1/row/victim/victim-1/staged/left/";
  const due = encodeDue({ type: "staged", owner: "victim-1", prefix, chunks: 2 });
  driver.overwrite(`mqtt/1/due/${timePart(NOW + 3_000)}/staged/victim-1/left`, due);
  for (const key of chunkKeys(prefix, 2)) {
    driver.overwrite(key, recordWriter(RECORD_KIND.chunk).raw(new Uint8Array(100)).finish());
  }
}

/** Opens a store over a copy of rows. */
export function open(rows: readonly Entry[]): StoredWorld {
  const driver = mapDriver({ limits: LIMITS });
  for (const { key, value } of rows) driver.overwrite(key, value);
  let calls = 0;
  const counted = <Value>(call: () => Value): Value => {
    if (++calls > MOST_CALLS) throw new Error(`more than ${MOST_CALLS} calls of the driver`);
    return call();
  };
  const watched: KeyValueDriver = {
    limits: driver.limits,
    get: (keys) => counted(() => driver.get(keys)),
    list: (range) => counted(() => driver.list(range)),
    commit: (checks, mutations) => counted(() => driver.commit(checks, mutations)),
  };
  let ids = 0;
  const store = keyValueStore(watched, {
    capabilities: { fencing: "strict", durability: "process", consistency: "strong", watch: "none" },
    maxReceiversPerCommit: 2,
    // Ids of different copies are not mixed up, since each copy is a world of its own.
    newId: () => `part-${rows.length}-${++ids}`,
  });
  return { driver, store, restart: () => calls = 0 };
}

/** A message to `t`. */
export function published(bytes: number, qos: Message["qos"] = 1): Message {
  return {
    ...message(bytes),
    qos,
    topic: "t",
    properties: { contentType: "text", userProperties: [["name", "value"]] },
  };
}

/** The batch of an owner. */
export function owned(session: Pick<Acquired, "guard">, id: string, parts: Partial<CommitBatch>): CommitBatch {
  return batch(id, { guard: session.guard, ...parts });
}

async function subscribed(
  store: SessionStore,
  clientId: string,
  filter: string,
  changes: Parameters<typeof request>[2] = {},
): Promise<Acquired> {
  const session = await acquired(store, request(clientId, "1", changes));
  return await carriedOut(store, session, `subscribe ${clientId}`, { changes: [subscription(filter)] });
}

async function furnishVictim(store: SessionStore, clientId: string): Promise<void> {
  const wanted = request(clientId, "1", { principal: "owner" });
  const will = {
    topic: "will",
    payload: new Uint8Array(5_000),
    qos: 1,
    retain: false,
    properties: { responseTopic: "answer", correlationData: Uint8Array.of(1, 2) },
    willDelayInterval: 500,
    messageExpiryInterval: 60,
  } as const;
  const head = { ...wanted.terms.head, willAfterMs: 500_000 };
  let session = await acquired(store, { ...wanted, terms: { ...wanted.terms, will, head } });
  const filters = ["t", "+", "a/#", "$share/g/t", LONG_FILTER];
  session = await carriedOut(store, session, "subscribe", { changes: filters.map(subscription) });
  for (const [index, bytes] of [4, 6_000, 9_000, 4, 40].entries()) {
    const qos = index === 3 ? 0 : 1;
    const deliveries = [{ message: published(bytes, qos), receivers: [{ ...to(session), qos }] }] as const;
    await store.commit([batch(`message ${index}`, { deliveries })]);
  }
  const changes: readonly SessionChange[] = [
    { type: "putInboundId", packetId: 3 },
    { type: "putInboundId", packetId: 65_535 },
    { type: "putQuarantine", packetId: 9 },
    { type: "putOutboundMark", sequence: 1, mark: { packetId: 2, phase: "sent", pubrecOrder: 0 } },
    { type: "putOutboundMark", sequence: 2, mark: { packetId: 3, phase: "released", pubrecOrder: 1 } },
    { type: "deleteQueued", sequence: 2, bytes: 6_000, dropped: "tooLarge" },
  ];
  session = await carriedOut(store, session, "marks", { changes });
  // Four receivers, of whom a commit reaches two, and a message that nobody has routed yet.
  const receivers = ["one", "two", "three", "four"].map((name) => ({ ...to(session), clientId: name }));
  session = await carriedOut(store, session, "owe", {
    deliveries: [{ message: published(20_000), receivers }, { message: published(10), receivers: undefined }],
  });
  await detach(store, session, NOW + 2_000);
}

async function detach(store: SessionStore, session: Acquired, endsAt: number): Promise<void> {
  const head = { ...session.snapshot.head, attached: false, disconnectedAt: NOW, disconnectReason: 0, endsAt };
  await carriedOut(store, session, "detach", { changes: [{ type: "putHead", head }] });
}

async function end(store: SessionStore, session: Acquired): Promise<void> {
  await store.commit([owned(session, "end", { changes: [{ type: "endSession", reason: "administrative" }] })]);
}

/** Commits, and gives the session with its next guard. */
async function carriedOut(
  store: SessionStore,
  session: Acquired,
  id: string,
  parts: Partial<CommitBatch>,
): Promise<Acquired> {
  const [result] = await store.commit([owned(session, id, parts)]);
  if (result?.outcome !== "committed" || result.guard === undefined) throw new Error(`${id}: ${result?.outcome}`);
  return { ...session, guard: result.guard };
}

function subscription(filter: string): SessionChange {
  return {
    type: "putSubscription",
    filter,
    subscription: { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, subscriptionIdentifier: 7 },
  };
}
