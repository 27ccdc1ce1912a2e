/** The bytes of messages, Wills, subscriptions and receivers. */
import type { Claim, Message, MessageProperties, UserProperty } from "../../mqtt/message.ts";
import type { QoS } from "../../mqtt/qos.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { Will } from "../../mqtt/will.ts";
import { type ByteReader, ByteWriter } from "../encoding.ts";
import type { DeliveryReceiver } from "../session_store.ts";

const QOS_LEVELS = [0, 1, 2] as const satisfies readonly QoS[];

/** What all copies of a message have in common. */
export type MessageBody = Omit<Message, "qos" | "retain">;

/** Writes what all copies of a message have in common. */
export function writeBody(writer: ByteWriter, message: MessageBody): void {
  writer.flags(message.expiresAt !== undefined);
  if (message.expiresAt !== undefined) writer.number(message.expiresAt);
  writer.number(message.publishedAt).text(message.publisher).text(message.topic);
  writeProperties(writer, message.properties);
  writer.bytes(message.payload);
}

/** Reads what all copies of a message have in common. */
export function readBody(reader: ByteReader): MessageBody {
  const [expires] = reader.flags(1);
  const expiresAt = expires ? reader.number() : undefined;
  const publishedAt = reader.number();
  const publisher = reader.text();
  const topic = reader.text();
  const properties = readProperties(reader);
  const payload = reader.bytes();
  return {
    topic,
    payload,
    properties,
    publisher,
    publishedAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** Writes a level and a RETAIN flag in one byte. */
export function writeCopyFlags(writer: ByteWriter, copy: { readonly qos: QoS; readonly retain: boolean }): void {
  writer.byte(copy.qos + (copy.retain ? 4 : 0));
}

/** Reads a level and a RETAIN flag. */
export function readCopyFlags(reader: ByteReader): { readonly qos: QoS; readonly retain: boolean } {
  const flags = reader.byte();
  const qos = QOS_LEVELS[flags % 4];
  if (qos === undefined || flags >= 8) return reader.refuse("a level is unknown");
  return { qos, retain: flags >= 4 };
}

/** Writes where a copy was claimed. */
export function writeClaim(writer: ByteWriter, claim: Claim): void {
  writeCopyFlags(writer, claim);
  writer.text(claim.clientId).text(claim.incarnation);
}

/** Reads where a copy was claimed. */
export function readClaim(reader: ByteReader): Claim {
  const flags = readCopyFlags(reader);
  return { clientId: reader.text(), incarnation: reader.text(), ...flags };
}

/** Writes a whole message. */
export function writeMessage(writer: ByteWriter, message: Message): void {
  writeCopyFlags(writer, message);
  writeBody(writer, message);
}

/** Reads a whole message. */
export function readMessage(reader: ByteReader): Message {
  const flags = readCopyFlags(reader);
  return { ...readBody(reader), ...flags };
}

/** The bytes of a whole message: the same for the same message. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter();
  writeMessage(writer, message);
  return writer.finish();
}

/** Writes a Will. */
export function writeWill(writer: ByteWriter, will: Will): void {
  writeCopyFlags(writer, will);
  writer.flags(will.messageExpiryInterval !== undefined);
  if (will.messageExpiryInterval !== undefined) writer.number(will.messageExpiryInterval);
  writer.number(will.willDelayInterval).text(will.topic);
  writeProperties(writer, will.properties);
  writer.bytes(will.payload);
}

/** Reads a Will. */
export function readWill(reader: ByteReader): Will {
  const flags = readCopyFlags(reader);
  const [expires] = reader.flags(1);
  const messageExpiryInterval = expires ? reader.number() : undefined;
  const willDelayInterval = reader.number();
  const topic = reader.text();
  const properties = readProperties(reader);
  const payload = reader.bytes();
  return {
    topic,
    payload,
    ...flags,
    properties,
    willDelayInterval,
    ...(messageExpiryInterval === undefined ? {} : { messageExpiryInterval }),
  };
}

/** Writes the options of a subscription. */
export function writeSubscription(writer: ByteWriter, subscription: Subscription): void {
  const { qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier, retainedAfter } = subscription;
  writer.byte(qos + retainHandling * 4);
  writer.flags(noLocal, retainAsPublished, subscriptionIdentifier !== undefined, retainedAfter !== undefined);
  if (subscriptionIdentifier !== undefined) writer.number(subscriptionIdentifier);
  if (retainedAfter !== undefined) writer.text(retainedAfter);
}

/** Reads the options of a subscription. */
export function readSubscription(reader: ByteReader): Subscription {
  const levels = reader.byte();
  const qos = QOS_LEVELS[levels % 4];
  const retainHandling = QOS_LEVELS[Math.floor(levels / 4)];
  if (qos === undefined || retainHandling === undefined) return reader.refuse("a level is unknown");
  const [noLocal = false, retainAsPublished = false, identified, owed] = reader.flags(4);
  const subscriptionIdentifier = identified ? reader.number() : undefined;
  const retainedAfter = owed ? reader.text() : undefined;
  return {
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
    ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }),
    ...(retainedAfter === undefined ? {} : { retainedAfter }),
  };
}

