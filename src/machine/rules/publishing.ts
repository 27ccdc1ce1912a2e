/**
 * The peer publishes: the checks before a PUBLISH is taken, and the answers to what is repeated or released, as
 * {@linkcode INBOUND_TABLE} says. A server routes what it takes; a client hands it to its application.
 */
import type { Message } from "../../mqtt/message.ts";
import type { PublishPacket, PublishResponse } from "../../mqtt/packet.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import { publishSize } from "../../mqtt/packet_size.ts";
import * as REASON from "../../mqtt/reason.ts";
import { isLegalReasonCode } from "../../mqtt/reason_code.ts";
import { isTopicName } from "../../mqtt/topic.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";
import { type DurableState, peerOf, type SessionState } from "../state/session.ts";
import { closeWith } from "./ending.ts";
import { send } from "./send.ts";
import { expiresAtOf } from "./expiry.ts";
import { exceedsReceiveMaximum } from "./flow.ts";
import { INBOUND_TABLE, type InboundRow } from "./inbound.ts";

/** A PUBLISH that is no fault and no repeat. */
export interface Published {
  readonly packet: PublishPacket;
  /** 0 at QoS 0. */
  readonly packetId: number;
  /** The full one. */
  readonly topic: string;
  readonly ref: number;
}

/** What a role does with such a PUBLISH. */
export type TakePublish = (
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  published: Published,
  out: Output,
  now: number,
) => void;

/** Takes a PUBLISH in: what is wrong with it closes, a repeat is answered, with all else the role does its own. */
export function receivePublish(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: PublishPacket,
  unsent: number,
  take: TakePublish,
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
  take(state, connection, durable, { packet, packetId, topic, ref: connection.nextRef++ }, out, now);
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

/** The message that a PUBLISH carries. */
export function messageOf(publisher: string, topic: string, packet: PublishPacket, now: number): Message {
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

/** An identifier is unreleased from here on. */
export function remember(connection: ConnectionState, durable: DurableState, packetId: number, out: Output): void {
  durable.inbound.add(packetId);
  connection.unanswered.add(packetId);
  out.changes.push({ type: "putInboundId", packetId });
}

/** An identifier is free again. */
export function forget(connection: ConnectionState, durable: DurableState, packetId: number, out: Output): void {
  durable.inbound.delete(packetId);
  connection.unanswered.delete(packetId);
  out.changes.push({ type: "deleteInboundId", packetId });
}
