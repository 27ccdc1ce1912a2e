/** One copy of a message in a log: what is this copy's own, then what all copies share, or where that stands. */
import type { Claim, Message, QueuedMessage } from "../../mqtt/message.ts";
import type { QoS } from "../../mqtt/qos.ts";
import { type ByteReader as Reader, ByteWriter, decodeRecord, RECORD_KIND, recordWriter } from "../encoding.ts";
import {
  type MessageBody,
  readBody,
  readClaim,
  readCopyFlags,
  readNumbers,
  writeBody,
  writeClaim,
  writeCopyFlags,
  writeNumbers,
} from "../records/message.ts";
import { readTerms, writeTerms } from "../records/terms.ts";
import type { LoggedTerms } from "../waiting_terms.ts";
import { type ChunkRef, readChunkRef, writeChunkRef } from "./chunk_ref.ts";
import { readChunks } from "./chunks.ts";
import type { StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { lastPart } from "./layout.ts";

/** What is a copy's own. */
export interface CopyHeader {
  readonly qos: QoS;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[];
  /** What the message counts for against a queue's limit. */
  readonly bytes: number;
  /** The log that it was moved from. */
  readonly claimed?: Claim;
  /** How it waits, where it waits under terms. */
  readonly terms?: LoggedTerms | undefined;
}

/** A row of a log. */
export interface QueueRow extends CopyHeader {
  /** What all copies share, here or in parts. */
  readonly body: MessageBody | ChunkRef;
}

/** Writes what all copies of a message share. */
export function encodeBody(message: Message): Uint8Array {
  const writer = new ByteWriter();
  writeBody(writer, message);
  return writer.finish();
}

/** Writes a row around an encoded body, or around where it stands. */
export function encodeQueueRow(header: CopyHeader, body: Uint8Array | ChunkRef): Uint8Array {
  const writer = recordWriter(RECORD_KIND.queued);
  writeCopyFlags(writer, header);
  writeNumbers(writer, header.subscriptionIdentifiers);
  const { bytes, claimed, terms } = header;
  writer.number(bytes).flags(!(body instanceof Uint8Array), claimed !== undefined, terms !== undefined);
  if (claimed !== undefined) writeClaim(writer, claimed);
  if (terms !== undefined) writeTerms(writer, terms);
  if (body instanceof Uint8Array) writer.raw(body);
  else writeChunkRef(writer, body);
  return writer.finish();
}

/** Reads a row. */
export function decodeQueueRow(key: string, bytes: Uint8Array): QueueRow {
  return decodeRecord(key, bytes, RECORD_KIND.queued, readQueueRow);
}

/** Where the body of a row stands, when that is not in the row. */
export function chunksOf(row: QueueRow): ChunkRef | undefined {
  return "chunks" in row.body ? row.body : undefined;
}

/** The sequence that a row's key tells. */
export function sequenceOf(key: string): number {
  return Number(lastPart(key));
}

/** Where the parts of a body of the log stand. */
export function stagedPrefix(rows: string, ref: { readonly id: string }): string {
  return `${rows}staged/${ref.id}/`;
}

/** The message of a row, its parts read where it has some. */
export async function messageOf(
  context: StoreContext,
  rows: string,
  entry: Entry,
  row: QueueRow,
): Promise<QueuedMessage> {
  const { qos, retain, subscriptionIdentifiers, claimed } = row;
  const sequence = sequenceOf(entry.key);
  const copy = { sequence, qos, retain, subscriptionIdentifiers, ...(claimed === undefined ? {} : { claimed }) };
  const ref = chunksOf(row);
  if (ref === undefined) return { ...row.body as MessageBody, ...copy };
  const bytes = await readChunks(context, stagedPrefix(rows, ref), ref);
  return { ...decodeBody(entry.key, bytes), ...copy };
}

/** Reads a body that stood in parts. */
export function decodeBody(key: string, bytes: Uint8Array): MessageBody {
  // Parts have headers of their own; the body inside is framed as a record so that it is read by the same rules.
  return decodeRecord(key, bytes, RECORD_KIND.queued, readBody);
}

/** Frames a body that will stand in parts. */
export function frameBody(body: Uint8Array): Uint8Array {
  return recordWriter(RECORD_KIND.queued).raw(body).finish();
}

function readQueueRow(reader: Reader): QueueRow {
  const flags = readCopyFlags(reader);
  const subscriptionIdentifiers = readNumbers(reader);
  const bytes = reader.count();
  const [isStaged, isClaimed, hasTerms] = reader.flags(3);
  const claimed = isClaimed ? { claimed: readClaim(reader) } : {};
  const terms = hasTerms ? { terms: readTerms(reader) } : {};
  const body = isStaged ? readChunkRef(reader) : readBody(reader);
  return { ...flags, subscriptionIdentifiers, bytes, ...terms, body, ...claimed };
}