/** Writes receivers, in order. */
export function writeReceivers(writer: ByteWriter, receivers: readonly DeliveryReceiver[]): void {
  writer.number(receivers.length);
  for (const receiver of receivers) {
    writeCopyFlags(writer, receiver);
    writer.flags(receiver.onlyIfOwned !== undefined, receiver.onlyIfOwned === true);
    writer.text(receiver.clientId).text(receiver.incarnation);
    writeNumbers(writer, receiver.subscriptionIdentifiers);
  }
}

/** Reads receivers. */
export function readReceivers(reader: ByteReader): DeliveryReceiver[] {
  return readMany(reader, () => {
    const flags = readCopyFlags(reader);
    const [limited, onlyIfOwned = false] = reader.flags(2);
    return {
      clientId: reader.text(),
      incarnation: reader.text(),
      ...flags,
      subscriptionIdentifiers: readNumbers(reader),
      ...(limited ? { onlyIfOwned } : {}),
    };
  });
}

/** Writes a list of numbers. */
export function writeNumbers(writer: ByteWriter, numbers: readonly number[]): void {
  writer.number(numbers.length);
  for (const number of numbers) writer.number(number);
}

/** Reads a list of numbers. */
export function readNumbers(reader: ByteReader): number[] {
  return readMany(reader, () => reader.number());
}

/** Reads a counted list; a count that the bytes cannot hold ends as truncated. */
export function readMany<Value>(reader: ByteReader, read: () => Value): Value[] {
  const values: Value[] = [];
  for (let left = reader.number(); left > 0; left--) values.push(read());
  return values;
}

function writeProperties(writer: ByteWriter, properties: MessageProperties): void {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties;
  writer.flags(
    payloadFormatIndicator !== undefined,
    payloadFormatIndicator === 1,
    contentType !== undefined,
    responseTopic !== undefined,
    correlationData !== undefined,
    userProperties !== undefined,
  );
  if (contentType !== undefined) writer.text(contentType);
  if (responseTopic !== undefined) writer.text(responseTopic);
  if (correlationData !== undefined) writer.bytes(correlationData);
  if (userProperties === undefined) return;
  writer.number(userProperties.length);
  for (const [name, value] of userProperties) writer.text(name).text(value);
}

function readProperties(reader: ByteReader): MessageProperties {
  const [hasFormat, isText, hasType, hasResponse, hasCorrelation, hasUser] = reader.flags(6);
  const contentType = hasType ? reader.text() : undefined;
  const responseTopic = hasResponse ? reader.text() : undefined;
  const correlationData = hasCorrelation ? reader.bytes() : undefined;
  const userProperties = hasUser
    ? readMany<UserProperty>(reader, () => [reader.text(), reader.text()] as const)
    : undefined;
  return {
    ...(hasFormat ? { payloadFormatIndicator: isText ? 1 : 0 } : {}),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(userProperties === undefined ? {} : { userProperties }),
  };
}
