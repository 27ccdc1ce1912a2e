import type { SessionError } from "../../errors.ts";

/** Stored state was thrown away, since the server has none that belongs to it. */
export interface StateDiscarded {
  /** Tells this event from the others. */
  readonly type: "discarded";
  /** Messages of this client that may have been sent, and were not acknowledged. */
  readonly outgoing: number;
  /** QoS 2 messages to this client that were received, and not released. */
  readonly incoming: number;
}
/** A message of this client is sent no more. */
export interface PublishDropped {
  /** Tells this event from the others. */
  readonly type: "dropped";
  /** Its Message Expiry Interval had passed before it was sent, its row could not be read, or it was not stored. */
  readonly reason: "expired" | "unreadable" | "notStored";
  /** Its Packet Identifier. */
  readonly messageId: number;
}
/**
 * The store does not answer: told when it is asked again for the first time, and whenever it has been asked for as long as
 * `repeatForMs`. What waits for it waits on, and nothing of it is acknowledged.
 */
export interface StoreFailed {
  /** Tells this event from the others. */
  readonly type: "storeFailed";
  /** What happened. */
  readonly error: SessionError;
}
/**
 * The connection was cut: something could not be stored or read that had to be, which the server will send again, or the
 * server goes on with a session that it was asked to forget.
 */
export interface ConnectionCut {
  /** Tells this event from the others. */
  readonly type: "cut";
  /** Why. */
  readonly error: Error;
}
/** Another page or process has the session now, or the store has it no more: the client was ended. */
export interface SessionLost {
  /** Tells this event from the others. */
  readonly type: "lost";
  /** Why. */
  readonly error: SessionError;
}

/** What a session of MQTT.js tells its observer. Never a payload, never a credential. */
export type MqttJsEvent = StateDiscarded | PublishDropped | StoreFailed | ConnectionCut | SessionLost;
