/**
 * RESP2, the protocol of Redis: commands to bytes, and bytes to replies.
 *
 * @module
 */

/** A simple string, such as `OK`. */
export class RespStatus {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An error that Redis answered. It is a value: what it means is for the caller to say. */
export class RespError {
  /** The whole line, such as `ERR no such key`. */
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }

  /** The first word, such as `NOSCRIPT`. */
  get code(): string {
    return this.message.split(" ", 1)[0] ?? "";
  }
}

/** What Redis answers. Strings stay bytes: they need not be text. */
export type RespValue = Uint8Array | RespStatus | RespError | number | null | readonly RespValue[];

/** A command with its arguments. */
export type Command = readonly (string | Uint8Array)[];

const encoder = new TextEncoder();
// A string may start with the bytes of a byte order mark, and keeps them.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The bytes of some text. */
export function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? encoder.encode(text) : text;
}

/** The text of bytes; what is no UTF-8 becomes U+FFFD. */
export function textOf(bytes: string | Uint8Array): string {
  return typeof bytes === "string" ? bytes : decoder.decode(bytes);
}

/** Joins chunks to one. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** A reply as plain values, for assertions: strings as text, lists as arrays. Errors stay {@link RespError}. */
export function plain(value: RespValue): unknown {
  if (value instanceof Uint8Array) return decoder.decode(value);
  if (value instanceof RespStatus) return value.text;
  if (value instanceof RespError || value === null || typeof value === "number") return value;
  return value.map(plain);
}

/** Commands as Redis reads them, one after the other. */
export function encodeCommands(commands: readonly Command[]): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  for (const command of commands) {
    chunks.push(encoder.encode(`*${command.length}\r\n`));
    for (const argument of command) bulk(bytesOf(argument), chunks);
  }
  return joined(chunks);
}

/** Replies as Redis writes them. */
export function encodeReplies(values: readonly RespValue[]): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  for (const value of values) reply(value, chunks);
  return joined(chunks);
}

function reply(value: RespValue, chunks: Uint8Array[]): void {
  if (value instanceof Uint8Array) bulk(value, chunks);
  else if (value instanceof RespStatus) chunks.push(encoder.encode(`+${value.text}\r\n`));
  else if (value instanceof RespError) chunks.push(encoder.encode(`-${value.message}\r\n`));
  else if (value === null) chunks.push(encoder.encode("$-1\r\n"));
  else if (typeof value === "number") chunks.push(encoder.encode(`:${value}\r\n`));
  else {
    chunks.push(encoder.encode(`*${value.length}\r\n`));
    for (const item of value) reply(item, chunks);
  }
}

function bulk(bytes: Uint8Array, chunks: Uint8Array[]): void {
  chunks.push(encoder.encode(`$${bytes.length}\r\n`), bytes, encoder.encode("\r\n"));
}

const LINE_FEED = 10;

/** Takes bytes as they come, and gives the replies that are whole. */
export class RespParser {
  #buffer = new Uint8Array(65_536);
  #end = 0;
  #at = 0;
  /** So many bytes must be there before it is worth looking again. */
  #wanted = 0;

  /** The replies that these bytes complete. */
  push(chunk: Uint8Array): readonly RespValue[] {
    this.#append(chunk);
    const replies: RespValue[] = [];
    if (this.#end < this.#wanted) return replies;
    let start = 0;
    while (start < this.#end) {
      this.#at = start;
      this.#wanted = 0;
      const value = this.#value();
      if (value === undefined) break;
      replies.push(value);
      start = this.#at;
    }
    this.#buffer.copyWithin(0, start, this.#end);
    this.#end -= start;
    this.#wanted = Math.max(0, this.#wanted - start);
    return replies;
  }

  #append(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#end + chunk.length));
      larger.set(this.#buffer.subarray(0, this.#end));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The value at the reading position; `undefined` when it is not whole yet. */
  #value(): RespValue | undefined {
    const type = this.#buffer[this.#at];
    const line = this.#line();
    if (line === undefined) return undefined;
    switch (type) {
      case 0x2b:
        return new RespStatus(line);
      case 0x2d:
        return new RespError(line);
      case 0x3a:
        return Number(line);
      case 0x24:
        return line === "-1" ? null : this.#bulk(Number(line));
      case 0x2a:
        return line === "-1" ? null : this.#list(Number(line));
      default:
        throw new Error(`A reply cannot start with byte ${type}`);
    }
  }

  /** What follows the type up to the end of the line. */
  #line(): string | undefined {
    const end = this.#buffer.indexOf(LINE_FEED, this.#at);
    if (end < 0 || end >= this.#end) return undefined;
    const line = decoder.decode(this.#buffer.subarray(this.#at + 1, end - 1));
    this.#at = end + 1;
    return line;
  }

  #bulk(length: number): Uint8Array | undefined {
    const end = this.#at + length;
    if (end + 2 > this.#end) {
      this.#wanted = end + 2;
      return undefined;
    }
    const bytes = this.#buffer.slice(this.#at, end);
    this.#at = end + 2;
    return bytes;
  }

  #list(length: number): readonly RespValue[] | undefined {
    const items: RespValue[] = [];
    for (let index = 0; index < length; index++) {
      const item = this.#at < this.#end ? this.#value() : undefined;
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }
}
