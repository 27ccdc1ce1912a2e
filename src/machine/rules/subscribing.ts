/**
 * A client subscribes and unsubscribes: one code per filter, in order, in one answer.
 */
import { unasked } from "../misuse.ts";
import type { SubscribePacket, SubscriptionRequest, UnsubscribePacket } from "../../mqtt/packet.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import { isSharedFilter, parseFilter } from "../../mqtt/filter.ts";
import { minimumQoS, type QoS } from "../../mqtt/qos.ts";
import * as REASON from "../../mqtt/reason.ts";
import { isFailure, subackReturnCode } from "../../mqtt/reason_code.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { SubscribeAuthorized } from "../event.ts";
import type { Output } from "../output.ts";
import type { ServerLimits } from "../policy.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { closeWith } from "./ending.ts";
import { retainedAfter } from "./retained.ts";
import { send } from "./send.ts";

const MAX_SUBSCRIPTION_IDENTIFIER = 268_435_455;

/** Takes a SUBSCRIBE in: a fault of the packet closes, and no filter of it takes effect; else its filters are judged. */
export function receiveSubscribe(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: SubscribePacket,
  out: Output,
  now: number,
): void {
  const fault = faultOf(connection, state.limits, packet);
  if (fault !== undefined) return closeWith(state, out, fault, now);
  const refused = refusals(connection, durable, state.limits, packet.subscriptions);
  const ref = connection.nextRef++;
  connection.subscribe = {
    ref,
    packetId: packet.packetId,
    subscriptionIdentifier: packet.subscriptionIdentifier,
    filters: packet.subscriptions,
    refused,
  };
  const asked = packet.subscriptions.filter((_, index) => refused[index] === 0);
  if (asked.length > 0) out.requests.push({ type: "authorizeSubscribe", ref, subscriptions: asked });
}

