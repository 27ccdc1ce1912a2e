/**
 * Changing sessions through the connections of this node that own them: each change is an event of the machine, so that it
 * has its place among the packets, and is stored before it is answered.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import type { DeleteQueued, SessionChange } from "../machine/change.ts";
import type { Event } from "../machine/event.ts";
import { matches } from "../mqtt/filter.ts";
import {
  type AdminSubscription,
  type ChangeOutcome,
  checkInterval,
  checkPlainFilter,
  completeSubscription,
  type ConnectedAdministration,
  type PurgeResult,
} from "../store/administration.ts";
import type { QueuePage, QueuePosition } from "../store/session_store.ts";
import type { BrokerContext } from "./context.ts";
import { persistently } from "./within.ts";

/** As much as one event takes out of a log. */
const PAGE = { messages: 200, bytes: 1_048_576 } as const;

/** A connection that owns a session, as administration sees it. */
export interface AdministeredSession {
  /** Entries of its log up to here were started. */
  readonly startedThrough: number;
  /** Steps an event and tells what it has changed, once that is stored; `undefined` when the connection ends before. */
  administer(event: Event): Promise<readonly SessionChange[] | undefined>;
  /** Reads a page of its log; `undefined` once it owns the session no more. */
  readLog(position: QueuePosition): Promise<QueuePage | undefined>;
}

/** Finds the connection that owns the session of a client, and wakes it if it sleeps. */
export type FindSession = (clientId: string) => Promise<AdministeredSession | undefined>;

/** The sessions that connections of this node own. */
export class ConnectedSessions implements ConnectedAdministration {
  readonly #context: Pick<BrokerContext, "options">;
  readonly #find: FindSession;

  constructor(context: Pick<BrokerContext, "options">, find: FindSession) {
    this.#context = context;
    this.#find = find;
  }

  async setExpiry(clientId: string, seconds: number): Promise<ChangeOutcome | undefined> {
    checkInterval(seconds);
    return await this.#change(clientId, { type: "expirySet", sessionExpiryInterval: seconds });
  }

  async subscribe(
    clientId: string,
    filter: string,
    given: AdminSubscription = {},
  ): Promise<ChangeOutcome | undefined> {
    const subscription = completeSubscription(filter, given);
    if (await this.#find(clientId) === undefined) return undefined;
    const { options } = this.#context;
    const admit = (signal: AbortSignal) => options.store.admitFilters([filter], { signal });
    const [isAdmitted] = await persistently(options, "admit filters", admit);
    if (isAdmitted !== true) {
      throw new SessionError("LIMIT_EXCEEDED", "Cannot subscribe: the store can route no filter of this shape");
    }
    return await this.#change(clientId, { type: "subscriptionSet", filter, subscription });
  }

  async unsubscribe(clientId: string, filter: string): Promise<ChangeOutcome | undefined> {
    return await this.#change(clientId, { type: "subscriptionRemoved", filter });
  }

  async purgeQueue(
    clientId: string,
    { topicFilter }: { readonly topicFilter?: string } = {},
  ): Promise<PurgeResult | undefined> {
    if (topicFilter !== undefined) checkPlainFilter("purge a queue", topicFilter);
    const session = await this.#find(clientId);
    if (session === undefined) return undefined;
    let count = 0;
    let bytes = 0;
    let last: number | undefined;
    for (let after = session.startedThrough;;) {
      const page = await session.readLog({ after, ...PAGE });
      // What comes from now on was not there when the purge began.
      last ??= page?.tail;
      const messages = page?.messages.filter(({ sequence, topic }) =>
        sequence <= (last ?? 0) && (topicFilter === undefined || matches(topicFilter, topic))
      );
      const changes = messages && (messages.length === 0 ? [] : await session.administer({
        type: "messagesPurged",
        messages,
      }));
      if (page === undefined || changes === undefined) {
        return count === 0 ? undefined : { outcome: "contended", messages: count, bytes };
      }
      for (const removed of changes.filter(isPurged)) {
        count++;
        bytes += removed.bytes;
      }
      if (page.through >= (last ?? 0)) {
        return { outcome: count === 0 ? "unchanged" : "changed", messages: count, bytes };
      }
      after = page.through;
    }
  }

  async #change(clientId: string, event: Event): Promise<ChangeOutcome | undefined> {
    const session = await this.#find(clientId);
    const changes = await session?.administer(event);
    return changes && (changes.length === 0 ? "unchanged" : "changed");
  }
}

function isPurged(change: SessionChange): change is DeleteQueued {
  return change.type === "deleteQueued" && change.dropped === "purged";
}
