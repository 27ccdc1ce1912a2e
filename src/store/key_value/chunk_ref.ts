/** Where large values stand, as records name it. */
import type { ByteReader, ByteWriter } from "../encoding.ts";

/** Where a large value stands. */
export interface ChunkRef {
  readonly id: string;
  readonly bytes: number;
  readonly chunks: number;
}

/** A large value about to be written. */
export interface StagedValue {
  /** Its key without the number of the part. */
  readonly prefix: string;
  readonly ref: ChunkRef;
  readonly value: Uint8Array;
  /** The due row that names the parts until they are visible. */
  readonly dueKey: string;
  /** The incarnation, or the outbox, that it belongs to. */
  readonly owner: string;
}

/** Whether an id can stand in keys: 1 to 256 visible ASCII characters, and no `/`. */
export function isChunkId(id: string): boolean {
  return /^[!-.0-~]{1,256}$/.test(id);
}

/** Writes where a large value stands. */
export function writeChunkRef(writer: ByteWriter, ref: ChunkRef): void {
  writer.text(ref.id).number(ref.bytes).number(ref.chunks);
}

/** Reads where a large value stands. */
export function readChunkRef(reader: ByteReader): ChunkRef {
  const id = reader.text();
  // It stands in keys, of which nobody else must be named.
  if (!isChunkId(id)) reader.refuse("a part of a key is none");
  return { id, bytes: reader.number(), chunks: reader.number() };
}
