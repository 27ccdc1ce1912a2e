/**
 * A session store in memory: what it holds is gone with the process.
 *
 * @module
 */
import { MAX_SHAPES } from "../routing/shape.ts";
import type { StoreCapabilities } from "../store/capabilities.ts";
import { digestOf } from "../store/keys.ts";
import type { SessionStore, StoredSession } from "../store/session_store.ts";
import type { StoreCallOptions } from "../store/call.ts";
import { acquire } from "./memory/acquire.ts";
import { checkWhole, commit } from "./memory/commit.ts";
import { inspect, journal, list, usage } from "./memory/directory.ts";
import { listDue, nextDueAt, renewNode, sweep } from "./memory/due.ts";
import { MessageLog } from "./memory/log.ts";
import { readImage, restore } from "./memory/maintenance.ts";
import { snapshotOf } from "./memory/snapshot.ts";
import { guardOf, World } from "./memory/world.ts";

export { memoryRetained } from "./memory/retained.ts";
export type { MemoryRetainedOptions } from "./memory/retained.ts";

/** How a memory store is limited. The defaults are no limits, except for the number of shapes. */
export interface MemoryStoreOptions {
  /** The largest message taken, in bytes of `messageBytes`. Default: 268 435 455, the largest packet of MQTT. */
  readonly maxMessageBytes?: number;
  /** The most changes in one batch. Default: unlimited. */
  readonly maxChangesPerBatch?: number;
  /** The most receivers that one commit reaches; the others stand in the outbox. Default: unlimited. */
  readonly maxReceiversPerCommit?: number;
  /** The most shapes of Topic Filters. Default: 256. */
  readonly maximumShapes?: number;
}

/**
 * Makes an empty store in memory.
 *
 * Every call does all its work at once and answers on a microtask, so no call sees half of another. It is the model
 * that other stores are compared with, and quick enough to be the store of a broker that may forget.
 *
 * @example
 * ```ts
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * const store = memoryStore();
 * await store.renewNode("node-1", Date.now() + 120_000);
 * console.assert((await store.read("client-1")) === undefined);
 * ```
 */
export function memoryStore(options: MemoryStoreOptions = {}): SessionStore {
  const capabilities: StoreCapabilities = {
    fencing: "strict",
    durability: "process",
    consistency: "strong",
    ttl: "none",
    watch: "everywhere",
    delivery: "commit",
    sessionQuota: "exact",
    maxMessageBytes: atLeast(1, "maxMessageBytes", options.maxMessageBytes ?? 268_435_455),
    maxChangesPerBatch: atLeast(1, "maxChangesPerBatch", options.maxChangesPerBatch ?? Infinity),
    maxReceiversPerCommit: atLeast(1, "maxReceiversPerCommit", options.maxReceiversPerCommit ?? Infinity),
    claims: true,
  };
  const world = new World(capabilities, atLeast(1, "maximumShapes", options.maximumShapes ?? MAX_SHAPES));
  const call = <Result>(callOptions: StoreCallOptions | undefined, body: () => Result): Promise<Result> =>
    // In the executor a throw rejects, and the work is done before the call returns.
    new Promise((resolve) => {
      callOptions?.signal?.throwIfAborted();
      resolve(body());
    });

  return {
    capabilities,
    acquire: async (request, callOptions) => {
      const restored = world.sessions.get(request.terms.clientId)?.principalDigest !== undefined ||
        (world.countsRestored && request.quota !== undefined);
      if (!restored || request.principal === undefined) return await call(callOptions, () => acquire(world, request));
      const digest = await digestOf(request.principal);
      return await call(callOptions, () => acquire(world, request, digest));
    },
    read: (clientId, callOptions) => call(callOptions, () => read(world, clientId)),
    commit: (batches, callOptions) =>
      call(callOptions, () => {
        for (const batch of batches) checkWhole(world, batch);
        return batches.map((batch) => commit(world, batch));
      }),
    readQueue: (guard, position, callOptions) =>
      call(callOptions, () => {
        const record = world.sessions.get(guard.clientId);
        const log = record?.incarnation === guard.incarnation ? record.log : undefined;
        return (log ?? new MessageLog()).page(position.after, position);
      }),
    readOutbox: (outboxId, limit, callOptions) => call(callOptions, () => world.readOutbox(outboxId, limit)),
    matchSubscriptions: (topics, callOptions) =>
      call(callOptions, () => topics.map((topic) => world.index.match(topic))),
    admitFilters: (filters, callOptions) => call(callOptions, () => filters.map((filter) => world.admit(filter))),
    listDue: (now, dueOptions) => call(dueOptions, () => listDue(world, now, dueOptions)),
    nextDueAt: (callOptions) => call(callOptions, () => nextDueAt(world)),
    sweep: (work, callOptions) => call(callOptions, () => sweep(world, work)),
    renewNode: (nodeId, until, callOptions) => call(callOptions, () => renewNode(world, nodeId, until)),
    readRings: (nodeId, callOptions) => call(callOptions, () => world.doorbells.read(nodeId)),
    watch: (nodeId, signal) => world.doorbells.watch(nodeId, signal),
    directory: {
      list: (query) => call(query, () => list(world, query)),
      inspect: (clientId, callOptions) => call(callOptions, () => inspect(world, clientId)),
      usage: async (principal, callOptions) => await call(callOptions, () => usage(world, principal)),
      journal: (clientId, callOptions) => call(callOptions, () => journal(world, clientId)),
    },
    maintenance: {
      readImage: async (clientId, callOptions) => await call(callOptions, () => readImage(world, clientId)),
      restore: async (request, callOptions) => await call(callOptions, () => restore(world, request, callOptions)),
      // Its index is made of the same objects as its sessions: nothing can be amiss.
      examine: (query) => call(query, () => ({ examined: world.sessions.size, findings: [] })),
    },
  };
}

function read(world: World, clientId: string): StoredSession | undefined {
  const record = world.sessions.get(clientId);
  if (record === undefined) return undefined;
  const { owner } = record;
  return {
    snapshot: snapshotOf(record),
    guard: guardOf(record),
    ...(owner === undefined
      ? {}
      : { owner: { nodeId: owner.nodeId, token: owner.token }, ownerUntil: world.aliveUntil(owner.nodeId) }),
  };
}

function atLeast(least: number, name: string, value: number): number {
  if (value >= least) return value;
  throw new RangeError(`Cannot make a memory store: ${name} is ${value}, less than ${least}`);
}
