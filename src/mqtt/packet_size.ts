/**
 * How many bytes a packet takes on the wire, fixed header included: what Maximum Packet Size limits (CL-01).
 *
 * Where the text lets a codec choose a shorter form of the same packet (a DISCONNECT without its zero Reason
 * Code, say), the longer one is counted, except for an acknowledgement that says nothing but success: that is 4 bytes.
 *
 * @module
 */
import type { MessageProperties, QueuedMessage, UserProperty } from "./message.ts";
import type {
  AuthPacket,
  ClientPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  ProblemProperties,
  ProtocolVersion,
  PublishPacket,
  PublishResponse,
  ServerPacket,
  SubscribePacket,
  UnsubscribePacket,
} from "./packet.ts";
import { utf8Length } from "./utf8.ts";

/** The largest packet that MQTT can express: a Remaining Length of 268 435 455 and its 5 bytes of header. */
export const MAX_PACKET_SIZE = 268_435_460;

/** The packets that a size limit can hold for: all but CONNECT, which goes before any limit is known. */
export type SizedPacket = ServerPacket | Exclude<ClientPacket, ConnectPacket>;

/** The whole size of a packet in bytes, as a codec writes it at this protocol level. */
export function packetSize(packet: SizedPacket, version: ProtocolVersion): number {
  switch (packet.type) {
    case "publish":
      return publishSize(packet, version);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return responseSize(packet, version);
    case "connack":
      return whole(2 + (version === 5 ? propertyBlock(connackProperties(packet)) : 0));
    case "suback":
      return whole(2 + packet.reasonCodes.length + (version === 5 ? propertyBlock(problemBytes(packet)) : 0));
    case "unsuback":
      return version === 5 ? whole(2 + packet.reasonCodes.length + propertyBlock(problemBytes(packet))) : 4;
    case "subscribe":
      return whole(2 + subscribeBytes(packet, version));
    case "unsubscribe":
      return whole(2 + unsubscribeBytes(packet, version));
    case "pingreq":
    case "pingresp":
      return 2;
    case "disconnect":
      return version === 5 ? whole(1 + propertyBlock(disconnectProperties(packet))) : 2;
    case "auth":
      return whole(1 + propertyBlock(authProperties(packet)));
    default: {
      const unknown: never = packet;
      throw new TypeError(`Cannot size a packet: unknown type in ${String(unknown)}`);
    }
  }
}

/** The parts of a PUBLISH that its size depends on. */
export type PublishParts = Pick<
  PublishPacket,
  "topic" | "payload" | "qos" | "properties" | "messageExpiryInterval" | "topicAlias" | "subscriptionIdentifiers"
>;

/** The whole size of a PUBLISH in bytes; it allocates nothing. */
export function publishSize(publish: PublishParts, version: ProtocolVersion): number {
  return publishBytes(publish, version, fixed(publish.messageExpiryInterval, 4) + fixed(publish.topicAlias, 2));
}

/**
 * The whole size in bytes of the PUBLISH that a queued message becomes, its Topic Name written out; it allocates
 * nothing. Known before a Packet Identifier is taken (CL-02).
 */
export function queuedMessageSize(message: QueuedMessage, version: ProtocolVersion): number {
  return publishBytes(message, version, fixed(message.expiresAt, 4));
}

/**
 * The packet to send under a size limit, or `undefined` when nothing of it may be sent.
 *
 * A packet that is too large loses its Reason String, then its User Properties too, where it has them (CL-06,
 * CL-07); a PUBLISH is never changed (CL-02).
 */
export function withinMaximumPacketSize<Packet extends SizedPacket>(
  packet: Packet,
  version: ProtocolVersion,
  maximum: number = MAX_PACKET_SIZE,
): Packet | undefined {
  if (packetSize(packet, version) <= maximum) return packet;
  if (!carriesDiagnostics(packet)) return undefined;
  // Each copy lacks only members that every one of these packets has as optional, so it is still a Packet.
  const { reasonString: _reason, ...plainer } = packet;
  if (packetSize(plainer as SizedPacket, version) <= maximum) return plainer as Packet;
  const { userProperties: _properties, ...bare } = plainer;
  return packetSize(bare as SizedPacket, version) <= maximum ? bare as Packet : undefined;
}

/** The packets that carry no Reason String, and of which User Properties are no diagnostics. */
const WITHOUT_DIAGNOSTICS = ["publish", "subscribe", "unsubscribe", "pingreq", "pingresp"] as const;

type WithDiagnostics = Exclude<SizedPacket, { readonly type: typeof WITHOUT_DIAGNOSTICS[number] }>;

function carriesDiagnostics(packet: SizedPacket): packet is WithDiagnostics {
  return !WITHOUT_DIAGNOSTICS.some((type) => type === packet.type);
}

