import type { MqttJsPacket } from "./client.ts";

/** A PUBLISH that is not acknowledged, or the PUBREL that took its place. */
export interface OutgoingEntry {
  readonly messageId: number;
  /** Its place in the log, known once it is on its way there. */
  sequence: number;
  bytes: number;
  expiresAt: number | undefined;
  /** PUBREC has come: PUBREL is what is sent. */
  released: boolean;
  /** It is durable. */
  stored: boolean;
  /** It is acknowledged, or given up, and goes as soon as the store can be told. */
  removed: boolean;
  /** Whether the server may have it already. */
  maybeSent: boolean;
  /** The connection on which it was sent last; 0 none of this process. */
  sentOn: number;
  packet: MqttJsPacket | undefined;
}

/** A QoS 2 message that was received, and is not handled by the application yet. */
export interface IncomingEntry {
  readonly messageId: number;
  /** Its place in the log, known once it is on its way there. */
  sequence: number;
  bytes: number;
  /** It is durable. */
  stored: boolean;
  /** It was handled, or given up, and goes as soon as the store can be told. */
  removed: boolean;
  /** Pending while the application handles it. */
  handling: Promise<void> | undefined;
  packet: MqttJsPacket | undefined;
}
