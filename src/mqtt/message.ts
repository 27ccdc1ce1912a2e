import type { QoS } from "./qos.ts";

/** A name and a value of an MQTT 5.0 User Property; their order is kept. */
export type UserProperty = readonly [name: string, value: string];

/** The PUBLISH properties that travel with a message to its receivers unchanged, their order included. */
export interface MessageProperties {
  /** 1 when the payload is UTF-8 text. */
  readonly payloadFormatIndicator?: 0 | 1;
  /** A MIME type or any other description of the payload. */
  readonly contentType?: string;
  /** Where an answer goes. */
  readonly responseTopic?: string;
  /** What tells the requester which request an answer belongs to. */
  readonly correlationData?: Uint8Array;
  /** Name and value pairs in the order received. */
  readonly userProperties?: readonly UserProperty[];
}

/** An application message: what is published, apart from any one delivery of it. */
export interface Message {
  /** The full topic name; a Topic Alias is resolved before a message exists. */
  readonly topic: string;
  /** The payload; it may be empty. */
  readonly payload: Uint8Array;
  /** The level at which it was published. */
  readonly qos: QoS;
  /** The RETAIN flag as it was published. */
  readonly retain: boolean;
  /** The properties that reach every receiver. */
  readonly properties: MessageProperties;
  /** The Client Identifier of the publisher, `""` for the broker itself. */
  readonly publisher: string;
  /** When it was accepted, in epoch milliseconds. */
  readonly publishedAt: number;
  /** When it expires, in epoch milliseconds; absent when it never does. */
  readonly expiresAt?: number;
}

/**
 * Where a copy came from that was moved out of another log, and what it was there: enough to put it back.
 */
export interface Claim {
  /** The client under whose name that log is kept. */
  readonly clientId: string;
  /** Which session of it. */
  readonly incarnation: string;
  /** The level of the copy there. */
  readonly qos: QoS;
  /** The RETAIN flag of the copy there. */
  readonly retain: boolean;
}

/** One receiver's copy of a message, at its place in the session's log. */
export interface QueuedMessage extends Message {
  /** Its place in the log: 1 for the first message of an incarnation, then one more for each. */
  readonly sequence: number;
  /** The level of this copy: the lower of the published and the granted one. */
  readonly qos: QoS;
  /** The RETAIN flag of this copy, fixed when the copy was made ([MQTT-3.3.1-12]). */
  readonly retain: boolean;
  /** The Subscription Identifiers of this copy, fixed when the copy was made. */
  readonly subscriptionIdentifiers: readonly number[];
  /** The log that it was claimed from; absent when it was published to this one. */
  readonly claimed?: Claim;
}

/**
 * The bytes that a message counts for against a queue's byte limit: payload, topic and properties, without what
 * a store adds for its own sake.
 */
export function messageBytes(message: Pick<Message, "topic" | "payload" | "properties">): number {
  const properties = message.properties;
  let bytes = message.payload.length + message.topic.length;
  bytes += properties.contentType?.length ?? 0;
  bytes += properties.responseTopic?.length ?? 0;
  bytes += properties.correlationData?.length ?? 0;
  for (const [name, value] of properties.userProperties ?? []) bytes += name.length + value.length;
  return bytes;
}

/** Whether a message whose delivery has not started is past its time at `now`, in epoch milliseconds ([MQTT-3.3.2-5]). */
export function hasExpired({ expiresAt }: { readonly expiresAt?: number | undefined }, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