function responseSize(packet: PublishResponse<string>, version: ProtocolVersion): number {
  if (version === 4) return 4;
  const properties = problemBytes(packet);
  if (properties === 0 && packet.reasonCode === 0) return 4;
  return whole(3 + propertyBlock(properties));
}

function subscribeBytes(packet: SubscribePacket, version: ProtocolVersion): number {
  let bytes = 0;
  for (const { filter } of packet.subscriptions) bytes += stringBytes(filter) + 1;
  if (version === 4) return bytes;
  const identifier = packet.subscriptionIdentifier;
  return bytes + propertyBlock(
    userPropertyBytes(packet.userProperties) + (identifier === undefined ? 0 : 1 + variableByteLength(identifier)),
  );
}

function unsubscribeBytes(packet: UnsubscribePacket, version: ProtocolVersion): number {
  let bytes = 0;
  for (const filter of packet.filters) bytes += stringBytes(filter);
  return version === 4 ? bytes : bytes + propertyBlock(userPropertyBytes(packet.userProperties));
}

function connackProperties(packet: ConnackPacket): number {
  return problemBytes(packet) +
    fixed(packet.sessionExpiryInterval, 4) +
    fixed(packet.receiveMaximum, 2) +
    fixed(packet.maximumQoS, 1) +
    fixed(packet.retainAvailable, 1) +
    fixed(packet.maximumPacketSize, 4) +
    text(packet.assignedClientIdentifier) +
    fixed(packet.topicAliasMaximum, 2) +
    fixed(packet.wildcardSubscriptionAvailable, 1) +
    fixed(packet.subscriptionIdentifiersAvailable, 1) +
    fixed(packet.sharedSubscriptionAvailable, 1) +
    fixed(packet.serverKeepAlive, 2) +
    text(packet.responseInformation) +
    text(packet.serverReference) +
    text(packet.authenticationMethod) +
    binary(packet.authenticationData);
}

function disconnectProperties(packet: DisconnectPacket): number {
  return problemBytes(packet) + fixed(packet.sessionExpiryInterval, 4) + text(packet.serverReference);
}

function authProperties(packet: AuthPacket): number {
  return problemBytes(packet) + text(packet.authenticationMethod) + binary(packet.authenticationData);
}

function problemBytes(packet: ProblemProperties): number {
  return text(packet.reasonString) + userPropertyBytes(packet.userProperties);
}

function publishBytes(
  parts: Pick<PublishParts, "topic" | "payload" | "qos" | "properties" | "subscriptionIdentifiers">,
  version: ProtocolVersion,
  otherProperties: number,
): number {
  const body = stringBytes(parts.topic) + (parts.qos === 0 ? 0 : 2) + parts.payload.length;
  if (version === 4) return whole(body);
  const identifiers = identifierBytes(parts.subscriptionIdentifiers);
  return whole(body + propertyBlock(messagePropertyBytes(parts.properties) + identifiers + otherProperties));
}

function messagePropertyBytes(properties: MessageProperties): number {
  return fixed(properties.payloadFormatIndicator, 1) +
    text(properties.contentType) +
    text(properties.responseTopic) +
    binary(properties.correlationData) +
    userPropertyBytes(properties.userProperties);
}

function userPropertyBytes(pairs: readonly UserProperty[] | undefined): number {
  if (pairs === undefined) return 0;
  let bytes = 0;
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at];
    if (pair !== undefined) bytes += 1 + stringBytes(pair[0]) + stringBytes(pair[1]);
  }
  return bytes;
}

function identifierBytes(identifiers: readonly number[] | undefined): number {
  if (identifiers === undefined) return 0;
  let bytes = 0;
  for (let at = 0; at < identifiers.length; at++) bytes += 1 + variableByteLength(identifiers[at] ?? 0);
  return bytes;
}

/** A property of a fixed length: its identifier and `length` bytes, or nothing when it is absent. */
function fixed(value: number | boolean | undefined, length: 1 | 2 | 4): number {
  return value === undefined ? 0 : 1 + length;
}

function text(value: string | undefined): number {
  return value === undefined ? 0 : 1 + stringBytes(value);
}

function binary(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : 3 + value.length;
}

/** A UTF-8 Encoded String: its length in two bytes, then its text. */
function stringBytes(value: string): number {
  return 2 + utf8Length(value);
}

/** A property block of this many bytes with the length before it. */
function propertyBlock(bytes: number): number {
  return variableByteLength(bytes) + bytes;
}

/** A packet of this Remaining Length with its fixed header. */
function whole(remainingLength: number): number {
  return 1 + variableByteLength(remainingLength) + remainingLength;
}

/** The length of a Variable Byte Integer; 5 stands for what none can hold, so the packet exceeds every limit. */
function variableByteLength(value: number): 1 | 2 | 3 | 4 | 5 {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  if (value < 2_097_152) return 3;
  return value < 268_435_456 ? 4 : 5;
}
