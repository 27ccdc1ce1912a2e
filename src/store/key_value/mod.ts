/**
 * A {@linkcode SessionStore} over any backend with ordered keys and atomic commits.
 *
 * @module
 */
import { MAX_SHAPES } from "../../routing/shape.ts";
import { begun } from "../call.ts";
import type { SessionStore } from "../session_store.ts";
import { directory } from "./directory.ts";
import type { KeyValueDriver } from "./driver.ts";
import { listDue, nextDueAt, renewNode } from "./due.ts";
import { examine } from "./examine.ts";
import { readOutbox } from "./outbox.ts";
import { type KeyValueStoreOptions, storeParts } from "./parts.ts";
import { readImage, restore } from "./restore.ts";
import { readRings, watchRings } from "./rings.ts";
import { routing } from "./routing.ts";
import { sweep } from "./sweep.ts";

export { keyValueRetained } from "./retained.ts";
export type { KeyValueRetainedOptions } from "./retained.ts";
export type { Check, DriverLimits, Entry, KeyRange, KeyValueDriver, Mutation, Page } from "./driver.ts";
export type { BackendCapabilities, KeyValueStoreOptions } from "./parts.ts";

/**
 * Keeps sessions in a backend with ordered keys and atomic commits.
 *
 * @throws {RangeError} If the prefix cannot stand in a key.
 */
export function keyValueStore(driver: KeyValueDriver, options: KeyValueStoreOptions): SessionStore {
  const { maximumShapes = MAX_SHAPES } = options;
  const { context, router, watch, owners } = storeParts(driver, options, (context) => routing(context, maximumShapes));
  return {
    ...owners,
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
