/**
 * The peer publishes: the checks before a PUBLISH is taken, where it goes, and the answers, as {@linkcode INBOUND_TABLE}
 * says. A server routes it; a client hands it to its application.
 */
import type { Message } from "../../mqtt/message.ts";
import type { PublishPacket, PublishResponse } from "../../mqtt/packet.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import { publishSize } from "../../mqtt/packet_size.ts";
import * as REASON from "../../mqtt/reason.ts";
import { isFailure, isLegalReasonCode } from "../../mqtt/reason_code.ts";
import { hasMoreLevels, isTopicName } from "../../mqtt/topic.ts";
import type { PublishRefused, PublishRouted } from "../event.ts";
import type { Output } from "../output.ts";
import type { ConnectionState, InboundPublish } from "../state/connection.ts";
import { type DurableState, peerOf, type SessionState } from "../state/session.ts";
import { closeWith } from "./ending.ts";
import { send } from "./send.ts";
import { expiresAtOf } from "./expiry.ts";
import { exceedsReceiveMaximum } from "./flow.ts";
import { INBOUND_TABLE, type InboundRow } from "./inbound.ts";

/** Takes a PUBLISH in: what is wrong with it closes, a repeat is answered, all else asks for its route. */
export function receivePublish(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: PublishPacket,
  unsent: number,
  out: Output,
  now: number,
): void {
  const fault = faultOf(state, connection, packet);
  if (fault !== undefined) return closeWith(state, out, fault, now);
  const topic = resolveTopic(connection, packet);
  if (topic === undefined) return closeWith(state, out, REASON.protocolError, now);
  if (!isTopicName(topic)) return closeWith(state, out, REASON.topicNameInvalid, now);
  // faultOf has let only a valid identifier through where there is one.
  const packetId = packet.packetId ?? 0;
  if (packet.qos > 0) {
    const isHeld = durable.inbound.has(packetId);
    const counts = !connection.unanswered.has(packetId);
    // 3.1.1 has no Receive Maximum: there the limit would be one that the client cannot know.
    if (connection.version === 5 && counts && exceedsReceiveMaximum(connection, unsent, state.limits.receiveMaximum)) {
      return closeWith(state, out, INBOUND_TABLE.free.publishOverLimit.closes, now);
    }
    if (isHeld) return answerHeld(state, connection, durable, packet, packetId, out, now);
  }
  const ref = connection.nextRef++;
  if (state.role === "client") return takeIn(connection, durable, ref, topic, packet, out, now);
  const message = messageOf(durable.clientId, topic, packet, now);
  connection.publish = { ref, qos: packet.qos, packetId, routed: false, message };
  const reasonCode = refusalOf(state, durable, packet, topic);
  const isOverrun = packet.qos === 2 && durable.inbound.size >= state.limits.maximumUnreleased;
  // On 3.1.1 it would be acknowledged and dropped, and take one more identifier, without end.
  if (isOverrun && connection.version === 4) return closeWith(state, out, REASON.quotaExceeded, now);
  if (reasonCode !== undefined) {
    return publishRefused(state, connection, durable, { type: "publishRefused", ref, reasonCode }, out, now);
  }
  out.requests.push({ type: "routePublish", ref, message });
}

/** A client takes what comes, wanted or not, and acknowledges it once it is stored for the application (IB-15). */
function takeIn(
  connection: ConnectionState,
  durable: DurableState,
  ref: number,
  topic: string,
  packet: PublishPacket,
  out: Output,
  now: number,
): void {
  const { qos, packetId = 0, subscriptionIdentifiers = [] } = packet;
  // Whoever published it is not told.
  const message = messageOf("", topic, packet, now);
  if (qos === 0) {
    out.effects.push({ type: "messageReceived", message, subscriptionIdentifiers });
    return;
  }
  if (qos === 2) remember(connection, durable, packetId, out);
  out.changes.push({ type: "publishMessage", ref, message, to: "inbox", subscriptionIdentifiers });
  send(connection, out, { type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: REASON.success });
}

