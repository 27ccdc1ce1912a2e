/** Comparisons for the suite: of values as data, with a message that shows both. No runner and no platform is needed. */

/** Longer texts are shown from a little before the first difference. */
const SHOWN_CHARACTERS = 600;

/**
 * A value as text: the same text for the same data. Members that are `undefined` count as absent; maps, sets and
 * members have no order; bytes are bytes, whatever array they stand in.
 */
export function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return bytesText(value);
  if (value instanceof Map) {
    return `Map{${Array.from(value, ([key, part]) => `${canonical(key)}:${canonical(part)}`).sort().join()}}`;
  }
  if (value instanceof Set) return `Set{${Array.from(value, canonical).sort().join()}}`;
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value === "object" && value !== null) {
    const parts = Object.entries(value).filter(([, part]) => part !== undefined);
    return `{${parts.map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`).sort().join()}}`;
  }
  // JSON has no text for these.
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** Fails unless both are the same data. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [found, wanted] = [canonical(actual), canonical(expected)];
  if (found === wanted) return;
  throw new Error(`${what}:\n  expected ${shown(wanted, found)}\n  found    ${shown(found, wanted)}`);
}

/** Fails unless it holds. */
export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** The error with which a promise rejects. Fails if it does not. */
export async function expectRejection(promise: Promise<unknown>, what: string): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what}: it did not reject`);
}

/** The part of a text where it differs from another. */
function shown(text: string, other: string): string {
  if (text.length <= SHOWN_CHARACTERS) return text;
  let start = 0;
  while (start < text.length && text[start] === other[start]) start++;
  start = Math.max(0, start - 200);
  return `…${text.slice(start, start + SHOWN_CHARACTERS)}…`;
}

function bytesText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return `0x${text}`;
}
