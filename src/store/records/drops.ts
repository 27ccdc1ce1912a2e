import type { DropReason } from "../../machine/change.ts";
import type { ByteReader, ByteWriter } from "../encoding.ts";
import { readMany } from "./message.ts";

/** The reasons in the order in which records number them; new ones are added at the end. */
export const DROP_REASONS = [
  "expired",
  "tooLarge",
  "queueFullOldest",
  "queueFullNewest",
  "notConnected",
  "atMostOnce",
  "unreadable",
  "sessionLost",
  "notSupported",
  "purged",
  "groupEnded",
  "notAuthorized",
  "replaced",
  "filterFullOldest",
  "filterFullNewest",
] as const satisfies readonly DropReason[];

/** Lost messages by reason. */
export type Drops = Readonly<Partial<Record<DropReason, number>>>;

/** The counts with one more. */
export function countDrop(drops: Drops, reason: DropReason): Drops {
  return { ...drops, [reason]: (drops[reason] ?? 0) + 1 };
}

/** Two counts as one. */
export function sumDrops(a: Drops, b: Drops): Drops {
  const sum: Partial<Record<DropReason, number>> = { ...a };
  for (const reason of DROP_REASONS) {
    const more = b[reason];
    if (more !== undefined) sum[reason] = (sum[reason] ?? 0) + more;
  }
  return sum;
}

/** Writes counts. */
export function writeDrops(writer: ByteWriter, drops: Drops): void {
  const counted = [...DROP_REASONS.entries()].filter(([, reason]) => drops[reason] !== undefined);
  writer.number(counted.length);
  for (const [index, reason] of counted) writer.number(index).number(drops[reason] ?? 0);
}

/** Reads counts. */
export function readDrops(reader: ByteReader): Drops {
  return Object.fromEntries(readMany(reader, () => [reader.word(DROP_REASONS), reader.count()] as const));
}

/** Writes a reason. */
export function writeDropReason(writer: ByteWriter, reason: DropReason): void {
  writer.number(DROP_REASONS.indexOf(reason));
}

/** Reads a reason. */
export function readDropReason(reader: ByteReader): DropReason {
  return reader.word(DROP_REASONS);
}
