/**
 * Retained messages for subscriptions: which of them are owed, and how they come into the log, page by page.
 *
 * What is owed stands in the stored subscription. Each page is one commit: its messages go into the session's own log, and
 * the subscription says how far it has come, so that whoever resumes the session goes on from there. A page is asked for
 * only while little is in the log.
 */
import { unasked } from "../misuse.ts";
import { parseFilter } from "../../mqtt/filter.ts";
import type { Message } from "../../mqtt/message.ts";
import type { SubscriptionRequest } from "../../mqtt/packet.ts";
import { minimumQoS } from "../../mqtt/qos.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { RetainedLoaded, RetainedSettled } from "../event.ts";
import type { Output } from "../output.ts";
import type { ConnectionState, RetainedPage, RetainedWork } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { waiting } from "./page.ts";

/** The most bytes of a page. */
const PAGE_BYTES = 262_144;

/**
 * What a SUBSCRIBE leaves owed: by Retain Handling all that is retained, only to a new subscription, or nothing
 * ([MQTT-3.3.1-9] to [MQTT-3.3.1-11]); to a shared one nothing (SH-02). What was owed already stays so, unless the client
 * wants none.
 */
export function retainedAfter(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  { filter, retainHandling }: Pick<SubscriptionRequest, "filter" | "retainHandling">,
): Pick<Subscription, "retainedAfter"> {
  if (!state.limits.retainAvailable || parseFilter(filter)?.kind !== "plain") return {};
  const after = retainedOwed(durable.subscriptions.get(filter), retainHandling);
  const work = after === undefined ? connection.retained : workOf(connection);
  if (after === undefined) {
    work?.owed.delete(filter);
    return {};
  }
  work?.owed.add(filter);
  return { retainedAfter: after };
}

/** The position behind which retained messages are owed to a subscription that takes the place of another, or of none. */
export function retainedOwed(
  before: Subscription | undefined,
  retainHandling: Subscription["retainHandling"],
): Subscription["retainedAfter"] {
  if (retainHandling === 2) return undefined;
  return retainHandling === 0 || before === undefined ? "" : before.retainedAfter;
}

/** What a session still owes its subscriptions when it is resumed. */
export function oweStored(connection: ConnectionState, durable: DurableState): void {
  for (const [filter, { retainedAfter: after }] of durable.subscriptions) {
    if (after !== undefined) workOf(connection).owed.add(filter);
  }
}

/** Asks for the next page where there is room. */
export function advanceRetained(state: SessionState, connection: ConnectionState, out: Output): void {
  const { retained: work } = connection;
  const { durable } = state;
  if (work === undefined || durable === undefined || connection.phase !== "online") return;
  if (work.page === undefined && work.owed.size > 0) ask(state, connection, durable, work, out);
  if (work.page === undefined && work.owed.size === 0) connection.retained = undefined;
}

function ask(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  work: RetainedWork,
  out: Output,
): void {
  if (connection.loading || connection.cursor < connection.tail) return;
  const held = heldBy(connection);
  const { retainedAhead } = state.limits;
  if (held * 2 > retainedAhead || held > work.heldAtMost) return;
  for (const filter of work.owed) {
    const after = durable.subscriptions.get(filter)?.retainedAfter;
    if (after === undefined) {
      work.owed.delete(filter);
      continue;
    }
    const messages = work.oneByOne ? 1 : Math.max(1, retainedAhead - held);
    const ref = connection.nextRef++;
    work.page = { ref, filter, after, messages };
    const bytes = Math.min(state.limits.pageBytes, PAGE_BYTES);
    out.requests.push({ type: "loadRetained", ref, filter, after, messages, bytes });
    return;
  }
}

