/** What every store over ordered keys begins with. */
import type { StoreCapabilities } from "../capabilities.ts";
import { begun } from "../call.ts";
import type { ClientStore } from "../client_store.ts";
import { escapePart, MAX_PART_BYTES } from "../keys.ts";
import { acquire } from "./acquire.ts";
import { checkedDriver } from "./checked_driver.ts";
import { commit } from "./commit.ts";
import type { StoreContext } from "./context.ts";
import { inspect } from "./directory.ts";
import type { DriverLimits, KeyValueDriver } from "./driver.ts";
import { readQueue } from "./queue.ts";
import type { Routing } from "./routing.ts";
import { readSession } from "./session.ts";
import { randomId } from "../unique.ts";

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

/** The beginning of a store. */
export interface StoreParts<Router> {
  readonly context: StoreContext;
  readonly router: Router;
  readonly watch: KeyValueDriver["watch"];
  /** What owners ask. */
  readonly owners: ClientStore;
}

/**
 * Begins a store, whose router admits filters of new subscriptions.
 *
 * @throws {RangeError} If the prefix cannot stand in a key.
 */
export function storeParts<Router extends Pick<Routing, "admit">>(
  driver: KeyValueDriver,
  options: KeyValueStoreOptions,
  route: (context: StoreContext) => Router,
): StoreParts<Router> {
  const { prefix = "mqtt", newId = randomId } = options;
  if (prefix === "" || escapePart(prefix) !== prefix || prefix.length > MAX_PART_BYTES) {
    throw new RangeError("Cannot use the prefix: it must be 1 to 256 letters, digits or _.+#$@:=,-");
  }
  const { watch, ...checked } = checkedDriver(driver);
  const context: StoreContext = { driver: checked, prefix, newId };
  const router = route(context);
  const capabilities: StoreCapabilities = {
    ...options.capabilities,
    ttl: "none",
    delivery: "commit",
    sessionQuota: "exact",
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
    context,
    router,
    watch,
    owners: {
      capabilities,
      acquire: (request, call) => begun(call, () => acquire(context, request, call)),
      read: (clientId, call) => begun(call, () => readSession(context, clientId)),
      commit: (batches, call) => begun(call, () => commit(committing, batches)),
      readQueue: (guard, position, call) => begun(call, () => readQueue(context, guard, position)),
      directory: { inspect: (clientId, call) => inspect(context, clientId, call) },
    },
  };
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