function faultOf(connection: ConnectionState, limits: ServerLimits, packet: SubscribePacket): number | undefined {
  if (!isPacketId(packet.packetId) || packet.subscriptions.length === 0) return REASON.protocolError;
  const identifier = packet.subscriptionIdentifier;
  if (identifier !== undefined) {
    if (!limits.subscriptionIdentifiersAvailable) return REASON.subscriptionIdentifiersNotSupported;
    if (identifier < 1 || identifier > MAX_SUBSCRIPTION_IDENTIFIER) return REASON.protocolError;
  }
  for (const subscription of packet.subscriptions) {
    const fault = filterFault(connection, limits, subscription);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function filterFault(
  connection: ConnectionState,
  limits: ServerLimits,
  subscription: SubscriptionRequest,
): number | undefined {
  if (subscription.qos > 2 || subscription.retainHandling > 2) return REASON.protocolError;
  if (connection.version === 4) return undefined;
  const filter = parseFilter(subscription.filter);
  if (filter === undefined) return undefined;
  if (filter.kind === "shared") {
    if (!limits.sharedSubscriptionAvailable) return REASON.sharedSubscriptionsNotSupported;
    if (subscription.noLocal) return REASON.protocolError;
  }
  return filter.hasWildcard && !limits.wildcardSubscriptionAvailable
    ? REASON.wildcardSubscriptionsNotSupported
    : undefined;
}

/** Why each filter is not even asked about: 0 when it is. The session has room for those that come first. */
function refusals(
  connection: ConnectionState,
  durable: DurableState,
  limits: ServerLimits,
  requests: readonly SubscriptionRequest[],
): readonly number[] {
  const added = new Set<string>();
  return requests.map(({ filter }, index) => {
    // Each filter costs a question to the host, also one that is named over and over.
    if (index >= limits.maximumSubscriptions) return REASON.quotaExceeded;
    const refusal = refusalOf(connection, limits, filter);
    if (refusal !== 0 || durable.subscriptions.has(filter) || added.has(filter)) return refusal;
    if (durable.subscriptions.size + added.size >= limits.maximumSubscriptions) return REASON.quotaExceeded;
    added.add(filter);
    return 0;
  });
}

/** Why a filter is not even asked about: 0 when it is. */
function refusalOf(connection: ConnectionState, limits: ServerLimits, text: string): number {
  const filter = parseFilter(text);
  if (filter === undefined || filter.levels.length > limits.maximumTopicLevels) return REASON.topicFilterInvalid;
  // In 5.0 these closed the connection already; 3.1.1 knows no more than "failure".
  const isUnavailable = filter.kind === "shared" ? !limits.sharedSubscriptionAvailable : filter.hasWildcard &&
    !limits.wildcardSubscriptionAvailable;
  return connection.version === 4 && isUnavailable ? REASON.unspecifiedError : 0;
}

/** Answers a SUBSCRIBE none of whose filters need be asked about. */
export function answerRefusedSubscribe(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  out: Output,
): void {
  const subscribe = connection.subscribe;
  if (subscribe === undefined || subscribe.refused.includes(0)) return;
  subscribeAuthorized(state, connection, durable, {
    type: "subscribeAuthorized",
    ref: subscribe.ref,
    verdicts: [],
  }, out);
}

/** The verdicts are in: grants are stored, then SUBACK leaves. */
export function subscribeAuthorized(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  event: SubscribeAuthorized,
  out: Output,
): void {
  const subscribe = connection.subscribe;
  if (subscribe === undefined || subscribe.ref !== event.ref) {
    throw unasked(event.type, event.ref);
  }
  const asked = subscribe.refused.filter((code) => code === 0).length;
  if (event.verdicts.length !== asked) {
    throw new RangeError(`Cannot step subscribeAuthorized: ${event.verdicts.length} verdicts for ${asked} filters`);
  }
  for (const verdict of event.verdicts) {
    if (!isQoS(verdict) && !isFailure(verdict)) {
      throw new RangeError(`Cannot grant a subscription: verdict ${verdict} is neither a level nor a failure`);
    }
  }
  connection.subscribe = undefined;
  let next = 0;
  const codes = subscribe.filters.map((request, index) => {
    // Both lists are as long as the filters, and the verdicts as long as the zeros among the refusals.
    const refused = subscribe.refused[index] as number;
    const code = refused === 0 ? grantedCode(request.qos, event.verdicts[next++] as number) : refused;
    if (!isFailure(code)) {
      if (isSharedFilter(request.filter)) borrow(durable, out);
      const { subscriptionIdentifier } = subscribe;
      const owes = retainedAfter(state, connection, durable, request);
      putSubscription(durable, request, code as QoS, { subscriptionIdentifier, ...owes }, out);
    } else if (state.policy.refusedReplacement === "remove") deleteSubscription(durable, request.filter, out);
    return connection.version === 4 ? subackReturnCode(code) : code;
  });
  send(connection, out, { type: "suback", packetId: subscribe.packetId, reasonCodes: codes });
}

/** From now on messages may be in its log that its group wants back: nobody ends it before they are given back. */
export function borrow(durable: DurableState, out: Output): void {
  if (durable.head.borrows) return;
  durable.head = { ...durable.head, borrows: true };
  out.changes.push({ type: "putHead", head: durable.head });
}

function grantedCode(requested: QoS, verdict: number): number {
  return isQoS(verdict) ? minimumQoS(requested, verdict) : verdict;
}

function isQoS(verdict: number): verdict is QoS {
  return verdict === 0 || verdict === 1 || verdict === 2;
}

function putSubscription(
  durable: DurableState,
  request: SubscriptionRequest,
  qos: QoS,
  { subscriptionIdentifier, ...owes }: {
    readonly subscriptionIdentifier: number | undefined;
    readonly retainedAfter?: string;
  },
  out: Output,
): void {
  const { filter, noLocal, retainAsPublished, retainHandling } = request;
  const subscription: Subscription = {
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
    ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }),
    ...owes,
  };
  durable.subscriptions.set(filter, subscription);
  out.changes.push({ type: "putSubscription", filter, subscription });
}

function deleteSubscription(durable: DurableState, filter: string, out: Output): boolean {
  if (!durable.subscriptions.delete(filter)) return false;
  out.changes.push({ type: "deleteSubscription", filter });
  return true;
}

/** Ends a subscription that its client may have no more. */
export function revokeSubscription(durable: DurableState, filter: string, out: Output): void {
  if (deleteSubscription(durable, filter, out)) out.effects.push({ type: "subscriptionRevoked", filter });
}

/** Takes an UNSUBSCRIBE in: filters are compared exactly, and UNSUBACK always comes ([MQTT-3.10.4-4]). */
export function receiveUnsubscribe(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: UnsubscribePacket,
  out: Output,
  now: number,
): void {
  const { packetId, filters } = packet;
  if (!isPacketId(packetId) || filters.length === 0) return closeWith(state, out, REASON.protocolError, now);
  const codes = filters.map((filter) => {
    if (deleteSubscription(durable, filter, out)) return REASON.success;
    return parseFilter(filter) === undefined ? REASON.topicFilterInvalid : REASON.noSubscriptionExisted;
  });
  send(connection, out, { type: "unsuback", packetId, reasonCodes: connection.version === 4 ? [] : codes });
}
