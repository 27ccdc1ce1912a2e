/** What a call reads and writes, so that the explorer knows which calls may change places. */
import type { InterceptedCall } from "../intercept.ts";

/** Keys from `start`, included, to `end`, left out. */
interface Span {
  readonly start: string;
  readonly end: string;
}

/** What a call may touch at most. */
export interface Footprint {
  readonly reads: readonly Span[];
  readonly writes: readonly Span[];
}

const ALL: Span = { start: "", end: "\uffff" };

/** Of a call of which nothing is known. */
export const WRITES_ALL: Footprint = { reads: [], writes: [ALL] };

/** Of a call that changes nothing. */
export const READS_ALL: Footprint = { reads: [ALL], writes: [] };

/** Of a crash. */
export const TOUCHES_NOTHING: Footprint = { reads: [], writes: [] };

/** Calls of the port that change nothing in any store. */
const READING: ReadonlySet<string> = new Set([
  "read",
  "readQueue",
  "readOutbox",
  "matchSubscriptions",
  "nextDueAt",
  "directory.list",
  "directory.inspect",
  "directory.journal",
]);

/** What a call touches: of a `KeyValueDriver` the keys that it names, of anything else all there is. */
export function footprintOf({ name, args }: InterceptedCall): Footprint {
  const [first, second] = args;
  if (name === "get" && isTexts(first)) return { reads: first.map(keySpan), writes: [] };
  if (name === "list" && isSpan(first)) return { reads: [first], writes: [] };
  if (name === "commit" && areKeyed(first) && areKeyed(second)) {
    return { reads: first.map(({ key }) => keySpan(key)), writes: second.map(({ key }) => keySpan(key)) };
  }
  return READING.has(name) ? READS_ALL : WRITES_ALL;
}

/** Whether the order of two calls may matter. */
export function conflict(a: Footprint, b: Footprint): boolean {
  return meet(a.writes, b.writes) || meet(a.writes, b.reads) || meet(a.reads, b.writes);
}

function meet(some: readonly Span[], others: readonly Span[]): boolean {
  return some.some((a) => others.some((b) => a.start < b.end && b.start < a.end));
}

function keySpan(key: string): Span {
  // No key holds a space, and every character of one is above it.
  return { start: key, end: `${key} ` };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((part) => typeof part === "string");
}

function isSpan(value: unknown): value is Span {
  return typeof value === "object" && value !== null && "start" in value && "end" in value &&
    typeof value.start === "string" && typeof value.end === "string";
}

function areKeyed(value: unknown): value is readonly { readonly key: string }[] {
  return Array.isArray(value) &&
    value.every((part) => typeof part === "object" && part !== null && typeof part.key === "string");
}