/** A page came: its messages go into the log in the commit that says so. */
export function retainedLoaded(
  connection: ConnectionState,
  durable: DurableState,
  event: RetainedLoaded,
  out: Output,
): void {
  const { work, page } = pageOf(connection, "retainedLoaded", event.ref);
  const { filter } = page;
  const subscription = durable.subscriptions.get(filter);
  // The client may have unsubscribed, or begun anew, since the page was asked for.
  if (subscription?.retainedAfter !== page.after) {
    work.page = undefined;
    return;
  }
  work.heldAtMost = Infinity;
  work.oneByOne = false;
  if (event.after === undefined) work.owed.delete(filter);
  // Only what others have published ([MQTT-3.8.3-3]).
  const isOwn = ({ publisher }: Message) => subscription.noLocal && publisher === durable.clientId;
  const messages = event.messages.filter((message) => !isOwn(message));
  moveCursor(durable, filter, event.after, out);
  if (messages.length === 0) work.page = undefined;
  else page.next = { after: event.after };
  for (const message of messages) handOn(subscription, message, true, out);
}

/** The page stands in the log: what has changed since it was read follows, and then the next page may come. */
export function retainedSettled(
  connection: ConnectionState,
  durable: DurableState,
  event: RetainedSettled,
  out: Output,
): void {
  const { work, page } = pageOf(connection, "retainedSettled", event.ref);
  const subscription = durable.subscriptions.get(page.filter);
  if (event.refusedAfter !== undefined) refused(connection, durable, work, page, event.refusedAfter, out);
  if (subscription === undefined || event.changed.length === 0) {
    work.page = undefined;
    return;
  }
  for (const message of event.changed) handOn(subscription, message, message.payload.length > 0, out);
}

/** The log took only some of a page: the others are owed again, until there is room. */
function refused(
  connection: ConnectionState,
  durable: DurableState,
  work: RetainedWork,
  page: RetainedPage,
  after: string,
  out: Output,
): void {
  const isCurrent = durable.subscriptions.get(page.filter)?.retainedAfter === page.next?.after;
  if (page.next === undefined || !isCurrent) return;
  const held = heldBy(connection);
  const isFirst = after === page.after;
  // What finds no room even by itself will never find any: it is lost, and counted.
  if (isFirst && held === 0 && page.messages === 1) return;
  work.oneByOne = isFirst && held === 0;
  work.heldAtMost = Math.max(0, held - 1);
  work.owed.add(page.filter);
  moveCursor(durable, page.filter, after, out);
}

function moveCursor(durable: DurableState, filter: string, after: string | undefined, out: Output): void {
  const before = durable.subscriptions.get(filter);
  if (before === undefined) return;
  const { retainedAfter: _before, ...options } = before;
  const subscription: Subscription = after === undefined ? options : { ...options, retainedAfter: after };
  durable.subscriptions.set(filter, subscription);
  out.changes.push({ type: "putSubscription", filter, subscription });
}

/** RETAIN is 1 whatever Retain As Published says (SB-09). */
function handOn(subscription: Subscription, message: Message, retain: boolean, out: Output): void {
  const { subscriptionIdentifier } = subscription;
  const subscriptionIdentifiers = subscriptionIdentifier === undefined ? [] : [subscriptionIdentifier];
  const copy = { qos: minimumQoS(message.qos, subscription.qos), retain, subscriptionIdentifiers };
  out.changes.push({ type: "publishMessage", message, copy });
}

/** What waits in the log, or for its acknowledgement. */
function heldBy(connection: ConnectionState): number {
  return connection.window.size + waiting(connection);
}

function workOf(connection: ConnectionState): RetainedWork {
  return connection.retained ??= {
    owed: new Set(),
    page: undefined,
    heldAtMost: Infinity,
    oneByOne: false,
  };
}

function pageOf(
  connection: ConnectionState,
  event: string,
  ref: number,
): { readonly work: RetainedWork; readonly page: RetainedPage } {
  const work = connection.retained;
  const page = work?.page;
  if (work === undefined || page === undefined || page.ref !== ref) {
    throw unasked(event, ref);
  }
  return { work, page };
}
