/** An outbox entry: a message, the receivers that it is still owed to, and how far it has come. */
import { type ByteReader, type ByteWriter, decodeRecord, RECORD_KIND, recordWriter, unreadable } from "../encoding.ts";
import { type ChunkRef, readChunkRef, writeChunkRef } from "./chunk_ref.ts";

/** A stored entry. Its two large parts stand in it, or apart. */
export interface OutboxRecord {
  readonly outboxId: string;
  readonly number: number;
  /** The key of the row that tells its session of it; absent for one that has ended, or where there was none. */
  readonly owedKey?: string;
  /** The moment of its due row. */
  readonly dueAt: number;
  readonly cursor: number;
  readonly message: Uint8Array | ChunkRef;
  /** Absent until the receivers are fixed. */
  readonly receivers?: { readonly count: number; readonly list: Uint8Array | ChunkRef };
}

/** Writes an entry. */
export function encodeOutbox(entry: OutboxRecord): Uint8Array {
  const writer = recordWriter(RECORD_KIND.outboxEntry);
  writer.flags(entry.owedKey !== undefined, entry.receivers !== undefined);
  writer.text(entry.outboxId).number(entry.number).number(entry.dueAt).number(entry.cursor);
  if (entry.owedKey !== undefined) writer.text(entry.owedKey);
  writePart(writer, entry.message);
  if (entry.receivers !== undefined) writePart(writer.number(entry.receivers.count), entry.receivers.list);
  return writer.finish();
}

/** Reads an entry, and sees to it that it is this one, and that the row it names is its own. */
export function decodeOutbox(
  key: string,
  bytes: Uint8Array,
  expected?: Pick<OutboxRecord, "outboxId" | "number">,
): OutboxRecord {
  const entry = decodeRecord(key, bytes, RECORD_KIND.outboxEntry, readOutbox);
  if (expected === undefined) return entry;
  const { outboxId, number, owedKey } = entry;
  if (outboxId !== expected.outboxId || number !== expected.number) throw unreadable(key, "it is another entry's");
  if (owedKey !== undefined && !isOwedKey(owedKey, key)) throw unreadable(key, "it names a row that is not its own");
  return entry;
}

/** Whether a key is that of the row by which a session is told of the entry of another key. */
function isOwedKey(owedKey: string, key: string): boolean {
  const [number, , outbox, ...root] = key.split("/").reverse();
  const [owedNumber, owed, own, incarnation, client, row, ...owedRoot] = owedKey.split("/").reverse();
  return owedNumber === number && owed === "owed" && own === "own" && incarnation === outbox && row === "row" &&
    /^[!-~]+$/.test(client ?? "") && owedRoot.join("/") === root.slice(1).join("/");
}

function readOutbox(reader: ByteReader): OutboxRecord {
  const [ofSession, fixed] = reader.flags(2);
  const outboxId = reader.text();
  const number = reader.number();
  const dueAt = reader.number();
  const cursor = reader.number();
  const owedKey = ofSession ? reader.text() : undefined;
  const message = readPart(reader);
  const receivers = fixed ? { count: reader.number(), list: readPart(reader) } : undefined;
  return {
    outboxId,
    number,
    dueAt,
    cursor,
    message,
    ...(owedKey === undefined ? {} : { owedKey }),
    ...(receivers === undefined ? {} : { receivers }),
  };
}

function writePart(writer: ByteWriter, part: Uint8Array | ChunkRef): void {
  const isHere = part instanceof Uint8Array;
  writer.flags(isHere);
  if (isHere) writer.bytes(part);
  else writeChunkRef(writer, part);
}

function readPart(reader: ByteReader): Uint8Array | ChunkRef {
  const [isHere] = reader.flags(1);
  return isHere ? reader.bytes() : readChunkRef(reader);
}
