/// <reference lib="dom" />
/**
 * What has changed, for those who listen rather than look.
 *
 * @module
 */
import { byId, say } from "./text.ts";

/** What was announced last, by what it is about. */
const announced = new Map<string, string>();

/** Tells what of these facts is new, and nothing else. */
export function announce(facts: Readonly<Record<string, string>>): void {
  const changed = Object.entries(facts).filter(([about, fact]) => announced.get(about) !== fact);
  for (const [about, fact] of changed) announced.set(about, fact);
  if (changed.length === 0) return;
  say(byId("says", HTMLElement), changed.map(([about, fact]) => `${about}: ${fact}.`).join(" "));
}
