/**
 * Packets of npm `mqtt-packet` 9 to this library's form and back. Nothing of `mqtt-packet` is imported here: the
 * caller parses and generates, this module translates.
 *
 * What the caller has to know of `mqtt-packet`:
 *
 * - `generate` throws on a plain Uint8Array, so {@linkcode toMqttPacket} takes a function that makes a Buffer of it.
 * - Its parser hands out views of the chunks it is fed; {@linkcode fromMqttPacket} copies all bytes it keeps.
 * - What it cannot parse it emits as an error, without a reason code: see {@linkcode reasonCodeOfParserError}. Feed it
 *   no more after that: it would take the next byte for the start of a packet.
 * - It refuses wrong fixed header flags, a QoS of 3 in PUBLISH and SUBSCRIBE, reserved bits of CONNECT and SUBSCRIBE,
 *   reason codes of the wrong packet, and an AUTH in its shortest form.
 * - It lets through, and so does this module, for the machine to judge: Packet Identifier 0, a Receive Maximum,
 *   Maximum Packet Size, Topic Alias or Subscription Identifier of 0, SUBSCRIBE and UNSUBSCRIBE without a filter,
 *   wildcards and U+0000 in a Topic Name, a password without a user name, and codes that the sender may not use.
 * - It lets through, and this module refuses: a repeated property (0x82); a property of another packet, a Will QoS
 *   of 3, a packet that ends before its Packet Identifier, MQIsdp as the name of 3.1.1 or 5.0.
 * - It loses, so nobody after it can tell: the order of User Properties of different names (the order within one name
 *   is kept), a User Property of an empty value before another of the same name, a property of value 0 before its
 *   repetition, bytes that are not UTF-8, that a property ran over the end of its block, and the difference between 1
 *   and any higher value of a flag.
 *
 * What `generate` cannot write: a text or binary value of more than 65 535 bytes (it writes a packet that is cut off,
 * and says nothing), CONNECT without a Client Identifier that resumes or with a password but no user name, SUBSCRIBE
 * and UNSUBSCRIBE without a filter, SUBACK and a 5.0 UNSUBACK without a code (it throws).
 *
 * @example A QoS 1 PUBLISH from bytes, and its acknowledgement to bytes
 * ```ts
 * import { Buffer } from "node:buffer";
 * import { fromMqttPacket, reasonCodeOfParserError, toMqttPacket } from "@edge-mqtt/session/mqtt-packet";
 * import { generate, parser } from "mqtt-packet";
 *
 * const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
 * const sent: Uint8Array[] = [];
 *
 * const incoming = parser({ protocolVersion: 5 });
 * incoming.on("error", (error) => console.error("close with", reasonCodeOfParserError(error)));
 * incoming.on("packet", (parsed) => {
 *   const result = fromMqttPacket(parsed);
 *   if (!result.ok) return console.error("close with", result.reasonCode, "because of", result.field);
 *   if (result.packet.type !== "publish" || result.packet.packetId === undefined) return;
 *   const puback = { type: "puback", packetId: result.packet.packetId, reasonCode: 0 } as const;
 *   sent.push(generate(toMqttPacket(puback, 5, asBuffer), { protocolVersion: 5 }));
 * });
 *
 * incoming.parse(Buffer.from([0x32, 7, 0, 1, 0x61, 0, 9, 0, 0x21])); // "!" to topic "a", Packet Identifier 9
 * console.assert(sent[0]?.join() === "64,2,0,9");
 * ```
 *
 * @module
 */
export { fromMqttPacket, reasonCodeOfParserError } from "./mqtt_packet/from.ts";
export type { RefusedPacket, TakenPacket } from "./mqtt_packet/from.ts";
export { toMqttPacket } from "./mqtt_packet/to.ts";
export type { AsBuffer } from "./mqtt_packet/to.ts";
export type {
  MqttAuthProperties,
  MqttConnackProperties,
  MqttConnectProperties,
  MqttMessageProperties,
  MqttProblemProperties,
  MqttUserProperties,
} from "./mqtt_packet/packet_properties.ts";
export type {
  MqttAuth,
  MqttConnack,
  MqttConnect,
  MqttDisconnect,
  MqttGranted,
  MqttPacket,
  MqttPublish,
  MqttResponse,
  MqttSubscribe,
  MqttUnsubscribe,
  MqttWill,
} from "./mqtt_packet/packets.ts";
export type { ParsedMqttPacket } from "./mqtt_packet/parsed_packet.ts";
export type { MessageProperties, UserProperty } from "../mqtt/message.ts";
export type {
  AuthPacket,
  ClientPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  PingreqPacket,
  PingrespPacket,
  ProblemProperties,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PublishResponse,
  PubrecPacket,
  PubrelPacket,
  ServerPacket,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "../mqtt/packet.ts";
export type { QoS } from "../mqtt/qos.ts";
export type { RetainHandling } from "../mqtt/subscription.ts";
export type { Will } from "../mqtt/will.ts";
