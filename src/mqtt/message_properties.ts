import type { MessageProperties, UserProperty } from "./message.ts";
import { isTopicName } from "./topic.ts";
import { isUtf8EncodedString, MAX_STRING_BYTES } from "./utf8.ts";

/**
 * The first property that no packet can carry, by its name; `undefined` when all can be sent.
 *
 * Texts are well-formed UTF-8 of at most 65 535 bytes without U+0000, binary data is as long at most ([MQTT-1.5.4-1],
 * section 1.5.6), and a Response Topic is a Topic Name ([MQTT-3.3.2-14]). What came in a packet is so already; this is
 * for messages that a host makes itself, for a codec may cut what is longer without a word.
 */
export function unsendableProperty(properties: MessageProperties): keyof MessageProperties | undefined {
  const { contentType, responseTopic, correlationData, userProperties = [] } = properties;
  if (contentType !== undefined && !isUtf8EncodedString(contentType)) return "contentType";
  if (responseTopic !== undefined && !isTopicName(responseTopic)) return "responseTopic";
  if (correlationData !== undefined && correlationData.length > MAX_STRING_BYTES) return "correlationData";
  const isSendable = ([name, value]: UserProperty) => isUtf8EncodedString(name) && isUtf8EncodedString(value);
  return userProperties.every(isSendable) ? undefined : "userProperties";
}
