/**
 * Texts too long for the records that name them: they stand once, in rows of their own, split over values.
 *
 * A Client Identifier stands with the rows of its session, a Topic Filter with its subscription. Everywhere else is its
 * digest, which is what keys hold of it anyway.
 */
import { decodeRecord, readable, readableLater, RECORD_KIND, recordWriter, unreadable } from "../encoding.ts";
import { isDigest, isLong, isNamedBy } from "../keys.ts";
import { listUpTo, type StoreContext } from "./context.ts";
import type { DriverLimits, Entry } from "./driver.ts";
import { decodeHead } from "./head.ts";
import { below, lastPart, type Layout, ROW } from "./layout.ts";
import type { Plan } from "./plan.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Two bytes at the start of every record. */
const RECORD_HEADER_BYTES = 2;

/** What the key of a row takes at most. */
const ROW_ROOM = 1_024;

/** What a commit with a single change holds beside its texts. */
const COMMIT_ROOM = 8_192;

/** The largest part of a text, where values have no limit. */
const MAX_PART = 1_048_576;

/** Plans the rows of a text, if it is a long one. */
export function putText(plan: Plan, prefix: string, text: string, valueBytes: number): void {
  if (!isLong(text)) return;
  if (!text.isWellFormed()) throw new TypeError("Cannot encode a record: a text has half of a surrogate pair");
  const bytes = encoder.encode(text);
  const size = partSize(valueBytes);
  for (const [index, key] of keysOf(prefix, bytes.length, size).entries()) {
    const part = bytes.subarray(index * size, (index + 1) * size);
    plan.set(key, recordWriter(RECORD_KIND.text).raw(part).finish());
  }
}

/** Plans to delete the rows of a text, if it is a long one. */
export function deleteText(plan: Plan, prefix: string, text: string, valueBytes: number): void {
  if (!isLong(text)) return;
  for (const key of keysOf(prefix, encoder.encode(text).length, partSize(valueBytes))) plan.delete(key);
}

/** Whether one commit can hold the rows of a text, and what goes with them. */
export function isStorable(text: string, { valueBytes, bytesPerCommit }: DriverLimits): boolean {
  if (!isLong(text)) return true;
  const bytes = encoder.encode(text).length;
  return bytes + Math.ceil(bytes / partSize(valueBytes)) * ROW_ROOM + COMMIT_ROOM <= bytesPerCommit;
}

/** The text of rows that were read, and that a part of a key names. */
export async function joinText(prefix: string, rows: readonly Entry[], part: string): Promise<string> {
  const parts = rows.map(({ key, value }) => decodeRecord(key, value, RECORD_KIND.text, (reader) => reader.rest()));
  let text: string;
  try {
    text = decoder.decode(joined(parts));
  } catch (error) {
    if (error instanceof TypeError) throw unreadable(prefix, "its text is not UTF-8");
    throw error;
  }
  if (!await isNamedBy(text, part)) throw unreadable(prefix, "its text is not the one that its key names");
  return text;
}

/**
 * The Client Identifier of a session, from a row whose key holds its part.
 *
 * @param stored What the row says; `undefined` if it cannot be read, for then the session's head says it.
 * @returns `undefined` when there is no such session any more.
 */
export async function clientOf(
  context: StoreContext,
  layout: Layout,
  part: string,
  stored: string | undefined,
): Promise<string | undefined> {
  if (stored !== undefined && !isDigest(stored, part)) return stored;
  const { head: key } = layout.recordsAt(part);
  const [entry] = await context.driver.get([key]);
  const head = entry && readable(() => decodeHead(key, entry.value));
  return head && await clientOfIncarnation(context, layout, part, head.clientId, head.incarnation);
}

/** The Client Identifier of an incarnation; `undefined` when it was swept. */
export async function clientOfIncarnation(
  context: StoreContext,
  layout: Layout,
  part: string,
  stored: string,
  incarnation: string,
): Promise<string | undefined> {
  if (!isDigest(stored, part)) return stored;
  await layout.prepare([incarnation]);
  const prefix = ROW.client(layout.rowsAt(part, layout.part(incarnation)));
  const rows = await listUpTo(context.driver, below(prefix), Infinity);
  return rows.length === 0 ? undefined : await joinText(prefix, rows, part);
}

/**
 * The clients of rows of an index whose keys end with them; those that have ended, or whose text cannot be read, are left
 * out.
 */
export async function clientsOf(
  context: StoreContext,
  layout: Layout,
  rows: readonly Entry[],
  decode: (key: string, value: Uint8Array) => string,
): Promise<string[]> {
  const clients = await Promise.all(rows.map(({ key, value }) => {
    return readableLater(() => clientOf(context, layout, lastPart(key), readable(() => decode(key, value))));
  }));
  return clients.filter((clientId) => clientId !== undefined);
}

function partSize(valueBytes: number): number {
  return Math.min(valueBytes, MAX_PART) - RECORD_HEADER_BYTES;
}

function keysOf(prefix: string, bytes: number, size: number): string[] {
  return Array.from({ length: Math.ceil(bytes / size) }, (_, index) => `${prefix}${String(index).padStart(6, "0")}`);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const part of parts) {
    whole.set(part, length);
    length += part.length;
  }
  return whole;
}
