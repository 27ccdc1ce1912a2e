import type { Message } from "./message.ts";

/** Whether two messages are one and the same publication: no byte and no time differs. */
export function isSameMessage(one: Message, other: Message): boolean {
  const { contentType, responseTopic, payloadFormatIndicator, correlationData, userProperties } = one.properties;
  const others = other.properties;
  return one.publishedAt === other.publishedAt && one.publisher === other.publisher && one.topic === other.topic &&
    one.qos === other.qos && one.retain === other.retain && one.expiresAt === other.expiresAt &&
    contentType === others.contentType && responseTopic === others.responseTopic &&
    payloadFormatIndicator === others.payloadFormatIndicator &&
    isSameBytes(correlationData, others.correlationData) &&
    // Pairs of texts, which are the same where their JSON is.
    JSON.stringify(userProperties) === JSON.stringify(others.userProperties) &&
    isSameBytes(one.payload, other.payload);
}

/** Whether both are the same bytes, or both are absent. */
export function isSameBytes(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
