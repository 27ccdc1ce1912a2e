/**
 * A {@linkcode SessionStore} over any backend with ordered keys and atomic commits.
 *
 * @module
 */
import { MAX_SHAPES } from "../../routing/shape.ts";
import type { StoreCapabilities } from "../capabilities.ts";
import { escapePart, MAX_PART_BYTES } from "../keys.ts";
import { begun } from "../call.ts";
import type { SessionStore } from "../session_store.ts";
import { acquire } from "./acquire.ts";
import { checkedDriver } from "./checked_driver.ts";
import { commit } from "./commit.ts";
import type { StoreContext } from "./context.ts";
import { directory } from "./directory.ts";
import type { DriverLimits, KeyValueDriver } from "./driver.ts";
import { listDue, nextDueAt, renewNode } from "./due.ts";
import { examine } from "./examine.ts";
import { readOutbox } from "./outbox.ts";
import { readQueue } from "./queue.ts";
import { readImage, restore } from "./restore.ts";
import { readRings, watchRings } from "./rings.ts";
import { routing } from "./routing.ts";
import { readSession } from "./session.ts";
import { sweep } from "./sweep.ts";

export { keyValueRetained } from "./retained.ts";
export type { KeyValueRetainedOptions } from "./retained.ts";
export type { Check, DriverLimits, Entry, KeyRange, KeyValueDriver, Mutation, Page } from "./driver.ts";

/** What only the backend knows about its promises. */
export type BackendCapabilities = Pick<StoreCapabilities, "fencing" | "durability" | "consistency" | "watch">;

/** How a {@linkcode keyValueStore} is set up. */
export interface KeyValueStoreOptions {
  /** What the backend promises. */
  readonly capabilities: BackendCapabilities;
  /** In front of all keys, so that several stores can share a backend. Default: `mqtt`. */
  readonly prefix?: string;
  /** The most shapes that topics are routed by (D7). Default: 256. */
  readonly maximumShapes?: number;
  /** The most receivers that one commit reaches. Default: what the driver's limits allow, and at most 1000. */
  readonly maxReceiversPerCommit?: number;
  /**
   * Gives unique ids, for the parts of large messages: 1 to 256 visible ASCII characters, without `/`. Default:
   * `crypto.randomUUID`.
   */
  readonly newId?: () => string;
}

/** The largest MQTT packet: no message is larger. */
const MAX_MESSAGE_BYTES = 268_435_455;

/** Each receiver costs a check and up to three mutations; the batch itself a few of both. */
const COST = { checks: 10, mutations: 3, keyBytes: 4 * 200 } as const;

/**
 * Keeps sessions in a backend with ordered keys and atomic commits.
 *
 * @throws {RangeError} If the prefix cannot stand in a key.
 */
export function keyValueStore(driver: KeyValueDriver, options: KeyValueStoreOptions): SessionStore {
  const { prefix = "mqtt", maximumShapes = MAX_SHAPES, newId = randomId } = options;
  if (prefix === "" || escapePart(prefix) !== prefix || prefix.length > MAX_PART_BYTES) {
    throw new RangeError("Cannot use the prefix: it must be 1 to 256 letters, digits or _.+#$@:=,-");
  }
  const { watch, ...checked } = checkedDriver(driver);
  const context: StoreContext = { driver: checked, prefix, newId };
  const router = routing(context, maximumShapes);
  const capabilities: StoreCapabilities = {
    ...options.capabilities,
    ttl: "none",
    delivery: "commit",
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxChangesPerBatch: atMost(
      10_000,
      (driver.limits.mutationsPerCommit - 20) / 3,
      driver.limits.keyBytesPerCommit / 320,
    ),
    maxReceiversPerCommit: options.maxReceiversPerCommit ?? maxReceivers(driver.limits),
    claims: true,
  };
  const committing = {
    context,
    routing: router,
    maxReceivers: capabilities.maxReceiversPerCommit,
    limits: capabilities,
  };
  return {
    capabilities,
    acquire: (request, call) => begun(call, () => acquire(context, request, call)),
    read: (clientId, call) => begun(call, () => readSession(context, clientId)),
    commit: (batches, call) => begun(call, () => commit(committing, batches)),
    readQueue: (guard, position, call) => begun(call, () => readQueue(context, guard, position)),
    readOutbox: (outboxId, limit, call) => begun(call, () => readOutbox(context, outboxId, limit)),
    matchSubscriptions: (topics, call) => begun(call, () => router.match(topics)),
    admitFilters: (filters, call) => begun(call, () => router.admit(filters)),
    listDue: (now, due) => begun(due, () => listDue(context, now, due)),
    nextDueAt: (call) => begun(call, () => nextDueAt(context)),
    sweep: (work, call) => begun(call, () => sweep(context, work)),
    renewNode: (nodeId, until, call) => begun(call, () => renewNode(context, nodeId, until)),
    readRings: (nodeId, call) => begun(call, () => readRings(context, nodeId)),
    ...(watch === undefined
      ? {}
      : { watch: (nodeId: string, signal: AbortSignal) => watchRings(context, watch, nodeId, signal) }),
    directory: directory(context),
    maintenance: {
      readImage: (clientId, call) => begun(call, () => readImage(context, clientId)),
      restore: (request, call) => begun(call, () => restore(context, router, request, call)),
      examine: (query) => begun(query, () => examine(context, query)),
    },
  };
}

/** Where a caller brings no ids of its own. */
function randomId(): string {
  // deno-lint-ignore edge-mqtt/no-ambient -- the one place of this store that draws; `newId` replaces it
  return crypto.randomUUID();
}

function maxReceivers({ checksPerCommit, mutationsPerCommit, keyBytesPerCommit }: DriverLimits): number {
  return atMost(
    1_000,
    checksPerCommit - COST.checks,
    (mutationsPerCommit - COST.mutations * COST.checks) / COST.mutations,
    keyBytesPerCommit / COST.keyBytes,
  );
}

function atMost(most: number, ...others: readonly number[]): number {
  return Math.max(1, Math.floor(Math.min(most, ...others)));
}
