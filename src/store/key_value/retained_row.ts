/** The records of retained messages. */
import { type Message, messageBytes } from "../../mqtt/message.ts";
import { decodeRecord, RECORD_KIND, recordWriter } from "../encoding.ts";
import { readMessage, writeMessage } from "../records/message.ts";
import type { RetainedTotals } from "../retained_store.ts";
import { type ChunkRef, readChunkRef, writeChunkRef } from "./chunk_ref.ts";

/** What a row says of the message that it holds, or of one that stands in parts. */
export interface RetainedRow {
  readonly topic: string;
  readonly publishedAt: number;
  readonly expiresAt?: number;
  /** What it counts for. */
  readonly bytes: number;
  /** The message, or where it stands. */
  readonly body: Message | ChunkRef;
}

/** Writes a message whole: as a row, or as what stands in parts. */
export function encodeRetained(message: Message): Uint8Array {
  const writer = recordWriter(RECORD_KIND.retained).flags(false, false);
  writeMessage(writer, message);
  return writer.finish();
}

/** Writes a row for a message that stands in parts. */
export function encodeRetainedRef(message: Message, ref: ChunkRef): Uint8Array {
  const { topic, publishedAt, expiresAt } = message;
  const writer = recordWriter(RECORD_KIND.retained).flags(true, expiresAt !== undefined);
  writer.text(topic).number(publishedAt).number(messageBytes(message));
  if (expiresAt !== undefined) writer.number(expiresAt);
  writeChunkRef(writer, ref);
  return writer.finish();
}

/** Reads a row. */
export function decodeRetained(key: string, bytes: Uint8Array): RetainedRow {
  return decodeRecord(key, bytes, RECORD_KIND.retained, (reader) => {
    const [isStaged, expires] = reader.flags(2);
    if (isStaged) {
      const topic = reader.text();
      const publishedAt = reader.number();
      const bytes = reader.count();
      const expiresAt = expires ? { expiresAt: reader.number() } : {};
      return { topic, publishedAt, bytes, ...expiresAt, body: readChunkRef(reader) };
    }
    const body = readMessage(reader);
    const { topic, publishedAt, expiresAt } = body;
    const expiry = expiresAt === undefined ? {} : { expiresAt };
    return { topic, publishedAt, bytes: messageBytes(body), ...expiry, body };
  });
}

/** Writes how much a drawer holds. */
export function encodeTotals({ messages, bytes }: RetainedTotals): Uint8Array {
  return recordWriter(RECORD_KIND.retainedTotals).number(messages).number(bytes).finish();
}

/** Reads how much a drawer holds. */
export function decodeTotals(key: string, bytes: Uint8Array): RetainedTotals {
  return decodeRecord(key, bytes, RECORD_KIND.retainedTotals, (reader) => ({
    messages: reader.count(),
    bytes: reader.count(),
  }));
}