/** What makes a PUBLISH illegal whatever its topic is: the reason code to close with. */
function faultOf(state: SessionState, connection: ConnectionState, packet: PublishPacket): number | undefined {
  const { limits, role } = state;
  // A codec that lets other bits through must not make an exchange of them ([MQTT-3.3.1-4]).
  if (packet.qos !== 0 && packet.qos !== 1 && packet.qos !== 2) return REASON.malformedPacket;
  if (packet.qos > 0 ? !isPacketId(packet.packetId) : packet.dup) return REASON.protocolError;
  const identifiers = packet.subscriptionIdentifiers;
  if (identifiers !== undefined && (role === "server" || identifiers.includes(0))) return REASON.protocolError;
  const { responseTopic } = packet.properties;
  if (responseTopic !== undefined && !isTopicName(responseTopic)) return REASON.protocolError;
  if (packet.qos > limits.maximumQoS) return REASON.qosNotSupported;
  // 3.1.1 cannot be told that nothing is retained: there the message is delivered, and that is all.
  if (packet.retain && !limits.retainAvailable && connection.version === 5) return REASON.retainNotSupported;
  if (packet.topicAlias !== undefined) {
    if (packet.topicAlias < 1 || packet.topicAlias > limits.topicAliasMaximum) return REASON.topicAliasInvalid;
  }
  const maximum = limits.maximumPacketSize;
  if (mayExceed(packet, maximum) && publishSize(packet, connection.version) > maximum) return REASON.packetTooLarge;
  return undefined;
}

/** What is no fault, and yet not taken by this server. */
function refusalOf(
  { limits }: SessionState,
  durable: DurableState,
  packet: PublishPacket,
  topic: string,
): number | undefined {
  if (hasMoreLevels(topic, limits.maximumTopicLevels)) return REASON.topicNameInvalid;
  if ((packet.properties.userProperties?.length ?? 0) > limits.maximumUserProperties) return REASON.quotaExceeded;
  if (packet.qos === 2 && durable.inbound.size >= limits.maximumUnreleased) return REASON.quotaExceeded;
  return undefined;
}

/** Whether a PUBLISH can be larger than a limit at all: a quick look, so that the exact size is rarely worked out. */
function mayExceed(packet: PublishPacket, maximum: number): boolean {
  const { contentType, responseTopic, correlationData, userProperties } = packet.properties;
  if ((contentType ?? responseTopic ?? correlationData ?? userProperties) !== undefined) return true;
  // A UTF-16 unit takes at most 3 bytes; header, identifier, lengths and the properties of fixed length take 23.
  return packet.payload.length + packet.topic.length * 3 + 23 > maximum;
}

/** The full topic; `undefined` when an alias stands for none. Mappings end with the connection ([MQTT-3.3.2-7]). */
function resolveTopic(connection: ConnectionState, packet: PublishPacket): string | undefined {
  if (packet.topicAlias === undefined) return packet.topic;
  if (packet.topic === "") return connection.aliases.get(packet.topicAlias);
  connection.aliases.set(packet.topicAlias, packet.topic);
  return packet.topic;
}

function messageOf(publisher: string, topic: string, packet: PublishPacket, now: number): Message {
  const { payload, qos, retain, properties, messageExpiryInterval } = packet;
  const message = { topic, payload, qos, retain, properties, publisher, publishedAt: now };
  return messageExpiryInterval === undefined
    ? message
    : { ...message, expiresAt: expiresAtOf(messageExpiryInterval, now) };
}

/** The identifier is unreleased: rows I5 and I6. */
function answerHeld(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: PublishPacket,
  packetId: number,
  out: Output,
  now: number,
): void {
  if (packet.qos === 1) {
    if (connection.version === 4) {
      // A server that began anew unheard would be closed on for ever: next time its identifier is free.
      if (state.role === "client") forget(connection, durable, packetId, out);
      return closeWith(state, out, REASON.protocolError, now);
    }
    const reasonCode = REASON.packetIdentifierInUse;
    out.effects.push({ type: "diagnosed", diagnosis: "stateMismatch", packetId, reasonCode });
    return send(connection, out, { type: "puback", packetId, reasonCode });
  }
  if (!packet.dup) {
    if (state.policy.repeatedWithoutDup === "close") return closeWith(state, out, REASON.protocolError, now);
    out.effects.push({ type: "diagnosed", diagnosis: "repeatedWithoutDup", packetId });
  }
  connection.unanswered.add(packetId);
  send(connection, out, { type: "pubrec", packetId, reasonCode: REASON.success });
}

