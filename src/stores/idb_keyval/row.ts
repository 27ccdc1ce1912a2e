import type { Entry } from "../../store/key_value/driver.ts";

/** What is stored under a key: the version, and the bytes. */
export type Row = readonly [version: string, value: Uint8Array];

/** The version of all that somebody else put there. */
const FOREIGN = "";

/** What is stored for bytes, with nothing around them: of a part of a buffer IndexedDB would keep the whole. */
export function rowOf(version: string, bytes: Uint8Array): Row {
  const { buffer } = bytes;
  const isAlone = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return [version, isAlone ? bytes : bytes.slice()];
}

/** What somebody else put there reads as a record of no bytes: unreadable, under its key. */
export function entryOf(key: string, row: unknown): Entry | undefined {
  if (row === undefined) return undefined;
  return isRow(row) ? { key, value: row[1], version: row[0] } : { key, value: new Uint8Array(), version: FOREIGN };
}

/** The version that a check names: `null` where nothing is. */
export function versionOf(row: unknown): string | null {
  if (row === undefined) return null;
  return isRow(row) ? row[0] : FOREIGN;
}

function isRow(row: unknown): row is Row {
  return Array.isArray(row) && row.length === 2 && typeof row[0] === "string" && row[1] instanceof Uint8Array;
}
