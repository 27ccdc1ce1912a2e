/**
 * The bytes of records: a schema version, a kind, then fields without names. Sizes are exact and the same everywhere.
 *
 * Numbers are unsigned LEB128, texts and byte strings carry their length. A reader takes nothing for granted: whatever
 * the bytes, it gives a value or a `SessionError` that names the key.
 *
 * @module
 */
import { SessionError } from "../errors.ts";

/** The schema that this release writes. */
export const SCHEMA_VERSION = 1;

/** The kinds of records. A number never changes its meaning. */
export const RECORD_KIND = {
  head: 1,
  gate: 2,
  queued: 3,
  will: 4,
  subscription: 5,
  mark: 6,
  packetIds: 7,
  outboxEntry: 8,
  route: 9,
  shapes: 10,
  due: 11,
  node: 12,
  client: 13,
  chunk: 14,
  revision: 15,
  owed: 16,
  text: 17,
  retained: 18,
  retainedTotals: 19,
  ended: 24,
  image: 32,
  gateWithTerms: 40,
  attachment: 56,
} as const;

/** More than is ever counted, and so far below 2^53 that sums of some can still be written. */
const MAX_COUNT = 2 ** 48;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes fields one after another. */
export class ByteWriter {
  #bytes = new Uint8Array(128);
  #length = 0;

  /** How many bytes have been written. */
  get length(): number {
    return this.#length;
  }

  /** Writes one byte. */
  byte(value: number): this {
    this.#room(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** Writes a whole number from 0 to 2^53 − 1. */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`Cannot encode a record: ${value} is not a whole number from 0 to 2^53 - 1`);
    }
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      // Not by bit operations, which see the low 32 bits only.
      this.#bytes[this.#length++] = rest % 0x80 + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  /** Writes yes or no for each, the first in the lowest bit. */
  flags(...values: readonly boolean[]): this {
    let mask = 0;
    for (const [index, value] of values.entries()) if (value) mask += 2 ** index;
    return this.number(mask);
  }

  /** Writes a text; it must be well-formed Unicode, since anything else would be read as another text. */
  text(value: string): this {
    if (!value.isWellFormed()) throw new TypeError("Cannot encode a record: a text has half of a surrogate pair");
    return this.bytes(encoder.encode(value));
  }

  /** Writes bytes with their length. */
  bytes(value: Uint8Array): this {
    this.number(value.length);
    return this.raw(value);
  }

  /** Writes bytes as they are. */
  raw(value: Uint8Array): this {
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A copy of what has been written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** What a {@linkcode ByteReader} throws; {@linkcode decodeRecord} turns it into a `SessionError`. */
class Malformed extends Error {}

/** Reads fields in the order in which they were written. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#position;
  }

  /** Reads one byte. */
  byte(): number {
    const value = this.#bytes[this.#position];
    if (value === undefined) throw new Malformed("it is truncated");
    this.#position++;
    return value;
  }

  /** Reads a number. */
  number(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.byte();
      value += byte % 0x80 * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
    }
    throw new Malformed("a number is too large");
  }

  /** Reads a number that is counted up: what no history reaches is none, and one more can always be written. */
  count(): number {
    const value = this.number();
    if (value > MAX_COUNT) throw new Malformed("a count is none");
    return value;
  }

  /** Reads a number that is one of some. */
  oneOf<Value extends number>(values: readonly Value[]): Value {
    const read = this.number();
    const value = values.find((each) => each === read);
    if (value === undefined) throw new Malformed(`${read} is none of ${values.join(", ")}`);
    return value;
  }

  /** Reads the word at a written place of a list. */
  word<Word>(words: readonly Word[]): Word {
    const word = words[this.number()];
    if (word === undefined) throw new Malformed("a word is unknown");
    return word;
  }

  /** Reads as many flags as were written. */
  flags(count: number): boolean[] {
    const mask = this.number();
    if (mask >= 2 ** count) throw new Malformed("a flag is unknown");
    return Array.from({ length: count }, (_, index) => Math.floor(mask / 2 ** index) % 2 === 1);
  }

  /** Reads a text. */
  text(): string {
    const bytes = this.#take(this.number());
    try {
      return decoder.decode(bytes);
    } catch {
      throw new Malformed("a text is not UTF-8");
    }
  }

  /** Reads bytes with their length: a copy. */
  bytes(): Uint8Array {
    return this.#take(this.number()).slice();
  }

  /** Reads all bytes that are left: a copy. */
  rest(): Uint8Array {
    return this.#take(this.left).slice();
  }

  /** Says that what was read makes no sense. */
  refuse(found: string): never {
    throw new Malformed(found);
  }

  /** Insists that nothing is left. */
  end(): void {
    if (this.left > 0) throw new Malformed(`${this.left} bytes are left over`);
  }

  #take(length: number): Uint8Array {
    if (length > this.left) throw new Malformed("it is truncated");
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }
}

/** Begins a record. */
export function recordWriter(kind: number): ByteWriter {
  return new ByteWriter().byte(SCHEMA_VERSION).byte(kind);
}

/**
 * Reads a record whole.
 *
 * @throws {SessionError} `RECORD_FROM_FUTURE` if a later release wrote it, `RECORD_UNREADABLE` if it is corrupt.
 */
export function decodeRecord<Value>(
  key: string,
  bytes: Uint8Array,
  kind: number,
  read: (reader: ByteReader) => Value,
): Value {
  const version = bytes[0];
  if (version !== undefined && version > SCHEMA_VERSION) {
    const found = `its schema version is ${version}, and ${SCHEMA_VERSION} is the latest known`;
    throw new SessionError("RECORD_FROM_FUTURE", `Cannot read record ${key}: ${found}`, { key });
  }
  return decodeFields(key, bytes, (reader) => {
    if (reader.byte() !== SCHEMA_VERSION) reader.refuse("its schema version is 0");
    const found = reader.byte();
    if (found !== kind) reader.refuse(`its kind is ${found}, not ${kind}`);
    return read(reader);
  });
}

/**
 * Reads fields that stand in a record, whole.
 *
 * @throws {SessionError} `RECORD_UNREADABLE` if they are corrupt.
 */
export function decodeFields<Value>(key: string, bytes: Uint8Array, read: (reader: ByteReader) => Value): Value {
  const reader = new ByteReader(bytes);
  try {
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof Malformed) throw unreadable(key, error.message);
    throw error;
  }
}

/** The error for a record that cannot be what its key says. */
export function unreadable(key: string, found: string): SessionError {
  return new SessionError("RECORD_UNREADABLE", `Cannot read record ${key}: ${found}`, { key });
}

/** Whether an error tells of a record that cannot be read. */
export function isUnreadable(error: unknown): error is SessionError {
  return error instanceof SessionError &&
    (error.code === "RECORD_UNREADABLE" || error.code === "RECORD_FROM_FUTURE");
}

/** As {@linkcode readable}, for what takes a promise. */
export async function readableLater<Value>(read: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

/** A record, or nothing when it cannot be read: it is left where it is. */
export function readable<Value>(decode: () => Value): Value | undefined {
  try {
    return decode();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}
