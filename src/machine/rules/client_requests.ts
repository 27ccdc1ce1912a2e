/** SUBSCRIBE and UNSUBSCRIBE of a client: one identifier each, of the same set as PUBLISH (ID-05). They are no Session State. */
import { parseFilter } from "../../mqtt/filter.ts";
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { SubackPacket, UnsubackPacket } from "../../mqtt/packet.ts";
import { MAX_PACKET_ID, packetIdOf } from "../../mqtt/packet_id.ts";
import * as REASON from "../../mqtt/reason.ts";
import { isLegalReasonCode, subackReturnCode } from "../../mqtt/reason_code.ts";
import type { SubscribeRequested, UnsubscribeRequested } from "../client_event.ts";
import type { Output } from "../output.ts";
import type { ClientConnection, ClientPart } from "../state/client_part.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { packetSize } from "../../mqtt/packet_size.ts";
import { closeWith } from "./ending.ts";
import { send } from "./send.ts";

const MAX_SUBSCRIPTION_IDENTIFIER = 268_435_455;

type ClientRequest = SubscribeRequested | UnsubscribeRequested;

/** Throws what no server would take. */
export function checkRequest(request: ClientRequest): void {
  const filters = request.type === "subscribeRequested"
    ? request.subscriptions.map(({ filter }) => filter)
    : request.filters;
  if (filters.length === 0) throw new RangeError("Cannot ask for no Topic Filter at all");
  for (const filter of filters) {
    if (parseFilter(filter) === undefined) throw new RangeError("Cannot ask for a Topic Filter that is none");
  }
  if (request.type === "unsubscribeRequested") return;
  const { subscriptionIdentifier: identifier = 1 } = request;
  if (!Number.isInteger(identifier) || identifier < 1 || identifier > MAX_SUBSCRIPTION_IDENTIFIER) {
    throw new RangeError(`Cannot subscribe: ${identifier} is no Subscription Identifier`);
  }
  for (const { filter, noLocal } of request.subscriptions) {
    if (noLocal && parseFilter(filter)?.kind === "shared") {
      throw new RangeError("Cannot subscribe: a shared subscription may not have No Local");
    }
  }
}

/** Sends what waits, as far as identifiers go. */
export function sendWaiting(
  connection: ConnectionState,
  part: ClientPart,
  own: ClientConnection,
  durable: DurableState,
  out: Output,
): void {
  while (part.waiting.length > 0) {
    const packetId = freeId(connection, durable);
    if (packetId === undefined) return;
    // The list is not empty.
    const request = part.waiting.shift() as ClientRequest;
    const reasonCode = refusalOf(connection, own, request);
    if (reasonCode !== undefined) out.effects.push({ type: "requestFailed", ref: request.ref, reasonCode });
    else sendRequest(connection, own, request, packetId, out);
  }
}

function sendRequest(
  connection: ConnectionState,
  own: ClientConnection,
  request: ClientRequest,
  packetId: number,
  out: Output,
): void {
  const packet = packetOf(request, packetId, connection.version);
  const isSubscribe = packet.type === "subscribe";
  const filters = isSubscribe ? packet.subscriptions.length : packet.filters.length;
  if (packetSize(packet, connection.version) > connection.maximumPacketSize) {
    out.effects.push({ type: "requestFailed", ref: request.ref, reasonCode: REASON.packetTooLarge });
    return;
  }
  connection.window.hold(packetId);
  own.requests.set(packetId, { ref: request.ref, answer: isSubscribe ? "suback" : "unsuback", filters });
  send(connection, out, packet);
}

function packetOf(request: ClientRequest, packetId: number, version: 4 | 5) {
  const { userProperties } = request;
  const properties = version === 4 || userProperties === undefined ? {} : { userProperties };
  if (request.type === "unsubscribeRequested") {
    return { type: "unsubscribe", packetId, filters: request.filters, ...properties } as const;
  }
  const { subscriptions, subscriptionIdentifier } = request;
  const identified = version === 4 || subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier };
  return { type: "subscribe", packetId, subscriptions, ...identified, ...properties } as const;
}

/** What the server has said that it does not take. */
function refusalOf(connection: ConnectionState, own: ClientConnection, request: ClientRequest): number | undefined {
  if (request.type === "unsubscribeRequested" || connection.version === 4) return undefined;
  if (request.subscriptionIdentifier !== undefined && !own.subscriptionIdentifiersAvailable) {
    return REASON.subscriptionIdentifiersNotSupported;
  }
  for (const { filter } of request.subscriptions) {
    const parsed = parseFilter(filter);
    if (parsed?.kind === "shared" && !own.sharedSubscriptionAvailable) return REASON.sharedSubscriptionsNotSupported;
    if (parsed?.hasWildcard === true && !own.wildcardSubscriptionAvailable) {
      return REASON.wildcardSubscriptionsNotSupported;
    }
  }
  return undefined;
}

/**
 * An identifier that nothing uses and nothing of the resend set will ask for: from above, where those of messages come
 * last.
 */
function freeId(connection: ConnectionState, durable: DurableState): number | undefined {
  const promised = new Set(Array.from(durable.outbound.entries.values(), ({ packetId }) => packetId));
  for (let index = connection.pageStart; index < connection.page.length; index++) {
    // The index is below the length, and a page has no holes.
    const { sequence } = connection.page[index] as QueuedMessage;
    if (sequence <= connection.startedThrough) promised.add(packetIdOf(sequence));
  }
  // Of what was not read yet, any entry may be there.
  const unread = connection.startedThrough - connection.cursor;
  const first = packetIdOf(connection.cursor + 1);
  for (let packetId = MAX_PACKET_ID; packetId > 0; packetId--) {
    if (connection.window.isTaken(packetId) || durable.quarantine.has(packetId) || promised.has(packetId)) continue;
    if ((packetId - first + MAX_PACKET_ID) % MAX_PACKET_ID >= unread) return packetId;
  }
  return undefined;
}

/** SUBACK or UNSUBACK came: it answers an open request, or is an error (ER-16). */
export function requestAnswered(
  state: SessionState,
  connection: ConnectionState,
  own: ClientConnection,
  packet: SubackPacket | UnsubackPacket,
  out: Output,
  now: number,
): void {
  const open = own.requests.get(packet.packetId);
  const { reasonCodes } = packet;
  const isValid = open !== undefined && open.answer === packet.type &&
    (reasonCodes.length === open.filters || (packet.type === "unsuback" && connection.version === 4)) &&
    reasonCodes.every((code) =>
      connection.version === 5 ? isLegalReasonCode(packet.type, "server", code) : subackReturnCode(code) === code
    );
  if (!isValid) return closeWith(state, out, REASON.protocolError, now);
  own.requests.delete(packet.packetId);
  connection.window.free(packet.packetId);
  out.effects.push({ type: "requestAnswered", ref: open.ref, reasonCodes });
}
