import type { ClientPacket, ConnackPacket, PublishResponse, SubscriptionRequest } from "../../mqtt/packet.ts";
import * as REASON from "../../mqtt/reason.ts";
import type { Will } from "../../mqtt/will.ts";
import { copyOfBytes, isQoS, isRecord, isText, isUint16, isUint8 } from "./_fields.ts";
import type { ParsedMqttPacket } from "./parsed_packet.ts";
import { PROPERTIES_OF } from "./_properties.ts";
import { publishFrom } from "./publish_from.ts";
import { isFault, readProperties } from "./_read_properties.ts";
import { isShorterThan, malformed, type RefusedPacket, taken, type TakenPacket } from "./_taken.ts";

export type { RefusedPacket, TakenPacket } from "./_taken.ts";

/**
 * A packet that a parser of `mqtt-packet` emitted, in this library's form, or why it cannot be taken. It never throws.
 *
 * Only what the form cannot hold is refused. Anything else that MQTT forbids goes through as it was sent, for the
 * machine to judge: Packet Identifier 0, Receive Maximum 0, no filter in SUBSCRIBE, wildcards in a Topic Name.
 */
export function fromMqttPacket(packet: ParsedMqttPacket): TakenPacket | RefusedPacket {
  switch (packet.cmd) {
    case "publish":
      return publishFrom(packet);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return response(packet.cmd, packet);
    case "connect":
      return connect(packet);
    case "connack":
      return connack(packet);
    case "subscribe":
      return subscribe(packet);
    case "unsubscribe":
      return unsubscribe(packet);
    case "suback":
    case "unsuback":
      return granted(packet.cmd, packet);
    case "pingreq":
    case "pingresp":
      return taken({ type: packet.cmd });
    case "disconnect":
      return disconnect(packet);
    case "auth":
      return auth(packet);
    default:
      return malformed("cmd");
  }
}

/**
 * The reason code for an error that a parser of `mqtt-packet` emitted instead of a packet: 0x84 for a protocol it does
 * not know, 0x82 for AUTH before 5.0, 0x81 for all else.
 */
export function reasonCodeOfParserError(error: unknown): number {
  const message = error instanceof Error ? error.message : "";
  if (message === "Invalid protocol version" || message === "Invalid protocolId") {
    return REASON.unsupportedProtocolVersion;
  }
  return message.startsWith("Not supported auth packet") ? REASON.protocolError : REASON.malformedPacket;
}

