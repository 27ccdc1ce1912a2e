/**
 * Bytes as visible ASCII, and the fields of a script's reply.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";

/** What newer platforms have of their own. */
interface NativeBase64 {
  toBase64?(): string;
}

/** How many bytes become characters at a time: arguments of a call, whose number is limited. */
const BLOCK = 0x8000;

/** Writes bytes as base64, with padding. */
export function toText(bytes: Uint8Array): string {
  const native = bytes as NativeBase64; // Only widened by a method that may be there.
  if (typeof native.toBase64 === "function") return native.toBase64();
  let binary = "";
  for (let start = 0; start < bytes.length; start += BLOCK) {
    binary += String.fromCharCode(...bytes.subarray(start, start + BLOCK));
  }
  return btoa(binary);
}

/** Reads what {@linkcode toText} wrote; `undefined` for any other text. */
export function fromText(text: string): Uint8Array | undefined {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  if (text.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(text.slice(0, text.length - padding))) return undefined;
  const bytes = decoded(text);
  // Bits behind the last byte would let two texts stand for the same bytes.
  const rest = bytes.length % 3;
  return rest === 0 || toText(bytes.subarray(-rest)) === text.slice(-4) ? bytes : undefined;
}

function decoded(text: string): Uint8Array {
  const { fromBase64 } = Uint8Array as { fromBase64?: (text: string) => Uint8Array };
  if (typeof fromBase64 === "function") return fromBase64.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/** What a {@linkcode ReplyReader} throws; {@linkcode readReply} turns it into a `SessionError`. */
class Malformed extends Error {}

/** Reads the fields of a reply, `<length>:<text>` each, in the order in which they were written. */
export class ReplyReader {
  readonly #reply: string;
  #position = 1;

  /** Begins behind the `~` that every reply begins with. */
  constructor(reply: string) {
    if (!reply.startsWith("~")) throw new Malformed("it does not begin with ~");
    this.#reply = reply;
  }

  /** How many characters are left. */
  get left(): number {
    return this.#reply.length - this.#position;
  }

  /** Reads a text. */
  text(): string {
    const colon = this.#reply.indexOf(":", this.#position);
    const length = colon < 0 ? undefined : wholeNumber(this.#reply.slice(this.#position, colon));
    if (length === undefined || length < 0) throw new Malformed("a length is no number");
    const end = colon + 1 + length;
    if (end > this.#reply.length) throw new Malformed("it is truncated");
    this.#position = end;
    return this.#reply.slice(colon + 1, end);
  }

  /** Reads a whole number, also a negative one. */
  number(): number {
    return wholeNumber(this.text()) ?? this.refuse("a number is none");
  }

  /** Reads a number that may have a fraction, or be written with an exponent: a score. */
  score(): number {
    return scoreOf(this.text()) ?? this.refuse("a score is none");
  }

  /** Reads a list with its length; a length that the reply cannot hold ends as truncated. */
  list<Value>(read: () => Value): Value[] {
    const values: Value[] = [];
    for (let left = this.number(); left > 0; left--) values.push(read());
    return values;
  }

  /** Reads a text; an empty one stands for nothing. */
  optional(): string | undefined {
    const text = this.text();
    return text === "" ? undefined : text;
  }

  /** Says that what was read makes no sense. */
  refuse(found: string): never {
    throw new Malformed(found);
  }

  /** Insists that nothing is left. */
  end(): void {
    if (this.left > 0) throw new Malformed(`${this.left} characters are left over`);
  }
}

/** The number of a score; `undefined` for what is none. */
export function scoreOf(text: string): number | undefined {
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** The whole number, also a negative one, that a text is as scripts write it; `undefined` for what is none. */
export function wholeNumber(text: string): number | undefined {
  if (!/^(?:0|-?[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/**
 * Reads a script's reply whole.
 *
 * @throws {SessionError} If it is not what `read` expects: `STORE_UNAVAILABLE`, or `OUTCOME_UNKNOWN` where the script
 * `writes`, since it has run.
 */
export function readReply<Value>(
  reply: string | readonly (string | null)[],
  doing: string,
  read: (reader: ReplyReader) => Value,
  options: { readonly writes?: boolean } = {},
): Value {
  try {
    if (typeof reply !== "string") throw new Malformed("it is no text");
    const reader = new ReplyReader(reply);
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new SessionError(
      options.writes === true ? "OUTCOME_UNKNOWN" : "STORE_UNAVAILABLE",
      `Cannot ${doing}: Redis answered what this release does not understand: ${error.message}`,
    );
  }
}
