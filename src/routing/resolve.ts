/**
 * From the subscriptions that match a message to the copies it becomes: who gets one, at which level, with which flags.
 *
 * @module
 */
import type { Message } from "../mqtt/message.ts";
import { minimumQoS, type QoS } from "../mqtt/qos.ts";
import type { Subscription } from "../mqtt/subscription.ts";

/** A subscription that matches a topic, and the session that holds it. */
export interface SubscriptionMatch {
  /** The Client Identifier of the subscriber. */
  readonly clientId: string;
  /** Which session of that client: the index may still name one that has ended. */
  readonly incarnation: string;
  /** The Topic Filter, exactly as subscribed; together with the incarnation it names the subscription. */
  readonly filter: string;
  /** The stored options. */
  readonly subscription: Subscription;
}

/** One copy of a message: the session it goes to, and what was fixed when the copy was made. */
export interface Receiver {
  /** The Client Identifier of the subscriber. */
  readonly clientId: string;
  /** Which session of that client; an append to one that has ended answers `ended`. */
  readonly incarnation: string;
  /** The level of this copy. */
  readonly qos: QoS;
  /** The RETAIN flag of this copy ([MQTT-3.3.1-12], [MQTT-3.3.1-13]). */
  readonly retain: boolean;
  /** The Subscription Identifiers of this copy, in order of their filters ([MQTT-3.3.4-3] to [MQTT-3.3.4-5]). */
  readonly subscriptionIdentifiers: readonly number[];
}

/** What of a message decides about its copies. */
export type RoutedMessage = Pick<Message, "publisher" | "qos" | "retain">;

/** How copies are made where MQTT leaves it open. A `SessionPolicy` is one of these. */
export interface ResolveOptions {
  /**
   * P14: `single` makes one copy for all matching subscriptions of a session, `each` one per subscription (SB-16).
   * Default: `single`.
   */
  readonly overlappingSubscriptions?: "single" | "each";
  /** Whether a copy has the granted level though the message was published at a lower one. Default: `false`. */
  readonly upgradeQoS?: boolean;
}

/**
 * The copies that a message becomes, in order of Client Identifier, incarnation and filter.
 *
 * A session's own message does not count as matching a No Local subscription ([MQTT-3.8.3-3]); another subscription of
 * the session may still take it. A copy has the lower of the published level and the highest granted one
 * ([MQTT-3.3.4-2], [MQTT-3.8.4-8]) unless it is upgraded, the identifiers of all subscriptions it stands for, and keeps RETAIN if any of them
 * asked for Retain As Published: what one subscription was promised is not lost because another overlaps it.
 *
 * Two incarnations of a client are two receivers, and a subscription that is named twice counts once.
 */
export function resolveReceivers(
  matches: readonly SubscriptionMatch[],
  message: RoutedMessage,
  options: ResolveOptions = {},
): Receiver[] {
  const taken = matches.filter((match) => !(match.subscription.noLocal && match.clientId === message.publisher));
  taken.sort(bySessionAndFilter);
  const copies: SubscriptionMatch[][] = [];
  for (const match of taken) {
    const copy = copies.at(-1);
    const previous = copy?.at(-1);
    if (copy === undefined || previous === undefined || !isSameSession(previous, match)) copies.push([match]);
    else if (previous.filter === match.filter) continue;
    else if (options.overlappingSubscriptions === "each") copies.push([match]);
    else copy.push(match);
  }
  return copies.flatMap((copy) => toReceiver(copy, message, options.upgradeQoS === true));
}

/** The copy for some subscriptions of one session; none for none. */
function toReceiver(matches: readonly SubscriptionMatch[], message: RoutedMessage, upgrades: boolean): Receiver[] {
  const [first] = matches;
  if (first === undefined) return [];
  let granted: QoS = 0;
  let retainAsPublished = false;
  const subscriptionIdentifiers: number[] = [];
  for (const { subscription } of matches) {
    if (subscription.qos > granted) granted = subscription.qos;
    retainAsPublished ||= subscription.retainAsPublished;
    if (subscription.subscriptionIdentifier !== undefined) {
      subscriptionIdentifiers.push(subscription.subscriptionIdentifier);
    }
  }
  return [{
    clientId: first.clientId,
    incarnation: first.incarnation,
    qos: upgrades ? granted : minimumQoS(message.qos, granted),
    retain: message.retain && retainAsPublished,
    subscriptionIdentifiers,
  }];
}

function isSameSession(a: SubscriptionMatch, b: SubscriptionMatch): boolean {
  return a.clientId === b.clientId && a.incarnation === b.incarnation;
}

function bySessionAndFilter(a: SubscriptionMatch, b: SubscriptionMatch): number {
  return compare(a.clientId, b.clientId) || compare(a.incarnation, b.incarnation) || compare(a.filter, b.filter);
}

/** By UTF-16 unit: the same on every platform and in every language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
