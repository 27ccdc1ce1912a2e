/**
 * Sessions in Redis over `fetch`: Upstash, or any server that speaks its REST protocol.
 *
 * Every step is one request. What must be decided where the data is, is decided by a few scripts that compare numbers and
 * append within limits; each names all keys that it touches, so that Upstash can lock those instead of the database.
 *
 * @example A store for a broker
 * ```ts
 * import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
 *
 * const store = upstashRedisStore({ url: "https://eu1-example.upstash.io", token: "AX-the-token-of-the-database" });
 * console.assert(store.capabilities.fencing === "strict");
 * ```
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { MAX_SHAPES } from "../../routing/shape.ts";
import type { StoreCapabilities } from "../../store/capabilities.ts";
import { escapePart } from "../../store/keys.ts";
import { begun } from "../../store/call.ts";
import type { SessionStore } from "../../store/session_store.ts";
import { acquire } from "./acquire.ts";
import { type UpstashClient, upstashClient, type UpstashConnection } from "./client.ts";
import { Checks } from "./checks.ts";
import { commit } from "./commit.ts";
import type { RedisContext } from "./context.ts";
import { directory } from "./directory.ts";
import { listDue, nextDueAt, renewNode } from "./due.ts";
import { examine } from "./examine.ts";
import { isPrefix } from "./keys.ts";
import { KnownDebtors } from "./known_debtors.ts";
import { readOutbox } from "./outbox.ts";
import { readQueue } from "./queue.ts";
import { rings } from "./rings.ts";
import { readImage, restore } from "./restore.ts";
import { routing } from "./routing.ts";
import { readStored } from "./session.ts";
import { transport } from "./transport.ts";
import { randomId } from "../../store/unique.ts";

export { upstashRedisRetained } from "./retained.ts";
export type { UpstashRedisRetainedOptions } from "./retained.ts";
export type { UpstashClient, UpstashConnection, UpstashPipeline } from "./client.ts";

/** How an {@linkcode upstashRedisStore} is set up. */
export interface UpstashRedisStoreOptions {
  /** In front of all keys, so that nodes, tenants and environments can share a database. Default: `mqtt`. */
  readonly prefix?: string;
  /**
   * Whether scripts ask the server to lock their keys instead of the whole database, as Upstash can and plain Redis refuses.
   * Default: yes, unless the server refuses it.
   */
  readonly keyLocking?: boolean;
  /** The largest body of a request, in bytes. Default: 10 000 000, a little less than the least plan of Upstash takes. */
  readonly maxRequestBytes?: number;
  /**
   * Whether the server is a cluster, whose scripts reach the keys of one slot only. Sessions are then spread over it by
   * Client Identifier; routing, deadlines, leases and doorbells live in one slot. Deliveries always go through the outbox of
   * their publisher, `whenFull: "reject"` drops and counts, and a step takes more requests. Default: no.
   */
  readonly cluster?: boolean;
  /**
   * The longest Client Identifier that a session can have, in characters: requests name their receivers, and long names of
   * one client would fill those of others. Longer ones are refused with `LIMIT_EXCEEDED`. Default: 4096.
   */
  readonly maxClientIdLength?: number;
  /** The most shapes that topics are routed by (D7), from 1 on. Default: 256. */
  readonly maximumShapes?: number;
  /** The most receivers that one commit reaches; the others follow through the outbox. From 1 on. Default: 1000. */
  readonly maxReceiversPerCommit?: number;
}

/** What a request takes beside one message: scripts, keys, receivers. */
const REQUEST_ROOM = 400_000;

/** The most changes of a batch. */
const MAX_CHANGES = 2_000;

/**
 * Keeps sessions in Redis through a client of `@upstash/redis`, or one that is made of `url` and `token`.
 *
 * @throws {TypeError} If the client is none, or `url` or `token` cannot be one.
 * @throws {RangeError} If an option is out of its range.
 */
export function upstashRedisStore(
  redis: UpstashClient | UpstashConnection,
  options: UpstashRedisStoreOptions = {},
): SessionStore {
  const { prefix = "mqtt", maximumShapes = MAX_SHAPES, maxReceiversPerCommit = 1_000, maxClientIdLength = 4_096 } =
    options;
  atLeastOne("maximumShapes", maximumShapes);
  atLeastOne("maxReceiversPerCommit", maxReceiversPerCommit);
  atLeastOne("maxClientIdLength", maxClientIdLength);
  if (!isPrefix(prefix)) throw new RangeError("Cannot use the prefix: it must be 1 to 256 characters once escaped");
  const client = "pipeline" in redis ? redis : upstashClient(redis);
  const context: RedisContext = {
    transport: transport(client, options),
    prefix: escapePart(prefix),
    cluster: options.cluster ?? false,
    checks: new Checks(),
    debtors: new KnownDebtors(),
  };
  const router = routing(context, maximumShapes);
  const doorbells = rings(context);
  const requestBytes = context.transport.maxRequestBytes - REQUEST_ROOM;
  const capabilities: StoreCapabilities = {
    fencing: "strict",
    durability: "replicated",
    consistency: "strong",
    ttl: "lazy",
    watch: "none",
    delivery: context.cluster ? "outbox" : "commit",
    // A message is base64 in its request, and so are its properties.
    maxMessageBytes: Math.max(1, Math.floor(requestBytes * 3 / 4)),
    maxChangesPerBatch: MAX_CHANGES,
    // In a cluster a session and the places of its principal live in different slots.
    ...(context.cluster ? {} : { sessionQuota: "exact" }),
    maxReceiversPerCommit,
    // Logs of a cluster live in different slots, which no script reaches together.
    claims: !context.cluster,
  };
  const committing = {
    context,
    routing: router,
    maxReceivers: maxReceiversPerCommit,
    requestBytes,
    limits: capabilities,
  };
  return {
    capabilities,
    acquire: (request, call) =>
      begun(call, () => {
        const { length } = request.terms.clientId;
        if (length <= maxClientIdLength) return acquire(context, request, call);
        const found = `a Client Identifier of ${length} characters, and ${maxClientIdLength} is the most`;
        throw new SessionError("LIMIT_EXCEEDED", `Cannot acquire a session: ${found}`);
      }),
    read: (clientId, call) => begun(call, () => readStored(context, clientId, call)),
    commit: (batches, call) => begun(call, () => commit(committing, batches, call)),
    readQueue: (guard, position, call) => begun(call, () => readQueue(context, guard, position, call)),
    readOutbox: (outboxId, limit, call) => begun(call, () => readOutbox(context, outboxId, limit, call)),
    matchSubscriptions: (topics, call) => begun(call, () => router.match(topics, call)),
    admitFilters: (filters, call) => begun(call, () => router.admit(filters, call)),
    listDue: (now, due) => begun(due, () => listDue(context, now, due)),
    nextDueAt: (call) => begun(call, () => nextDueAt(context, call)),
    // An ended session leaves nothing behind.
    sweep: (_, call) => begun(call, () => Promise.resolve()),
    renewNode: (nodeId, until, call) => begun(call, () => renewNode(context, nodeId, until, call)),
    readRings: (nodeId, call) => begun(call, () => doorbells.read(nodeId, call)),
    directory: directory(context),
    maintenance: {
      readImage: (clientId, call) => begun(call, () => readImage(context, clientId, call)),
      restore: (request, call) =>
        begun(call, () => restore({ context, routing: router, newId: randomId }, request, call)),
      examine: (query) => begun(query, () => examine(context, query)),
    },
  };
}

function atLeastOne(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`Cannot keep sessions in Redis: ${name} is ${value}, and must be a whole number from 1 on`);
  }
}
