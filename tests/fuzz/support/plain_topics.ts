/**
 * Topics and filters by the letter of the standard, character by character: slow, plain, and importing nothing.
 *
 * What `src` finds in some cleverer way is compared with this.
 */

/** A Topic Filter, and the ShareName in front of it. */
export interface Filter {
  readonly group: string | undefined;
  readonly filter: string;
}

/** [MQTT-1.5.4-1], [MQTT-1.5.4-2], and two bytes for the length. */
function isString(text: string): boolean {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point === 0 || (point >= 0xd800 && point <= 0xdfff)) return false;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
  }
  return bytes <= 65_535;
}

/** Whether a text is a Topic Name. */
export function isTopic(text: string): boolean {
  if (text.length === 0 || !isString(text)) return false;
  for (const character of text) if (character === "+" || character === "#") return false;
  return true;
}

/** Whether a text is a Topic Filter, of a shared one the part after its ShareName. */
export function isFilter(text: string): boolean {
  if (text.length === 0) return false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "+" && text[at] !== "#") continue;
    if (at > 0 && text[at - 1] !== "/") return false;
    if (text[at] === "#" && at !== text.length - 1) return false;
    if (text[at] === "+" && at !== text.length - 1 && text[at + 1] !== "/") return false;
  }
  return true;
}

/** Takes a Topic Filter apart; `undefined` for what is none. */
export function readFilter(text: string): Filter | undefined {
  if (!isString(text)) return undefined;
  if (text.slice(0, 7) !== "$share/") return isFilter(text) ? { group: undefined, filter: text } : undefined;
  let end = 7;
  while (end < text.length && text[end] !== "/") {
    if (text[end] === "+" || text[end] === "#") return undefined;
    end++;
  }
  if (end === 7 || end === text.length) return undefined;
  const filter = text.slice(end + 1);
  return isFilter(filter) ? { group: text.slice(7, end), filter } : undefined;
}

/** Whether a filter matches a topic. */
export function plainMatch(filter: string, topic: string): boolean {
  if (topic[0] === "$" && (filter[0] === "+" || filter[0] === "#")) return false;
  return matchFrom(filter, 0, topic, 0);
}

/** Whether the rest of a filter matches the rest of a topic; each begins with a level, or is past its end. */
function matchFrom(filter: string, at: number, topic: string, from: number): boolean {
  const isOver = from > topic.length;
  if (at > filter.length) return isOver;
  // `#` also stands for its parent, of which nothing is left.
  if (filter[at] === "#") return true;
  if (isOver) return false;
  let end = at;
  while (end < filter.length && filter[end] !== "/") end++;
  let until = from;
  while (until < topic.length && topic[until] !== "/") until++;
  const level = filter.slice(at, end);
  if (level !== "+" && level !== topic.slice(from, until)) return false;
  return matchFrom(filter, end + 1, topic, until + 1);
}
