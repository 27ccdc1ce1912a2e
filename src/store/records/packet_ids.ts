/** Sets of Packet Identifiers in few bytes, however many there are. */
import { MAX_PACKET_ID } from "../../mqtt/packet_id.ts";
import type { ByteReader, ByteWriter } from "../encoding.ts";

/** From here on one bit for each possible identifier takes less room than a list. */
const DENSE = 4_096;
const BITMAP_BYTES = (MAX_PACKET_ID + 1) / 8;

/** Writes a set: differences in ascending order, or a bitmap. */
export function writePacketIds(writer: ByteWriter, ids: ReadonlySet<number>): void {
  writer.number(ids.size);
  if (ids.size >= DENSE) {
    const bitmap = new Uint8Array(BITMAP_BYTES);
    for (const id of ids) bitmap[id >> 3] = (bitmap[id >> 3] ?? 0) | 1 << (id & 7);
    writer.raw(bitmap);
    return;
  }
  let last = 0;
  for (const id of [...ids].sort((a, b) => a - b)) {
    writer.number(id - last);
    last = id;
  }
}

/** Reads a set. */
export function readPacketIds(reader: ByteReader): Set<number> {
  const size = reader.number();
  const ids = new Set<number>();
  if (size >= DENSE) {
    for (let index = 0; index < BITMAP_BYTES; index++) {
      const bits = reader.byte();
      for (let bit = 0; bit < 8; bit++) if (bits >> bit & 1) ids.add(index * 8 + bit);
    }
  } else {
    for (let left = size, last = 0; left > 0; left--) ids.add(last += reader.number());
  }
  if (ids.size !== size || ids.has(0) || [...ids].some((id) => id > MAX_PACKET_ID)) {
    reader.refuse("a Packet Identifier is none");
  }
  return ids;
}
