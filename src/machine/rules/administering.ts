/**
 * What an administrator does to a session while its client is connected: no packet tells the client of it.
 */
import { isSameSubscription } from "../../mqtt/subscription.ts";
import type { ExpirySet, MessagesPurged, SubscriptionRemoved, SubscriptionSet } from "../event.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { expiryNumbers } from "./lifecycle.ts";
import { leavePageEarly } from "./page.ts";
import { retainedAfter } from "./retained.ts";
import { drain } from "./sending.ts";
import { lose } from "./started.ts";

/** Puts another Session Expiry Interval in force, from the end of this connection on. */
export function expirySet(
  connection: ConnectionState,
  durable: DurableState,
  { sessionExpiryInterval }: ExpirySet,
  out: Output,
): void {
  connection.longestExpiryInterval = sessionExpiryInterval;
  if (durable.head.sessionExpiryInterval === sessionExpiryInterval) return;
  const { endsAt: _at, endsAfterMs: _after, ...rest } = durable.head;
  durable.head = { ...rest, sessionExpiryInterval, ...expiryNumbers(sessionExpiryInterval) };
  out.changes.push({ type: "putHead", head: durable.head });
}

/** Puts a subscription as a SUBSCRIBE would have, without asking anybody: who says so may. */
export function subscriptionSet(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  { filter, subscription: given }: SubscriptionSet,
  out: Output,
): void {
  const present = durable.subscriptions.get(filter);
  if (present !== undefined && isSameSubscription(present, given)) return;
  const { retainedAfter: _position, ...options } = given;
  const { retainHandling } = options;
  const subscription = { ...options, ...retainedAfter(state, connection, durable, { filter, retainHandling }) };
  durable.subscriptions.set(filter, subscription);
  out.changes.push({ type: "putSubscription", filter, subscription });
}

/** Ends a subscription, if there is one. */
export function subscriptionRemoved(durable: DurableState, { filter }: SubscriptionRemoved, out: Output): void {
  if (durable.subscriptions.delete(filter)) out.changes.push({ type: "deleteSubscription", filter });
}

/**
 * Takes messages out of the log that nobody has started: those that wait here, and those that were not loaded. What is in
 * neither place was sent, or is gone.
 */
export function messagesPurged(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  { messages }: MessagesPurged,
  out: Output,
  now: number,
): void {
  const { cursor, startedThrough, page, pageStart, purged, withheld } = connection;
  const waiting = new Set<number>();
  for (let index = pageStart; index < page.length; index++) waiting.add(page[index]?.sequence ?? 0);
  const gone = new Set<number>();
  for (const message of messages) {
    const { sequence } = message;
    // What an earlier connection has started is resent, however long it waits here.
    const isThere = sequence > startedThrough && (sequence > cursor ? !purged.has(sequence) : waiting.has(sequence));
    if (!isThere) continue;
    if (sequence > cursor) purged.add(sequence);
    else gone.add(sequence);
    withheld.delete(sequence);
    lose(durable, message, "purged", out);
  }
  leavePageEarly(connection, ({ sequence }) => gone.has(sequence));
  drain(state, connection, durable, out, now);
}
