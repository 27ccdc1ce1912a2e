/**
 * What one value of Workers KV holds: all rows of a store, with the version of the whole, who wrote it, and a sum.
 *
 * @module
 */
import { decodeRecord, RECORD_KIND, recordWriter, SCHEMA_VERSION, unreadable } from "../../store/encoding.ts";
import type { OrderedRows } from "../../store/key_value/ordered_rows.ts";

/** The rows of a store as of one write. */
export interface Image {
  /** Counts the writes of the value; 0 where there is none. */
  readonly version: number;
  /** The store object that wrote it. */
  readonly writer: string;
  readonly rows: OrderedRows;
}

/** A SHA-256 ends the value. */
const SUM_BYTES = 32;

/** How many bytes a value takes beside its rows, at most. */
export const IMAGE_BYTES = 128;

/** How many bytes a row takes at most. */
export function rowBytes(key: string, value: Uint8Array): number {
  return key.length + value.length + 8;
}

/** Writes the value. */
export async function encodeImage(image: Image): Promise<Uint8Array<ArrayBuffer>> {
  const body = encodeImageRecord(image);
  const whole = new Uint8Array(body.length + SUM_BYTES);
  whole.set(body);
  whole.set(await sumOf(whole.subarray(0, body.length)), body.length);
  return whole;
}

/**
 * Reads the value into rows without any.
 *
 * @throws {SessionError} `RECORD_FROM_FUTURE` if a later release wrote it, `RECORD_UNREADABLE` if it is not as it was
 * written.
 */
export async function decodeImage(key: string, bytes: Uint8Array<ArrayBuffer>, rows: OrderedRows): Promise<Image> {
  const body = bytes.subarray(0, Math.max(0, bytes.length - SUM_BYTES));
  // A later release may end its values otherwise.
  if ((bytes[0] ?? 0) <= SCHEMA_VERSION) {
    const sum = await sumOf(body);
    if (sum.some((byte, index) => byte !== bytes[body.length + index])) throw unreadable(key, "its sum is another");
  }
  return decodeImageRecord(key, body, rows);
}

/** Writes the record of the value, without its sum. */
export function encodeImageRecord({ version, writer, rows }: Image): Uint8Array {
  const { keys } = rows;
  const record = recordWriter(RECORD_KIND.image).number(version).text(writer).number(keys.length);
  for (const key of keys) {
    const row = rows.get(key);
    if (row !== undefined) record.text(key).bytes(row.value);
  }
  return record.finish();
}

/**
 * Reads the record of the value, without its sum, into rows without any.
 *
 * @throws {SessionError} As {@linkcode decodeImage}.
 */
export function decodeImageRecord(key: string, body: Uint8Array, rows: OrderedRows): Image {
  return decodeRecord(key, body, RECORD_KIND.image, (reader) => {
    const version = reader.count();
    const writer = reader.text();
    for (let left = reader.count(); left > 0; left--) {
      const row = reader.text();
      rows.overwrite(row, reader.bytes());
    }
    return { version, writer, rows };
  });
}

async function sumOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
