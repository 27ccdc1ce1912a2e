import type { MessageProperties } from "./message.ts";
import type { QoS } from "./qos.ts";

/** The Will Message of a CONNECT, with the two properties that say when it is published and how long it lives. */
export interface Will {
  /** The Will Topic. */
  readonly topic: string;
  /** The Will Payload. */
  readonly payload: Uint8Array;
  /** The Will QoS. */
  readonly qos: QoS;
  /** Will Retain: whether it is published retained ([MQTT-3.1.2-14], [MQTT-3.1.2-15]). */
  readonly retain: boolean;
  /** The properties that reach its receivers. */
  readonly properties: MessageProperties;
  /** Will Delay Interval in seconds, 0 to 4 294 967 295. */
  readonly willDelayInterval: number;
  /** Message Expiry Interval in seconds; it starts when the Will is published, not at CONNECT. */
  readonly messageExpiryInterval?: number;
}
