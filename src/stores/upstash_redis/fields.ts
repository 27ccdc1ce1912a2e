/**
 * What stands in the fields of a session: numbers in words, the rest in bytes as text.
 *
 * @module
 */
import type { SessionHead } from "../../machine/snapshot.ts";
import { DROP_REASONS, type Drops } from "../../store/records/drops.ts";
import type { Acquired } from "../../store/session_store.ts";
import { unreadable } from "../../store/encoding.ts";
import { escapePart } from "../../store/keys.ts";
import { HEAD } from "./lua/acquire.ts";
import { unescapePart } from "./keys.ts";
import { fromText, wholeNumber } from "./text.ts";

/** Writes the numbers of a head, save its `sentLimit`. */
export function headText(head: SessionHead): string {
  return HEAD.map((name) => {
    const value = head[name];
    if (value === undefined) return "-";
    if (typeof value === "number") return integer(value);
    return value === true || value === "release" ? "1" : "0";
  }).join(" ");
}

/** Reads the numbers of a head. */
export function readHead(key: string, text: string, sentLimit: number): SessionHead {
  const words = text.split(" ");
  const [protocolVersion, attached, connectedAt, disconnectedAt, disconnectReason, interval, ...rest] = words.map(
    (word) => word === "-" ? undefined : wholeNumber(word) ?? Number.NaN,
  );
  const [endsAt, endsAfterMs, willDueAt, willAfterMs, onTakeover, borrows] = rest;
  // Heads from before have one word less.
  const isWhole = (words.length === HEAD.length || words.length === HEAD.length - 1) &&
    !words.some((word) => word !== "-" && (wholeNumber(word) ?? -1) < 0);
  if (!isWhole || (protocolVersion !== 4 && protocolVersion !== 5) || interval === undefined) {
    throw unreadable(key, "its head is none");
  }
  return {
    protocolVersion,
    attached: attached === 1,
    connectedAt: connectedAt ?? 0,
    sessionExpiryInterval: interval,
    onTakeover: onTakeover === 1 ? "release" : "discard",
    sentLimit,
    ...(disconnectedAt === undefined ? {} : { disconnectedAt }),
    ...(disconnectReason === undefined ? {} : { disconnectReason }),
    ...(endsAt === undefined ? {} : { endsAt }),
    ...(endsAfterMs === undefined ? {} : { endsAfterMs }),
    ...(willDueAt === undefined ? {} : { willDueAt }),
    ...(willAfterMs === undefined ? {} : { willAfterMs }),
    ...(borrows === 1 ? { borrows: true } : {}),
  };
}

/** What an acquire answered, as the session keeps it for a repeated one. */
export type LatestAnswer = Pick<Acquired, "resumed" | "startedThrough" | "superseded"> & {
  readonly ended?: Omit<NonNullable<Acquired["ended"]>, "owes">;
};

/** Reads what an acquire answered. */
export function readLatest(key: string, text: string): LatestAnswer {
  const [resumed, started, ended = "-", nodeId, token] = text.split(" ");
  const reason = ENDINGS[ended[0] as keyof typeof ENDINGS];
  if (ended !== "-" && reason === undefined) throw unreadable(key, "its latest answer is none");
  return {
    resumed: resumed === "1",
    startedThrough: wholeOf(key, started ?? ""),
    ...(nodeId === undefined || token === undefined
      ? {}
      : { superseded: { nodeId: nameOf(nodeId), token: nameOf(token) } }),
    ...(reason === undefined ? {} : { ended: { incarnation: nameOf(ended.slice(1)), reason } }),
  };
}

const ENDINGS = { c: "cleanStart", t: "takenOver", x: "expired" } as const;

/** Reads counts of lost messages. */
export function readCounts(text: string): Drops {
  const counts = text === "" ? [] : text.split(" ").map((word) => wholeNumber(word) ?? 0);
  const drops: Partial<Record<typeof DROP_REASONS[number], number>> = {};
  for (const [index, reason] of DROP_REASONS.entries()) {
    const count = counts[index] ?? 0;
    if (count > 0) drops[reason] = count;
  }
  return drops;
}

/** A name as records hold it: no name is empty there, and none is a number or `-`. */
export function named(name: string): string {
  return `=${escapePart(name)}`;
}

/** The name that {@linkcode named} wrote. */
export function nameOf(text: string): string {
  return unescapePart(text.slice(1)) ?? "";
}

/** The bytes of a field. */
export function bytesOf(key: string, text: string): Uint8Array {
  const bytes = fromText(text);
  if (bytes === undefined) throw unreadable(key, "it is not base64");
  return bytes;
}

/** The whole number from 0 on that a field holds. */
export function wholeOf(key: string, text: string): number {
  const value = wholeNumber(text) ?? -1;
  if (value < 0) throw unreadable(key, "a number is none");
  return value;
}

/** A whole number, as scripts compare it. Fractions of a millisecond are rounded up. */
function integer(value: number): string {
  if (Number.isNaN(value)) throw new RangeError("Cannot write a head: a number of it is NaN");
  return String(Math.min(Math.max(Math.ceil(value), 0), Number.MAX_SAFE_INTEGER));
}
