/**
 * What administration of sessions asks and answers, whether it goes through the connection that owns a session or through the
 * store.
 *
 * @module
 */
import { parseFilter } from "../mqtt/filter.ts";
import type { Subscription } from "../mqtt/subscription.ts";

/**
 * What became of a change. `changed`; `unchanged`: the session was so already; `absent`: there is none; `owned`: a living owner
 * keeps it, as was asked for; `endsWithConnection`: its interval is 0 and a connection owns it, so that taking it from its
 * owner would end it; `contended`: others changed it all the time.
 */
export type ChangeOutcome = "changed" | "unchanged" | "absent" | "owned" | "endsWithConnection" | "contended";

/** What became of a purge. */
export interface PurgeResult {
  /** As of any change; `contended` with messages removed says that more may be left. */
  readonly outcome: ChangeOutcome;
  /** How many messages were removed. */
  readonly messages: number;
  /** What they counted for, in bytes of `messageBytes`. */
  readonly bytes: number;
}

/** A subscription that is made on behalf of a client; what is absent gets the plainest value, and QoS is 1. */
export type AdminSubscription = Partial<Subscription>;

/**
 * Changes sessions through the connections that own them, in order with their packets and without taking them from anybody.
 * Each answer comes once the change is stored; `undefined` where none of these connections owns the session, or it has lost
 * it meanwhile.
 */
export interface ConnectedAdministration {
  /**
   * Removes messages that wait, and nothing that was started; each counts as lost, as `purged`.
   *
   * @throws {RangeError} If `topicFilter` is no Topic Filter, or a shared one.
   */
  purgeQueue(clientId: string, options?: { readonly topicFilter?: string }): Promise<PurgeResult | undefined>;
  /**
   * Puts another Session Expiry Interval in force, in seconds, 0 to 0xFFFFFFFF, which never ends. The client hears nothing of
   * it; it cannot ask for a longer one when it disconnects, and asks anew when it connects.
   *
   * @throws {RangeError} If it is none.
   */
  setExpiry(clientId: string, seconds: number): Promise<ChangeOutcome | undefined>;
  /**
   * Subscribes on behalf of a client, or replaces the options of the subscription that it has. Retained messages follow as
   * Retain Handling says.
   *
   * @throws {RangeError} If the filter is none or a shared one, or an option is out of its range.
   * @throws {SessionError} `LIMIT_EXCEEDED` if the store can route no more shapes of filters.
   */
  subscribe(clientId: string, filter: string, subscription?: AdminSubscription): Promise<ChangeOutcome | undefined>;
  /** Ends a subscription on behalf of a client. */
  unsubscribe(clientId: string, filter: string): Promise<ChangeOutcome | undefined>;
}

/**
 * Throws unless it is an interval in seconds.
 *
 * @throws {RangeError} If it is none.
 */
export function checkInterval(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 0xffff_ffff) return;
  throw new RangeError(`Cannot set an expiry: ${seconds} is no whole number from 0 to 4294967295`);
}

/**
 * Throws unless it is a plain Topic Filter.
 *
 * @throws {RangeError} If it is none, or a shared one.
 */
export function checkPlainFilter(what: string, filter: string): void {
  const parsed = parseFilter(filter);
  if (parsed?.kind === "plain") return;
  throw new RangeError(`Cannot ${what}: the filter is ${parsed === undefined ? "no Topic Filter" : "a shared one"}`);
}

/**
 * The whole of a subscription that is made on behalf of a client.
 *
 * @throws {RangeError} If the filter is none or a shared one, or an option is out of its range.
 */
export function completeSubscription(filter: string, given: AdminSubscription): Subscription {
  checkPlainFilter("subscribe", filter);
  const { qos = 1, retainHandling = 0, subscriptionIdentifier: identifier } = given;
  if (![0, 1, 2].includes(qos) || ![0, 1, 2].includes(retainHandling)) {
    throw new RangeError("Cannot subscribe: QoS and Retain Handling are 0, 1 or 2");
  }
  if (identifier !== undefined && !(Number.isInteger(identifier) && identifier >= 1 && identifier <= 268_435_455)) {
    throw new RangeError("Cannot subscribe: a Subscription Identifier is a whole number from 1 to 268435455");
  }
  return { noLocal: false, retainAsPublished: false, ...given, qos, retainHandling };
}
