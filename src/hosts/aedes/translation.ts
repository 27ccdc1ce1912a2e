/**
 * Between packets and subscriptions of aedes and those of a session.
 *
 * @module
 */
import type { Message, MessageProperties, UserProperty } from "../../mqtt/message.ts";
import type { QoS } from "../../mqtt/qos.ts";
import type { RetainHandling, Subscription } from "../../mqtt/subscription.ts";
import { isTopicName } from "../../mqtt/topic.ts";
import type { Will } from "../../mqtt/will.ts";
import type { AedesPacket, AedesProperties, AedesRoutedSubscription, AedesSubscription } from "./packets.ts";

/** Makes the kind of bytes that aedes and its users expect, over the same memory. */
export type AsBuffer = (bytes: Uint8Array) => Uint8Array;

/** Members of a packet that a message does not have, and that are kept all the same. */
type Extras = Record<string, string | number | boolean>;

/** In front of what aedes tells a message by, where other messages have the Client Identifier of their publisher. */
const MARK = "aedes:";
/** The extra that says that a payload was a text. */
const TEXT = "text";
/** What a message has for itself; all else that is no object is an extra. */
const OWN = ["cmd", "topic", "payload", "qos", "retain", "messageId", "properties", "messageExpiry"];
/** What a queued packet carries beside its message: as much as a packet of aedes copies. */
const OF_QUEUED = ["clientId", "nl", "brokerId", "brokerCounter"];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A message with what aedes knows it by. It tells its persistence no publisher, so that stands in the publisher's place. */
export function messageOf(packet: AedesPacket, kind: "queued" | "retained", now: number, lastsMs: number): Message {
  const { topic = "", payload = "", qos, retain = false, properties = {} } = packet;
  if (!isTopicName(topic)) throw new TypeError("Cannot store a packet: its topic is none");
  const extras: Extras = {};
  for (const [name, value] of Object.entries(packet)) {
    if (kind === "retained" ? OWN.includes(name) : !OF_QUEUED.includes(name)) continue;
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") extras[name] = value;
  }
  if (typeof payload === "string") extras[TEXT] = true;
  const { messageExpiryInterval } = properties;
  const interval = messageExpiryInterval === undefined ? Infinity : messageExpiryInterval * 1_000;
  const expiresAt = now + Math.min(interval, kind === "queued" ? lastsMs : Infinity);
  return {
    topic,
    payload: typeof payload === "string" ? encoder.encode(payload) : plainBytes(payload),
    qos: levelOf(qos),
    retain,
    properties: propertiesOf(properties),
    publisher: MARK + JSON.stringify(extras),
    publishedAt: now,
    ...(expiresAt === Infinity ? {} : { expiresAt }),
  };
}

/** What aedes tells a message by. */
export function keyOf({ brokerId, brokerCounter }: AedesPacket): string {
  return JSON.stringify([brokerId ?? "", brokerCounter ?? 0]);
}

/** What aedes tells a stored message by; of one that came another way, nothing that any packet has. */
export function storedKey(message: Pick<Message, "publisher">): string {
  return message.publisher.startsWith(MARK) ? keyOf(extrasOf(message)) : "";
}

/** A queued message as a packet of aedes, with the members in its order. */
export function queuedPacket(message: Message, messageId: number | undefined, as: AsBuffer): AedesPacket {
  const { [TEXT]: _text, brokerId, brokerCounter, ...extras } = extrasOf(message) as AedesPacket & { text?: boolean };
  const properties = aedesProperties(message);
  return {
    ...extras,
    ...(properties === undefined ? {} : { properties }),
    cmd: "publish",
    ...(brokerId === undefined ? {} : { brokerId }),
    brokerCounter: brokerCounter ?? 0,
    topic: message.topic,
    payload: payloadOf(message, as),
    qos: message.qos,
    retain: message.retain,
    dup: false,
    messageId,
  };
}

/** A retained message as the packet that it was. */
export function retainedPacket(message: Message, as: AsBuffer): AedesPacket {
  const { [TEXT]: _text, ...extras } = extrasOf(message);
  const properties = aedesProperties(message);
  return {
    ...extras,
    ...(properties === undefined ? {} : { properties }),
    cmd: "publish",
    topic: message.topic,
    payload: payloadOf(message, as),
    qos: message.qos,
    retain: true,
  };
}

