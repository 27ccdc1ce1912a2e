import type { UserProperty } from "../../mqtt/message.ts";
import type { ProtocolVersion, PublishPacket } from "../../mqtt/packet.ts";
import type { MqttUserProperties } from "./packet_properties.ts";
import type { MqttPublish } from "./packets.ts";

/** Turns plain bytes into what the caller's codec wants: a Buffer over the same memory. */
export type AsBuffer<Bytes extends Uint8Array> = (bytes: Uint8Array) => Bytes;

/** A PUBLISH as `generate` of `mqtt-packet` wants it. */
export function publishTo(
  packet: PublishPacket,
  version: ProtocolVersion,
  asBuffer: AsBuffer<Uint8Array>,
): MqttPublish {
  const result: MqttPublish = {
    cmd: "publish",
    topic: packet.topic,
    payload: asBuffer(packet.payload),
    qos: packet.qos,
    retain: packet.retain,
    dup: packet.dup,
  };
  if (packet.packetId !== undefined) result.messageId = packet.packetId;
  if (version === 4) return result;

  const message = packet.properties;
  const properties: NonNullable<MqttPublish["properties"]> = {};
  if (message.payloadFormatIndicator !== undefined) {
    properties.payloadFormatIndicator = message.payloadFormatIndicator === 1;
  }
  if (packet.messageExpiryInterval !== undefined) properties.messageExpiryInterval = packet.messageExpiryInterval;
  if (packet.topicAlias !== undefined) properties.topicAlias = packet.topicAlias;
  if (message.responseTopic !== undefined) properties.responseTopic = message.responseTopic;
  if (message.correlationData !== undefined) properties.correlationData = asBuffer(message.correlationData);
  if (message.userProperties?.length) properties.userProperties = userPropertiesOf(message.userProperties);
  if (packet.subscriptionIdentifiers?.length) {
    properties.subscriptionIdentifier = [...packet.subscriptionIdentifiers];
  }
  if (message.contentType !== undefined) properties.contentType = message.contentType;
  result.properties = properties;
  return result;
}

/** User Properties in the form that keeps their order. */
export function userPropertiesOf(pairs: readonly UserProperty[]): MqttUserProperties {
  // No prototype: a User Property may be called "constructor".
  const byName: MqttUserProperties = Object.create(null);
  for (const [name, value] of pairs) {
    if (name in byName || /^\d+$/.test(name)) return inOrder(pairs);
    byName[name] = value;
  }
  return byName;
}

/** One object a pair, for what one object cannot hold in order. */
function inOrder(pairs: readonly UserProperty[]): MqttUserProperties {
  const list = pairs.map(([name, value]) => {
    const pair: MqttUserProperties = Object.create(null);
    pair[name] = value;
    return pair;
  });
  // Not what the types of mqtt-packet say, but what its writer does: it takes a list for any property.
  return list as unknown as MqttUserProperties;
}
