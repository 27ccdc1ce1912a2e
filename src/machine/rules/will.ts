import type { Message } from "../../mqtt/message.ts";
import type { Will } from "../../mqtt/will.ts";

/**
 * The message that a Will becomes when it is published at `now`.
 *
 * Its Message Expiry Interval starts now, not at CONNECT (WL-18), and its User Properties keep their order
 * ([MQTT-3.1.3-10]).
 */
export function willMessage(will: Will, clientId: string, now: number): Message {
  return {
    topic: will.topic,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    properties: will.properties,
    publisher: clientId,
    publishedAt: now,
    ...(will.messageExpiryInterval === undefined ? {} : { expiresAt: now + will.messageExpiryInterval * 1_000 }),
  };
}
