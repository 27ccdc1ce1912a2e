/**
 * Looking at sessions and changing them where no broker runs: over the store alone.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import type { SessionChange } from "../machine/change.ts";
import { detachedHead } from "../machine/rules/lifecycle.ts";
import { retainedOwed } from "../machine/rules/retained.ts";
import type { SessionHead } from "../machine/snapshot.ts";
import { openSession } from "../machine/state/session.ts";
import { step } from "../machine/step.ts";
import * as REASON from "../mqtt/reason.ts";
import { isSameSubscription } from "../mqtt/subscription.ts";
import {
  type AdminSubscription,
  type ChangeOutcome,
  checkInterval,
  checkPlainFilter,
  completeSubscription,
  type ConnectedAdministration,
  type PurgeResult,
} from "../store/administration.ts";
import type { Delivery, SessionStore } from "../store/session_store.ts";
import type { DirectoryPage } from "../store/directory.ts";
import type { StoreCallOptions } from "../store/call.ts";
import { type AdminEnvironment, systemAdminEnvironment } from "./environment.ts";
import { withInterval } from "./expiry.ts";
import { explainSession, type SessionExplanation } from "./explanation.ts";
import { type InspectOptions, inspectSession, type SessionInspection } from "./inspection.ts";
import { type ListQuery, listSessions } from "./listing.ts";
import { type PurgeOptions, purgeQueue } from "./queue_purge.ts";
import { type ChangeContext, type ChangeOptions, changeSession, commitOnce } from "./session_change.ts";

/** How administration is set up. */
export interface SessionAdminOptions {
  /** Where time and unique ids come from. Default: the platform. */
  readonly environment?: AdminEnvironment;
  /**
   * The connections of a broker in this process: its `connected`. What they own is changed through them, so that no client
   * loses its connection by it. Default: none.
   */
  readonly connected?: ConnectedAdministration;
}

/** Looks at sessions and changes them, whether a broker runs or not. */
export interface SessionAdmin {
  /** All that is stored of a session but the messages that wait; `undefined` when there is none. */
  inspect(clientId: string, options?: InspectOptions): Promise<SessionInspection | undefined>;
  /**
   * Sessions that a filter takes, page by page.
   *
   * @throws {RangeError} If the limit is no whole number from 1 on.
   */
  list(query?: ListQuery): Promise<DirectoryPage>;
  /** What became of the sessions of a client, why the last one was not kept, and what the present one lost. */
  explain(clientId: string, options?: StoreCallOptions): Promise<SessionExplanation>;
  /**
   * Ends a session. Its Will is published, by the brokers of the store, as if the connection had been lost. A connection
   * that owns it is closed by its node, which hears of it by its doorbell. A session that holds messages claimed from a
   * shared group ends with the next due work of a broker, which gives them back first.
   */
  end(clientId: string, options?: ChangeOptions): Promise<ChangeOutcome>;
  /**
   * Removes messages that wait, and nothing that was started; each counts as lost, as `purged`.
   *
   * @throws {RangeError} If `topicFilter` is no Topic Filter, or a shared one.
   */
  purgeQueue(clientId: string, options?: PurgeOptions): Promise<PurgeResult>;
  /**
   * Puts another Session Expiry Interval in force, in seconds, 0 to 0xFFFFFFFF, which never ends. It counts from the end of
   * the latest connection, and until the client connects anew with one of its own.
   *
   * @throws {RangeError} If it is none.
   */
  setExpiry(clientId: string, seconds: number, options?: ChangeOptions): Promise<ChangeOutcome>;
  /**
   * Subscribes on behalf of a client, or replaces the options of the subscription that it has. Retained messages follow, as
   * Retain Handling says, when it connects.
   *
   * @throws {RangeError} If the filter is none or a shared one, or an option is out of its range.
   * @throws {SessionError} `LIMIT_EXCEEDED` if the store can route no more shapes of filters.
   */
  subscribe(
    clientId: string,
    filter: string,
    subscription?: AdminSubscription,
    options?: ChangeOptions,
  ): Promise<ChangeOutcome>;
  /** Ends a subscription on behalf of a client. */
  unsubscribe(clientId: string, filter: string, options?: ChangeOptions): Promise<ChangeOutcome>;
}

/**
 * Administers the sessions of a store.
 *
 * Each change reads the session, and commits under what it read, raising the epoch: nothing that a broker does at the same
 * time is lost, and a broker that owned the session learns that it does no more. With `connected` the sessions of a broker in
 * the same process are changed through their connections instead, which stay.
 *
 * @example Why did a client find no session?
 * ```ts
 * import { sessionAdmin } from "@edge-mqtt/session/admin";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * const admin = sessionAdmin(memoryStore());
 * const { exists, ends } = await admin.explain("client-1");
 * console.assert(!exists && ends.length === 0);
 * console.assert(await admin.end("client-1") === "absent");
 * ```
 */
