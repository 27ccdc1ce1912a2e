/**
 * What stays of a session that has ended in a commit: its journal, under the client, until the client has a session again
 * or it is swept a day later.
 */
import { decodeRecord, readable, RECORD_KIND, recordWriter } from "../encoding.ts";
import { isLong } from "../keys.ts";
import { JOURNAL_KEPT_MS } from "../records/journal.ts";
import type { SweepWork } from "../due_work.ts";
import type { StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { encodeDue } from "./due_row.ts";
import type { HeadRecord } from "./head.ts";
import type { Layout } from "./layout.ts";
import type { Plan } from "./plan.ts";

/** What is kept of an ended session. */
export interface EndedRecord {
  readonly incarnation: string;
  /** The moment of the due row by which it is swept. */
  readonly until: number;
  readonly journal: string;
}

/** As it stands in the store. */
export interface EndedEntry {
  readonly key: string;
  readonly version: string;
  readonly record: EndedRecord;
}

/** Writes what is kept of an ended session. */
export function encodeEnded({ incarnation, until, journal }: EndedRecord): Uint8Array {
  return recordWriter(RECORD_KIND.ended).text(incarnation).number(until).text(journal).finish();
}

/** Reads what is kept of an ended session. */
export function decodeEnded(key: string, bytes: Uint8Array): EndedRecord {
  return decodeRecord(key, bytes, RECORD_KIND.ended, (reader) => ({
    incarnation: reader.text(),
    until: reader.number(),
    journal: reader.text(),
  }));
}

/** Reads it on the way to a new session; what cannot be read is left to the broom. */
export async function readEnded(layout: Layout, entry: Entry | undefined): Promise<EndedEntry | undefined> {
  if (entry === undefined) return undefined;
  const { key, value, version } = entry;
  const record = readable(() => decodeEnded(key, value));
  if (record === undefined) return undefined;
  await layout.prepare([record.incarnation]);
  return { key, version, record };
}

/** Keeps the journal of a session that ends. A name that records do not hold whole could not be swept by later. */
export function putEnded(layout: Layout, plan: Plan, head: HeadRecord, now: number): void {
  const { clientId, incarnation, journal } = head;
  if (journal === "" || isLong(clientId)) return;
  const until = Math.min(Math.max(0, Math.ceil(now)) + JOURNAL_KEPT_MS, Number.MAX_SAFE_INTEGER);
  plan.set(layout.ended(clientId), encodeEnded({ incarnation, until, journal }));
  const row = { type: "sweep", clientId, incarnation, lastBatchId: "", lastOutcomes: new Uint8Array() } as const;
  plan.set(layout.dueSweep(until, clientId, incarnation), encodeDue(row));
}

/** A new session takes the journal over. */
export function deleteEnded(layout: Layout, plan: Plan, clientId: string, { key, version, record }: EndedEntry): void {
  plan.check(key, version);
  plan.delete(key);
  plan.delete(layout.dueSweep(record.until, clientId, record.incarnation));
}

/** Removes it once its time is over; another one that came meanwhile stays. */
export async function forgetEnded(
  { driver }: StoreContext,
  entry: Entry | undefined,
  { incarnation, dueAt }: SweepWork,
): Promise<void> {
  if (entry === undefined) return;
  const { key, value, version } = entry;
  const record = readable(() => decodeEnded(key, value));
  if (record?.incarnation !== incarnation || record.until > dueAt) return;
  await driver.commit([{ key, version }], [{ type: "delete", key }]);
}