function response(
  type: "puback" | "pubrec" | "pubrel" | "pubcomp",
  packet: ParsedMqttPacket,
): TakenPacket | RefusedPacket {
  const packetId = packetIdOf(packet);
  if (packetId === undefined) return malformed("messageId");
  const reasonCode = packet.reasonCode ?? 0;
  if (!isUint8(reasonCode)) return malformed("reasonCode");
  if (packet.properties === undefined) return taken(responseOf({ type, packetId, reasonCode }));
  const found = readProperties(PROPERTIES_OF.problem, packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  return taken(responseOf({ type, packetId, reasonCode, ...found }));
}

/** The four kinds share one shape, which the compiler does not see through a union of their names. */
function responseOf(packet: PublishResponse<"puback" | "pubrec" | "pubrel" | "pubcomp">): ClientPacket {
  return packet as ClientPacket;
}

function connect(packet: ParsedMqttPacket): TakenPacket | RefusedPacket {
  const { protocolId = "MQTT", protocolVersion = 4, keepalive = 0, clientId = "", username } = packet;
  if (!isUint8(protocolVersion)) return malformed("protocolVersion");
  if (protocolId !== (protocolVersion === 3 ? "MQIsdp" : "MQTT")) {
    return { ok: false, reasonCode: REASON.unsupportedProtocolVersion, field: "protocolId" };
  }
  if (!isUint16(keepalive)) return malformed("keepalive");
  if (!isText(clientId)) return malformed("clientId");
  if (username !== undefined && !isText(username)) return malformed("username");
  const password = copyOfBytes(packet.password);
  if (packet.password !== undefined && password === undefined) return malformed("password");
  const will = packet.will === undefined ? undefined : willOf(packet.will);
  if (will !== undefined && "ok" in will) return will;
  const found = readProperties(PROPERTIES_OF.connect, packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  return taken({
    type: "connect",
    // The parser takes the highest bit off and tells of it apart; the packet said both.
    protocolVersion: packet.bridgeMode === true ? protocolVersion + 128 : protocolVersion,
    clientId,
    cleanStart: packet.clean !== false,
    keepAlive: keepalive,
    ...(will !== undefined && { will }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...found,
  });
}

function willOf(will: unknown): Will | RefusedPacket {
  if (!isRecord(will)) return malformed("will");
  const { topic, qos = 0 } = will;
  if (!isText(topic)) return malformed("will.topic");
  if (!isQoS(qos)) return malformed("will.qos");
  const payload = copyOfBytes(will["payload"]);
  if (payload === undefined) return malformed("will.payload");
  const found = readProperties(PROPERTIES_OF.will, will["properties"]);
  if (isFault(found)) return { ok: false, reasonCode: found.reasonCode, field: `will.${found.field}` };
  const { willDelayInterval = 0, messageExpiryInterval, ...properties } = found;
  return {
    topic,
    payload,
    qos,
    retain: will["retain"] === true,
    properties,
    willDelayInterval,
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
  };
}

function connack(packet: ParsedMqttPacket): TakenPacket | RefusedPacket {
  const reasonCode = packet.reasonCode ?? packet.returnCode;
  if (!isUint8(reasonCode)) return malformed("reasonCode");
  const found = readProperties(PROPERTIES_OF.connack, packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  const connack: ConnackPacket = {
    type: "connack",
    sessionPresent: packet.sessionPresent === true,
    reasonCode,
    ...found,
  };
  return taken(connack);
}

function subscribe(packet: ParsedMqttPacket): TakenPacket | RefusedPacket {
  const packetId = packetIdOf(packet);
  if (packetId === undefined) return malformed("messageId");
  if (!Array.isArray(packet.subscriptions)) return malformed("subscriptions");
  const subscriptions: SubscriptionRequest[] = [];
  for (const subscription of packet.subscriptions) {
    const request = subscriptionOf(subscription);
    if (request === undefined) return malformed("subscriptions");
    subscriptions.push(request);
  }
  const found = readProperties(PROPERTIES_OF.subscribe, packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  return taken({ type: "subscribe", packetId, subscriptions, ...found });
}

function subscriptionOf(subscription: unknown): SubscriptionRequest | undefined {
  if (!isRecord(subscription)) return undefined;
  const { topic, qos, nl, rap, rh = 0 } = subscription;
  // Retain Handling has the range of a level.
  if (!isText(topic) || !isQoS(qos) || !isQoS(rh)) return undefined;
  return { filter: topic, qos, noLocal: nl === true, retainAsPublished: rap === true, retainHandling: rh };
}

function unsubscribe(packet: ParsedMqttPacket): TakenPacket | RefusedPacket {
  const packetId = packetIdOf(packet);
  if (packetId === undefined) return malformed("messageId");
  const filters: unknown = packet.unsubscriptions;
  if (!Array.isArray(filters) || !filters.every(isText)) return malformed("unsubscriptions");
  const found = readProperties(PROPERTIES_OF.unsubscribe, packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  return taken({ type: "unsubscribe", packetId, filters: [...filters], ...found });
}

function granted(type: "suback" | "unsuback", packet: ParsedMqttPacket): TakenPacket | RefusedPacket {
  const packetId = packetIdOf(packet);
  if (packetId === undefined) return malformed("messageId");
  // An UNSUBACK of 3.1.1 carries none.
  const codes: unknown = packet.granted ?? (type === "unsuback" ? [] : undefined);
  if (!Array.isArray(codes) || !codes.every(isUint8)) return malformed("granted");
  const found = readProperties(PROPERTIES_OF.problem, packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  return taken({ type, packetId, reasonCodes: [...codes], ...found });
}

function disconnect(packet: ParsedMqttPacket): TakenPacket | RefusedPacket {
  // The parser does not stop at the end of a short DISCONNECT, so what it read beyond is left out (ER-04).
  const reasonCode = isShorterThan(packet, 1) ? 0 : packet.reasonCode ?? 0;
  if (!isUint8(reasonCode)) return malformed("reasonCode");
  const found = readProperties(PROPERTIES_OF.disconnect, isShorterThan(packet, 2) ? undefined : packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  return taken({ type: "disconnect", reasonCode, ...found });
}

function auth(packet: ParsedMqttPacket): TakenPacket | RefusedPacket {
  const reasonCode = packet.reasonCode ?? 0;
  if (!isUint8(reasonCode)) return malformed("reasonCode");
  const found = readProperties(PROPERTIES_OF.auth, packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  return taken({ type: "auth", reasonCode, ...found });
}

/** The identifier of a packet that has one; of a packet without room for it, the parser gives that of the next. */
function packetIdOf(packet: ParsedMqttPacket): number | undefined {
  return isUint16(packet.messageId) && !isShorterThan(packet, 2) ? packet.messageId : undefined;
}
