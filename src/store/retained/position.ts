/**
 * Where a retained message stands among the others: its topic in visible ASCII, of bounded length, so that all topics
 * below a level stand together.
 *
 * @module
 */
import { digestOf, escapePart, MAX_PART_BYTES } from "../keys.ts";

/** What is left of a longer topic; behind it comes a `~`, which no escaped text contains, and a digest. */
export const KEPT_CHARACTERS = 190;

/** A topic, or its beginning, level by level. No two topics are escaped to the same, and each `/` stays. */
export function escapeTopic(topic: string): string {
  return escapePart(topic).replaceAll("%2f", "/");
}

/** The position of a topic: at most 256 characters. */
export async function positionOf(topic: string): Promise<string> {
  const escaped = escapeTopic(topic);
  if (escaped.length <= MAX_PART_BYTES) return escaped;
  return `${escaped.slice(0, KEPT_CHARACTERS)}~${await digestOf(escaped)}`;
}

/** The first text after all that begin with this one. */
export function behind(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
