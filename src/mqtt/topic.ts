import { isUtf8EncodedString } from "./utf8.ts";

/**
 * Whether a text is a Topic Name: at least one character ([MQTT-4.7.3-1]), no wildcard ([MQTT-3.3.2-2]), no U+0000
 * ([MQTT-4.7.3-2]), well-formed Unicode, and at most 65 535 bytes of UTF-8 ([MQTT-4.7.3-3]).
 *
 * Empty levels, spaces and a leading `$` are all allowed, and no two different texts are the same topic
 * ([MQTT-4.7.3-4]).
 */
export function isTopicName(topic: string): boolean {
  return topic !== "" && !topic.includes("+") && !topic.includes("#") && isUtf8EncodedString(topic);
}

/** Whether a topic or filter has more levels than so many, without taking it apart. */
export function hasMoreLevels(text: string, most: number): boolean {
  if (text.length < most) return false;
  let levels = 1;
  for (let slash = text.indexOf("/"); slash !== -1; slash = text.indexOf("/", slash + 1)) {
    levels += 1;
    if (levels > most) return true;
  }
  return levels > most;
}