/** The route is known: the message is handed on and acknowledged, in one commit (D4). */
export function publishRouted(
  connection: ConnectionState,
  durable: DurableState,
  event: PublishRouted,
  out: Output,
): void {
  const publish = pendingPublish(connection, event.ref);
  const { ref, qos, packetId, message } = publish;
  connection.publish = { ...publish, routed: true };
  if (qos === 2) remember(connection, durable, packetId, out);
  if (event.receivers > 0) out.changes.push({ type: "publishMessage", ref, message });
  if (qos === 0) return;
  const nobody = event.receivers === 0 && connection.version === 5;
  const reasonCode = nobody ? REASON.noMatchingSubscribers : REASON.success;
  send(connection, out, { type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode });
}

/** The publish is refused, before its commit or by it: rows I2 and I3. */
export function publishRefused(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  event: PublishRefused,
  out: Output,
  now: number,
): void {
  const publish = connection.publish;
  if (publish === undefined || publish.ref !== event.ref) throw unknownRef("publishRefused", event.ref);
  if (!isFailure(event.reasonCode)) {
    throw new RangeError(`Cannot refuse a publish: reason code ${event.reasonCode} is below 0x80`);
  }
  connection.publish = undefined;
  const { qos, packetId } = publish;
  // The batch that remembered the identifier was refused with all it held, so nothing of it is stored.
  if (publish.routed && qos === 2) forget(connection, durable, packetId, out);
  out.effects.push({ type: "diagnosed", diagnosis: "publishRefused", packetId, reasonCode: event.reasonCode });
  if (connection.version === 4) {
    if (state.policy.refusedPublishV311 === "close") return closeWith(state, out, event.reasonCode, now);
    if (qos === 2) remember(connection, durable, packetId, out);
    if (qos > 0) send(connection, out, { type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: 0 });
    return;
  }
  if (qos === 0) return;
  const type = qos === 1 ? "puback" : "pubrec";
  const isLegal = isLegalReasonCode(type, "server", event.reasonCode);
  send(connection, out, { type, packetId, reasonCode: isLegal ? event.reasonCode : REASON.unspecifiedError });
}

/** PUBREL: rows I7 and I8. Its code does not matter. */
export function receivePubrel(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: PublishResponse<"pubrel">,
  out: Output,
  now: number,
): void {
  const { packetId } = packet;
  if (!isPacketId(packetId) || !isLegalReasonCode("pubrel", peerOf(state), packet.reasonCode)) {
    return closeWith(state, out, REASON.protocolError, now);
  }
  const row: InboundRow = INBOUND_TABLE[durable.inbound.has(packetId) ? "unreleased" : "free"].pubrel;
  connection.unanswered.delete(packetId);
  if (row.answers === "pubcomp") {
    forget(connection, durable, packetId, out);
    return send(connection, out, { type: "pubcomp", packetId, reasonCode: REASON.success });
  }
  out.effects.push({ type: "diagnosed", diagnosis: "unknownPubrel", packetId });
  const reasonCode = connection.version === 5 ? state.policy.unknownPubrel : REASON.success;
  send(connection, out, { type: "pubcomp", packetId, reasonCode });
}

function remember(connection: ConnectionState, durable: DurableState, packetId: number, out: Output): void {
  durable.inbound.add(packetId);
  connection.unanswered.add(packetId);
  out.changes.push({ type: "putInboundId", packetId });
}

function forget(connection: ConnectionState, durable: DurableState, packetId: number, out: Output): void {
  durable.inbound.delete(packetId);
  connection.unanswered.delete(packetId);
  out.changes.push({ type: "deleteInboundId", packetId });
}

function pendingPublish(connection: ConnectionState, ref: number): InboundPublish {
  const publish = connection.publish;
  if (publish === undefined || publish.ref !== ref || publish.routed) throw unknownRef("publishRouted", ref);
  return publish;
}

function unknownRef(event: string, ref: number): TypeError {
  return new TypeError(`Cannot step ${event}: no publish with ref ${ref} is waiting`);
}
