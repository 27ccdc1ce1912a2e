/** Which decoder reads a row of the key-value store, by its key. */
import { decodeRecord, RECORD_KIND } from "../../../src/store/encoding.ts";
import { decodeDue } from "../../../src/store/key_value/due_row.ts";
import { decodeEnded } from "../../../src/store/key_value/ended.ts";
import { decodeGate } from "../../../src/store/key_value/gate.ts";
import { decodeHead } from "../../../src/store/key_value/head.ts";
import { decodeOutbox } from "../../../src/store/key_value/outbox_row.ts";
import { decodeQueueRow } from "../../../src/store/key_value/queue_row.ts";
import { decodeRoute, decodeShapes } from "../../../src/store/key_value/route_row.ts";
import {
  decodeClient,
  decodeMark,
  decodeNode,
  decodePacketIds,
  decodeRevision,
  decodeWill,
} from "../../../src/store/key_value/rows.ts";
import { decodeSubscription } from "../../../src/store/records/subscription.ts";

type Decode = (key: string, bytes: Uint8Array) => unknown;

const rest = (kind: number): Decode => (key, bytes) => decodeRecord(key, bytes, kind, (reader) => reader.rest());

/** The first that fits a key reads it. */
const READERS: readonly (readonly [place: RegExp, decode: Decode])[] = [
  [/\/1\/head\//, decodeHead],
  [/\/1\/gate\//, decodeGate],
  [/\/1\/shapes$/, decodeShapes],
  [/\/1\/route\//, decodeRoute],
  [/\/1\/due\//, decodeDue],
  [/\/1\/ended\//, decodeEnded],
  [/\/1\/node\//, decodeNode],
  [/\/1\/(owned|ring)\//, decodeClient],
  [/\/1\/outbox\/[^/]*\/entry\//, decodeOutbox],
  [/\/staged\//, rest(RECORD_KIND.chunk)],
  [/\/queue\//, decodeQueueRow],
  [/\/own\/ids$/, decodePacketIds],
  [/\/own\/mark\//, decodeMark],
  [/\/own\/owed\//, (key, bytes) => decodeRecord(key, bytes, RECORD_KIND.owed, () => undefined)],
  [/\/own\/rev$/, decodeRevision],
  [/\/own\/sub\//, decodeSubscription],
  [/\/own\/will$/, decodeWill],
  [/\/text\//, rest(RECORD_KIND.text)],
  [/\/1\/bell\//, () => undefined],
];

/** Reads a row as the store would. */
export function readRow(key: string, bytes: Uint8Array): unknown {
  return readerOf(key)[1](key, bytes);
}

/** A name for the kind of a row. */
export function kindOf(key: string): string {
  return readerOf(key)[0].source;
}

function readerOf(key: string): typeof READERS[number] {
  const found = READERS.find(([place]) => place.test(key));
  if (found === undefined) throw new Error(`nobody reads ${key}`);
  return found;
}