/** The Will of a session. */
export function willOf({ topic = "", payload = "", qos, retain = false, properties = {} }: AedesPacket): Will {
  if (!isTopicName(topic)) throw new TypeError("Cannot store a Will: its topic is none");
  const { messageExpiryInterval } = properties;
  return {
    topic,
    payload: typeof payload === "string" ? encoder.encode(payload) : plainBytes(payload),
    qos: levelOf(qos),
    retain,
    properties: propertiesOf(properties),
    willDelayInterval: 0,
    ...(messageExpiryInterval === undefined ? {} : { messageExpiryInterval }),
  };
}

/** A Will as a packet of aedes. */
export function willPacket(will: Will, names: { clientId: string; brokerId: string }, as: AsBuffer): AedesPacket {
  const properties = aedesProperties(will);
  return {
    topic: will.topic,
    payload: as(will.payload),
    qos: will.qos,
    retain: will.retain,
    ...(properties === undefined ? {} : { properties }),
    ...names,
  };
}

/** The options of a subscription. */
export function subscriptionOf(sub: AedesSubscription): Subscription {
  const { qos, rh = 0, rap = false, nl = false, subscriptionIdentifier } = sub;
  return {
    qos: levelOf(qos),
    noLocal: nl,
    retainAsPublished: rap,
    retainHandling: levelOf(rh) satisfies RetainHandling,
    ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }),
  };
}

/** A subscription as aedes has it. */
export function aedesSubscription(filter: string, subscription: Subscription): AedesSubscription {
  const { qos, retainHandling, retainAsPublished, noLocal, subscriptionIdentifier } = subscription;
  return {
    topic: filter,
    qos,
    rh: retainHandling,
    rap: retainAsPublished,
    nl: noLocal,
    ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }),
  };
}

/** A subscription that a topic matched. */
export function routedSubscription(clientId: string, filter: string, of: Subscription): AedesRoutedSubscription {
  const { subscriptionIdentifier: _, ...rest } = aedesSubscription(filter, of);
  return { clientId, ...rest };
}

/** In the order of aedes: level by level `#` before `+` before any other, then by client. */
export function byFilter(a: AedesRoutedSubscription, b: AedesRoutedSubscription): number {
  const [left, right] = [a.topic.split("/"), b.topic.split("/")];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = rankOf(left[index]) - rankOf(right[index]);
    if (difference !== 0) return difference;
  }
  return a.clientId < b.clientId ? -1 : Number(a.clientId > b.clientId);
}

/** `#` also matches where the other has no level left. */
function rankOf(level: string | undefined): number {
  return level === "#" ? 0 : level === "+" ? 1 : level === undefined ? 3 : 2;
}

/** Whole numbers from 0 to 2 alone: what aedes grants, and how it handles what is retained. */
export function levelOf(value: number | undefined): QoS {
  if (value === undefined || value === 0) return 0;
  if (value === 1 || value === 2) return value;
  throw new RangeError(`Cannot store a packet: a level is ${value}`);
}

function extrasOf({ publisher }: Pick<Message, "publisher">): Extras {
  // What is behind the mark was written by `messageOf`.
  return publisher.startsWith(MARK) ? JSON.parse(publisher.slice(MARK.length)) as Extras : {};
}

function payloadOf(message: Message, as: AsBuffer): Uint8Array | string {
  return extrasOf(message)[TEXT] === true ? decoder.decode(message.payload) : as(message.payload);
}

/** Bytes without the class of the host: a copy of a Buffer by its own `slice` would be none. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function propertiesOf(properties: AedesProperties): MessageProperties {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties;
  return {
    ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator: payloadFormatIndicator ? 1 : 0 }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData: plainBytes(correlationData) }),
    ...(userProperties === undefined ? {} : { userProperties: pairsOf(userProperties) }),
  };
}

function pairsOf(properties: NonNullable<AedesProperties["userProperties"]>): readonly UserProperty[] {
  return Object.entries(properties).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((each): UserProperty => [name, each])
  );
}

/** The properties of a message in the names of `mqtt-packet`; absent when there are none. */
function aedesProperties({ properties }: { readonly properties: MessageProperties }): AedesProperties | undefined {
  const { payloadFormatIndicator, userProperties, ...rest } = properties;
  const named: Record<string, string[]> = {};
  for (const [name, value] of userProperties ?? []) (named[name] ??= []).push(value);
  const all: AedesProperties = {
    ...rest,
    ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator: payloadFormatIndicator === 1 }),
    ...(userProperties === undefined ? {} : { userProperties: named }),
  };
  return Object.keys(all).length === 0 ? undefined : all;
}
