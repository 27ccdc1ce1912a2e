import type {
  ClientPacket,
  ConnectPacket,
  ProblemProperties,
  ProtocolVersion,
  PublishResponse,
  ServerPacket,
  SubscribePacket,
} from "../../mqtt/packet.ts";
import type { Will } from "../../mqtt/will.ts";
import { type AsBuffer, publishTo, userPropertiesOf } from "./publish_to.ts";
import type { MqttProblemProperties } from "./packet_properties.ts";
import type { MqttConnect, MqttPacket, MqttResponse, MqttSubscribe, MqttWill } from "./packets.ts";

export type { AsBuffer } from "./publish_to.ts";

/**
 * A packet of this library as `generate` of `mqtt-packet` wants it; pass it the same protocol version.
 *
 * `asBuffer` is needed because `generate` copies with `Buffer.copy` and throws on a plain Uint8Array (its
 * `writeToStream` on a Node stream takes one everywhere but in a password). It is called for every binary value
 * and should not copy; without it the bytes go through as they are.
 *
 * A 3.1.1 packet carries no properties and no reason code. A CONNECT is written at `version`, whatever it says.
 */
export function toMqttPacket<Bytes extends Uint8Array>(
  packet: ClientPacket | ServerPacket,
  version: ProtocolVersion,
  asBuffer: AsBuffer<Bytes>,
): MqttPacket<Bytes>;
/** As above, with the bytes as they are. */
export function toMqttPacket(packet: ClientPacket | ServerPacket, version: ProtocolVersion): MqttPacket;
export function toMqttPacket(
  packet: ClientPacket | ServerPacket,
  version: ProtocolVersion,
  asBuffer: AsBuffer<Uint8Array> = asItIs,
): MqttPacket {
  switch (packet.type) {
    case "publish":
      return publishTo(packet, version, asBuffer);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return response(packet, version);
    case "connect":
      return connect(packet, version, asBuffer);
    case "connack": {
      const { type, sessionPresent, reasonCode, ...properties } = packet;
      if (version === 4) return { cmd: type, sessionPresent, returnCode: reasonCode };
      return { cmd: type, sessionPresent, reasonCode, properties: propertiesOf(properties, asBuffer) };
    }
    case "subscribe":
      return subscribe(packet, version);
    case "unsubscribe": {
      const result = { cmd: packet.type, messageId: packet.packetId, unsubscriptions: [...packet.filters] };
      if (version === 4) return result;
      return { ...result, properties: propertiesOf({ userProperties: packet.userProperties }, asBuffer) };
    }
    case "suback":
    case "unsuback": {
      const { type, packetId, reasonCodes, ...properties } = packet;
      const result = { cmd: type, messageId: packetId, granted: [...reasonCodes] };
      return version === 4 ? result : { ...result, properties: propertiesOf(properties, asBuffer) };
    }
    case "pingreq":
    case "pingresp":
      return { cmd: packet.type };
    case "disconnect":
    case "auth": {
      const { type, reasonCode, ...properties } = packet;
      if (version === 4 && type === "disconnect") return { cmd: type };
      return { cmd: type, reasonCode, properties: propertiesOf(properties, asBuffer) };
    }
    default: {
      const unknown: never = packet;
      throw new TypeError(`Cannot convert a packet: unknown type in ${String(unknown)}`);
    }
  }
}

function asItIs(bytes: Uint8Array): Uint8Array {
  return bytes;
}

type Command = "puback" | "pubrec" | "pubrel" | "pubcomp";

function response(packet: PublishResponse<Command>, version: ProtocolVersion): MqttPacket {
  const result: MqttResponse<Command> = { cmd: packet.type, messageId: packet.packetId };
  if (version === 5) {
    result.reasonCode = packet.reasonCode;
    // An empty object would cost `generate` the short form of 4 bytes.
    const properties = problemProperties(packet);
    if (properties !== undefined) result.properties = properties;
  }
  // True because the four kinds differ in nothing but `cmd`, which comes from the packet.
  return result as MqttPacket;
}

function problemProperties(packet: ProblemProperties): MqttProblemProperties | undefined {
  const { reasonString, userProperties } = packet;
  if (reasonString === undefined && !userProperties?.length) return undefined;
  const properties: MqttProblemProperties = {};
  if (reasonString !== undefined) properties.reasonString = reasonString;
  if (userProperties?.length) properties.userProperties = userPropertiesOf(userProperties);
  return properties;
}

function connect(
  packet: ConnectPacket,
  version: ProtocolVersion,
  asBuffer: AsBuffer<Uint8Array>,
): MqttConnect {
  const { type, protocolVersion: _version, clientId, cleanStart, keepAlive, will, username, password, ...properties } =
    packet;
  const result: MqttConnect = {
    cmd: type,
    protocolId: "MQTT",
    protocolVersion: version,
    clientId,
    clean: cleanStart,
    keepalive: keepAlive,
  };
  if (will !== undefined) result.will = willOf(will, version, asBuffer);
  if (username !== undefined) result.username = username;
  if (password !== undefined) result.password = asBuffer(password);
  if (version === 5) result.properties = propertiesOf(properties, asBuffer);
  return result;
}

function willOf(will: Will, version: ProtocolVersion, asBuffer: AsBuffer<Uint8Array>): MqttWill {
  const { topic, payload, qos, retain, willDelayInterval, messageExpiryInterval } = will;
  const result: MqttWill = { topic, payload: asBuffer(payload), qos, retain };
  if (version === 5) {
    result.properties = propertiesOf({ ...will.properties, willDelayInterval, messageExpiryInterval }, asBuffer);
  }
  return result;
}

function subscribe(packet: SubscribePacket, version: ProtocolVersion): MqttSubscribe {
  const result: MqttSubscribe = {
    cmd: packet.type,
    messageId: packet.packetId,
    subscriptions: packet.subscriptions.map(({ filter, qos, noLocal, retainAsPublished, retainHandling }) =>
      version === 4
        ? { topic: filter, qos }
        : { topic: filter, qos, nl: noLocal, rap: retainAsPublished, rh: retainHandling }
    ),
  };
  if (version === 5) {
    const { subscriptionIdentifier, userProperties } = packet;
    result.properties = propertiesOf({ subscriptionIdentifier, userProperties }, asItIs);
  }
  return result;
}

/** The properties in the form of `mqtt-packet`, which names them as this library does. */
function propertiesOf<Properties extends object>(source: object, asBuffer: AsBuffer<Uint8Array>): Properties {
  const properties: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    if (name === "userProperties") {
      if (value.length > 0) properties[name] = userPropertiesOf(value);
    } else if (name === "payloadFormatIndicator") {
      properties[name] = value === 1;
    } else {
      properties[name] = value instanceof Uint8Array ? asBuffer(value) : value;
    }
  }
  // True because both sides give a property the same name and, but for those above, the same type.
  return properties as Properties;
}
