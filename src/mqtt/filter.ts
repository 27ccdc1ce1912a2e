/**
 * Topic Filters: which texts are one, what a shared one is made of, and which topics one matches.
 *
 * @module
 */
import { isUtf8EncodedString } from "./utf8.ts";

const SHARE_PREFIX = "$share/";

/** What plain and shared filters have in common. */
export interface FilterParts {
  /** What topics are matched against: of a shared filter, the part after the ShareName. */
  readonly filter: string;
  /** `filter`, split at each `/`; empty levels are levels. */
  readonly levels: readonly string[];
  /** Whether `filter` has a `+` or a `#`. */
  readonly hasWildcard: boolean;
}

/** The Topic Filter of an ordinary subscription. */
export interface PlainFilter extends FilterParts {
  /** Tells it from a shared one. */
  readonly kind: "plain";
}

/** The Topic Filter of a Shared Subscription, `$share/{ShareName}/{filter}`. */
export interface SharedFilter extends FilterParts {
  /** Tells it from a plain one. */
  readonly kind: "shared";
  /** The ShareName. Two shared filters are one subscription group if ShareName and `filter` are the same. */
  readonly group: string;
}

/** A valid Topic Filter, taken apart. */
export type TopicFilter = PlainFilter | SharedFilter;

/**
 * Takes a Topic Filter apart; `undefined` when the text is not one.
 *
 * A filter has 1 to 65 535 bytes of well-formed UTF-8 without U+0000 ([MQTT-4.7.3-1] to [MQTT-4.7.3-3]). `+` fills a
 * whole level ([MQTT-4.7.1-2]); `#` fills the last one ([MQTT-4.7.1-1]). What begins with `$share/` must go on
 * with a ShareName of at least one character, without wildcards, a `/`, and a filter ([MQTT-4.8.2-1],
 * [MQTT-4.8.2-2]).
 *
 * `$share/…` means the same here in both protocol versions, although 3.1.1 has no Shared Subscriptions.
 */
export function parseFilter(text: string): TopicFilter | undefined {
  if (!isUtf8EncodedString(text)) return undefined;
  if (!text.startsWith(SHARE_PREFIX)) {
    const parts = parseParts(text);
    return parts && { kind: "plain", ...parts };
  }
  const end = text.indexOf("/", SHARE_PREFIX.length);
  if (end === -1) return undefined;
  const group = text.slice(SHARE_PREFIX.length, end);
  if (group === "" || hasWildcard(group)) return undefined;
  const parts = parseParts(text.slice(end + 1));
  return parts && { kind: "shared", group, ...parts };
}

/** Whether a text is the filter of a Shared Subscription: topics do not match it by themselves. */
export function isSharedFilter(text: string): boolean {
  return text.startsWith(SHARE_PREFIX) && parseFilter(text) !== undefined;
}

/**
 * Whether a topic matches a filter, level by level. Both must be valid; a shared filter is matched by its `filter`.
 *
 * `#` stands for its parent level and everything below, a `+` for exactly one level, and neither at the start matches
 * a topic that begins with `$` ([MQTT-4.7.2-1]). Texts are compared as they are ([MQTT-4.7.3-4]).
 *
 * This is the rule that faster matchers are compared with.
 */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && (filter.startsWith("+") || filter.startsWith("#"))) return false;
  const wanted = filter.split("/");
  const given = topic.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (index >= given.length || (level !== "+" && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}

function parseParts(filter: string): FilterParts | undefined {
  if (filter === "") return undefined;
  const levels = filter.split("/");
  if (!hasWildcard(filter)) return { filter, levels, hasWildcard: false };
  const last = levels.length - 1;
  for (const [index, level] of levels.entries()) {
    const fillsLevel = level === "+" || (level === "#" && index === last);
    if (hasWildcard(level) && !fillsLevel) return undefined;
  }
  return { filter, levels, hasWildcard: true };
}

function hasWildcard(text: string): boolean {
  return text.includes("+") || text.includes("#");
}
