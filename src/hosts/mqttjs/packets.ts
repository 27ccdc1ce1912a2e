/**
 * From the packets of MQTT.js to what is stored, and back.
 *
 * @module
 */
import type { Message, QueuedMessage } from "../../mqtt/message.ts";
import type { ProtocolVersion } from "../../mqtt/packet.ts";
import type { QoS } from "../../mqtt/qos.ts";
import { publishFrom } from "../mqtt_packet/publish_from.ts";
import { publishTo } from "../mqtt_packet/publish_to.ts";
import type { MqttPublish } from "../mqtt_packet/packets.ts";
import type { ParsedMqttPacket } from "../mqtt_packet/parsed_packet.ts";
import type { MqttJsPacket } from "./client.ts";

/** A PUBLISH in the form of a log. */
export interface StoredForm {
  readonly message: Message;
  readonly qos: QoS;
  readonly subscriptionIdentifiers: readonly number[];
}

/** A PUBLISH of MQTT.js in the form of a log, or the name of the field that makes it impossible. */
export function storedForm(packet: MqttJsPacket, publisher: string, now: number): StoredForm | string {
  const result = publishFrom(packet as ParsedMqttPacket);
  if (!result.ok) return result.field;
  const publish = result.packet;
  const { topic, payload, qos, retain, properties, messageExpiryInterval } = publish;
  const message: Message = {
    topic,
    payload,
    qos,
    retain,
    properties,
    publisher,
    publishedAt: now,
    ...(messageExpiryInterval === undefined ? {} : { expiresAt: now + messageExpiryInterval * 1_000 }),
  };
  return { message, qos, subscriptionIdentifiers: publish.subscriptionIdentifiers ?? [] };
}

/** What a stored message needs to become a packet again. */
export interface PacketForm {
  readonly messageId: number;
  readonly version: ProtocolVersion;
  readonly asBuffer: (bytes: Uint8Array) => Uint8Array;
  readonly now: number;
}

/** The PUBLISH that a stored message was, its Message Expiry Interval less the time waited ([MQTT-3.3.2-6]). */
export function storedPacket(queued: QueuedMessage, { messageId, version, asBuffer, now }: PacketForm): MqttJsPacket {
  const { topic, payload, qos, retain, properties, subscriptionIdentifiers, expiresAt } = queued;
  return publishTo(
    {
      type: "publish",
      topic,
      payload,
      qos,
      retain,
      dup: false,
      packetId: messageId,
      properties,
      ...(subscriptionIdentifiers.length === 0 ? {} : { subscriptionIdentifiers }),
      ...(expiresAt === undefined ? {} : { messageExpiryInterval: remainingSeconds(expiresAt, now) }),
    },
    version,
    asBuffer,
  );
}

/** The packet as it is sent again: DUP where it may have been sent before, and the interval that is left. */
export function resentPacket(
  packet: MqttJsPacket,
  dup: boolean,
  expiresAt: number | undefined,
  now: number,
): MqttJsPacket {
  // Only PUBLISH packets come here, and properties of MQTT.js are an object or absent.
  const { properties, ...publish } = packet as MqttPublish;
  const left = expiresAt === undefined ? {} : { messageExpiryInterval: remainingSeconds(expiresAt, now) };
  return {
    ...publish,
    ...(dup ? { dup } : {}),
    ...(properties === undefined ? {} : { properties: { ...properties, ...left } }),
  };
}

/** Whether two received PUBLISH packets hold the same message. */
export function isSameMessage(one: MqttJsPacket, other: MqttJsPacket): boolean {
  const [a, b]: readonly ParsedMqttPacket[] = [one as ParsedMqttPacket, other as ParsedMqttPacket];
  if (a === undefined || b === undefined || a.topic !== b.topic || a.retain !== b.retain) return false;
  if (!(a.payload instanceof Uint8Array) || !(b.payload instanceof Uint8Array)) return a.payload === b.payload;
  const { payload } = b;
  return a.payload.length === payload.length && a.payload.every((byte, index) => byte === payload[index]);
}

/** About how many bytes a packet keeps in memory. */
export function packetBytes(packet: MqttJsPacket): number {
  const { payload } = packet as ParsedMqttPacket;
  const hasLength = typeof payload === "string" || payload instanceof Uint8Array;
  return (hasLength ? payload.length : 0) + PACKET_BYTES;
}

/** What a packet takes beside its payload. */
const PACKET_BYTES = 256;

function remainingSeconds(expiresAt: number, now: number): number {
  return Math.max(0, Math.ceil((expiresAt - now) / 1_000));
}
