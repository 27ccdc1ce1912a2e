/** The PUBLISH that a copy becomes on this connection, and whether it fits. */
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { PublishPacket } from "../../mqtt/packet.ts";
import { queuedMessageSize } from "../../mqtt/packet_size.ts";
import type { SessionPolicy } from "../policy.ts";
import type { ConnectionState } from "../state/connection.ts";
import { remainingExpiryInterval } from "./expiry.ts";

/** Whether the client could not take it ([MQTT-3.1.2-24]); the limit itself is allowed. */
export function tooLarge(connection: ConnectionState, message: QueuedMessage): boolean {
  if (connection.maximumPacketSize === Infinity) return false;
  return queuedMessageSize(message, connection.version) > connection.maximumPacketSize;
}

/** The packet of a copy; policy P3 says what a resend past its time carries. */
export function publishPacket(
  policy: SessionPolicy,
  connection: ConnectionState,
  message: QueuedMessage,
  packetId: number | undefined,
  dup: boolean,
  now: number,
): PublishPacket {
  const packet = plainPacket(connection, message, packetId, dup, now);
  if (policy.expiryOnResend === "recompute" || packet.messageExpiryInterval !== 0) return packet;
  const { messageExpiryInterval: _passed, ...rest } = packet;
  return rest;
}

/** The PUBLISH of a copy: always with its full topic, so that no resend relies on an alias (RT-12). */
function plainPacket(
  connection: ConnectionState,
  message: QueuedMessage,
  packetId: number | undefined,
  dup: boolean,
  now: number,
): PublishPacket {
  const { topic, payload, qos, retain } = message;
  const identified = packetId === undefined ? {} : { packetId };
  if (connection.version === 4) {
    return { type: "publish", topic, payload, qos, retain, dup, properties: {}, ...identified };
  }
  const identifiers = message.subscriptionIdentifiers;
  return {
    type: "publish",
    topic,
    payload,
    qos,
    retain,
    dup,
    properties: message.properties,
    ...identified,
    ...(message.expiresAt === undefined
      ? {}
      : { messageExpiryInterval: remainingExpiryInterval(message, message.expiresAt, now) }),
    ...(identifiers.length === 0 ? {} : { subscriptionIdentifiers: identifiers }),
  };
}
