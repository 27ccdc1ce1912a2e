import type { PublishPacket } from "../../mqtt/packet.ts";
import { utf8Length } from "../../mqtt/utf8.ts";
import { copyOfBytes, isQoS, isText, isUint16 } from "./_fields.ts";
import { identifiers, isFault, MESSAGE_READERS, readProperties, uint16 } from "./_read_properties.ts";
import { isShorterThan, malformed, type RefusedPacket } from "./_taken.ts";
import type { ParsedMqttPacket } from "./parsed_packet.ts";

const READERS = { ...MESSAGE_READERS, topicAlias: uint16, subscriptionIdentifiers: identifiers } as const;

type Writable<Packet> = { -readonly [Member in keyof Packet]: Packet[Member] };

/** A PUBLISH in this library's form, or why it cannot be taken. */
export function publishFrom(
  packet: ParsedMqttPacket,
): { readonly ok: true; readonly packet: PublishPacket } | RefusedPacket {
  const { topic, qos, messageId } = packet;
  if (!isText(topic)) return malformed("topic");
  if (!isQoS(qos)) return malformed("qos");
  const payload = copyOfBytes(packet.payload);
  if (payload === undefined) return malformed("payload");
  // Of a packet that ends within its identifier the parser takes the rest from the packet that follows.
  if (payload.length === 0 && qos > 0 && isShorterThan(packet, 4 + utf8Length(topic))) return malformed("length");

  // Built member by member and without properties where there are none: this is the hot path.
  const result: Writable<PublishPacket> = {
    type: "publish",
    topic,
    payload,
    qos,
    retain: packet.retain === true,
    dup: packet.dup === true,
    properties: {},
  };
  if (qos > 0) {
    if (!isUint16(messageId)) return malformed("messageId");
    result.packetId = messageId;
  }
  if (packet.properties === undefined) return { ok: true, packet: result };
  const found = readProperties(READERS, packet.properties);
  if (isFault(found)) return { ok: false, ...found };
  const { messageExpiryInterval, topicAlias, subscriptionIdentifiers, ...properties } = found;
  result.properties = properties;
  if (messageExpiryInterval !== undefined) result.messageExpiryInterval = messageExpiryInterval;
  if (topicAlias !== undefined) result.topicAlias = topicAlias;
  if (subscriptionIdentifiers !== undefined) result.subscriptionIdentifiers = subscriptionIdentifiers;
  return { ok: true, packet: result };
}