export function sessionAdmin(store: SessionStore, options: SessionAdminOptions = {}): SessionAdmin {
  const { connected } = options;
  const context: ChangeContext = { store, connected, environment: options.environment ?? systemAdminEnvironment() };
  return {
    inspect: (clientId, how = {}) => inspectSession(store, clientId, how),
    list: (query = {}) => listSessions(store, query),
    explain: (clientId, call = {}) => explainSession(store, clientId, call.signal),
    end: (clientId, how = {}) => end(context, clientId, how),
    purgeQueue: async (clientId, how = {}) => {
      if (how.topicFilter !== undefined) checkPlainFilter("purge a queue", how.topicFilter);
      return await connected?.purgeQueue(clientId, how) ?? await purgeQueue(context, clientId, how);
    },
    setExpiry: async (clientId, seconds, how = {}) => {
      checkInterval(seconds);
      return await connected?.setExpiry(clientId, seconds) ??
        await changeSession(context, clientId, how, ({ stored, head }) => {
          if (head.sessionExpiryInterval === seconds) return undefined;
          return { changes: [{ type: "putHead", head: withInterval(head, stored.snapshot.will, seconds) }] };
        });
    },
    subscribe: (clientId, filter, subscription = {}, how = {}) =>
      subscribe(context, clientId, filter, subscription, how),
    unsubscribe: async (clientId, filter, how = {}) =>
      await connected?.unsubscribe(clientId, filter) ?? await changeSession(context, clientId, how, ({ stored }) => {
        if (!stored.snapshot.subscriptions.has(filter)) return undefined;
        return { changes: [{ type: "deleteSubscription", filter }] };
      }),
  };
}

const END_ATTEMPTS = 8;

/** As a broker ends one: the machine decides what becomes of the Will. */
async function end(
  context: ChangeContext,
  clientId: string,
  { whenOwned = "supersede", signal }: ChangeOptions,
): Promise<ChangeOutcome> {
  const { store, environment } = context;
  for (let attempt = 0; attempt < END_ATTEMPTS; attempt++) {
    signal?.throwIfAborted();
    const stored = await store.read(clientId, signal === undefined ? {} : { signal });
    if (stored === undefined) return "absent";
    const now = environment.now();
    if (stored.snapshot.head.attached && whenOwned === "refuse" && (stored.ownerUntil ?? 0) > now) return "owned";
    const borrowed = stored.snapshot.head.borrows === true ? endingNow(stored.snapshot.head, now) : undefined;
    if (borrowed !== undefined) {
      const changes = [{ type: "putHead", head: borrowed }] as const;
      const result = await commitOnce(context, stored.guard, { changes, raises: true }, signal);
      if (result.outcome === "committed") return "changed";
      continue;
    }
    const session = openSession(stored.snapshot, { role: "server" });
    const { changes } = step(session, { type: "endRequested" }, now);
    const deliveries = changes.flatMap((change): Delivery[] =>
      change.type === "publishMessage" ? [{ message: change.message, receivers: undefined }] : []
    );
    const kept = changes.filter((change): change is SessionChange => change.type !== "publishMessage");
    const result = await commitOnce(context, stored.guard, { changes: kept, deliveries, raises: true }, signal);
    if (result.outcome === "committed") return "changed";
  }
  return "contended";
}

/** The head of a session that is over: whoever works off what is due gives back what it borrows, and ends it. */
function endingNow(head: SessionHead, now: number): SessionHead {
  const left = head.attached ? detachedHead(head, now, REASON.administrativeAction) : head;
  const { willDueAt } = left;
  return { ...left, endsAt: now, ...(willDueAt === undefined ? {} : { willDueAt: Math.min(willDueAt, now) }) };
}

async function subscribe(
  context: ChangeContext,
  clientId: string,
  filter: string,
  given: AdminSubscription,
  how: ChangeOptions,
): Promise<ChangeOutcome> {
  const { retainedAfter: _position, ...subscription } = completeSubscription(filter, given);
  const through = await context.connected?.subscribe(clientId, filter, given);
  if (through !== undefined) return through;
  const [admitted] = await context.store.admitFilters([filter], how.signal === undefined ? {} : { signal: how.signal });
  if (admitted !== true) {
    throw new SessionError("LIMIT_EXCEEDED", "Cannot subscribe: the store can route no filter of this shape");
  }
  return await changeSession(context, clientId, how, ({ stored }) => {
    const present = stored.snapshot.subscriptions.get(filter);
    if (present !== undefined && isSameSubscription(present, subscription)) return undefined;
    const owed = retainedOwed(present, subscription.retainHandling);
    const owes = owed === undefined ? {} : { retainedAfter: owed };
    return { changes: [{ type: "putSubscription", filter, subscription: { ...subscription, ...owes } }] };
  });
}
