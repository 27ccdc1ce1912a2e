/**
 * How names become parts of a key: any text turns into printable ASCII of bounded length, and no two texts into the same.
 *
 * @module
 */

/** The longest part in bytes, once escaped. A longer one is replaced by its SHA-256. */
export const MAX_PART_BYTES = 256;

/**
 * The longest text in bytes that stands in every record that names it. A longer one stands in rows of its own, once, and
 * the others hold its digest, as their keys do.
 */
export const MAX_NAME_BYTES = 1_024;

/** Begins a part that is a digest; no escaped text contains it. */
const DIGEST_MARK = "~";

const PLAIN = /^[A-Za-z0-9_.+#$@:=,-]*$/;

const encoder = new TextEncoder();

/** Turns texts into parts of keys. Digests take a promise, so long texts are prepared before they are used. */
export class KeyParts {
  readonly #digests = new Map<string, string>();

  /** Prepares texts; short ones need none of it. */
  async prepare(texts: Iterable<string>): Promise<void> {
    for (const text of texts) {
      if (isShort(text) || this.#digests.has(text)) continue;
      const escaped = escapePart(text);
      if (escaped.length > MAX_PART_BYTES) this.#digests.set(text, DIGEST_MARK + await digestOf(escaped));
    }
  }

  /** The part for a text. Throws a `TypeError` for a long one that was not prepared. */
  of(text: string): string {
    const digest = this.#digests.get(text);
    if (digest !== undefined) return digest;
    const escaped = escapePart(text);
    if (escaped.length <= MAX_PART_BYTES) return escaped;
    throw new TypeError("Cannot name a key: the digest of a long text was not prepared");
  }

  /** The text as records hold it: itself, or its part of a key when it is too long for them. */
  inRecord(text: string): string {
    return isLong(text) ? this.of(text) : text;
  }
}

/** Whether a text is too long for the records that name it. */
export function isLong(text: string): boolean {
  return text.length * 3 > MAX_NAME_BYTES && encoder.encode(text).length > MAX_NAME_BYTES;
}

/** Whether a record may hold the digest of a long text; only its key tells. */
export function mayBeDigest(stored: string): boolean {
  return stored.startsWith(DIGEST_MARK);
}

/** Whether a record holds the digest of a long text, which is what its key holds, and not a text. */
export function isDigest(stored: string, part: string): boolean {
  return stored === part && part.startsWith(DIGEST_MARK);
}

/** Whether a text is the one that a part of a key stands for. */
export async function isNamedBy(text: string, part: string): Promise<boolean> {
  return DIGEST_MARK + await digestOf(escapePart(text)) === part;
}

/**
 * A text in printable ASCII: letters, digits and `_.+#$@:=,-` stay, everything else becomes `%` and two hexadecimal
 * digits for each byte of UTF-8; half of a surrogate pair becomes `%u` and four.
 */
export function escapePart(text: string): string {
  if (PLAIN.test(text)) return text;
  let escaped = "";
  for (const character of text) {
    if (PLAIN.test(character)) escaped += character;
    else if (!character.isWellFormed()) escaped += `%u${character.charCodeAt(0).toString(16)}`;
    else for (const byte of encoder.encode(character)) escaped += `%${hexOf(byte)}`;
  }
  return escaped;
}

/** The name that {@linkcode escapePart} turned into a part; `undefined` for a digest. */
export function unescapePart(part: string): string | undefined {
  if (part.startsWith("~")) return undefined;
  if (!part.includes("%")) return part;
  let text = "";
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length > 0) text += new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
    bytes = [];
  };
  for (let index = 0; index < part.length;) {
    if (part[index] !== "%") {
      flush();
      text += part[index++];
    } else if (part[index + 1] === "u") {
      flush();
      text += String.fromCharCode(Number.parseInt(part.slice(index + 2, index + 6), 16));
      index += 6;
    } else {
      bytes.push(Number.parseInt(part.slice(index + 1, index + 3), 16));
      index += 3;
    }
  }
  flush();
  return text;
}

/** The SHA-256 of a text, in hexadecimal digits. */
export async function digestOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
  return Array.from(digest, hexOf).join("");
}

/** A whole number from 0 to 2^53 − 1 in 16 digits, so that keys are in the order of their numbers. */
export function numberPart(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Cannot name a key: ${value} is not a whole number from 0 to 2^53 - 1`);
  }
  return String(value).padStart(16, "0");
}

/** A moment as a part of a key. What lies outside of the numbers that can be written is moved to their edge. */
export function timePart(at: number): string {
  return numberPart(Math.min(Math.max(Math.ceil(at), 0), Number.MAX_SAFE_INTEGER));
}

/** A text whose every UTF-16 unit may take nine bytes and still fits. */
function isShort(text: string): boolean {
  return text.length * 9 <= MAX_PART_BYTES;
}

function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
