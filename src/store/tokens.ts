/**
 * Which tokens have had a session: what an acquire that was late on its way is told from a new one by (D1).
 *
 * A record has room for a few bytes of each. That two of one session begin alike is about as likely as one in 10^13, and
 * the connection that it happens to is refused, once.
 *
 * @module
 */

/** How many tokens a store remembers of a session, that of its owner among them. */
export const TOKENS_KEPT = 8;

/** How many bytes of each. */
const BYTES = 6;

const encoder = new TextEncoder();

/**
 * A token in short: no digest that takes a promise, since nobody makes up a token to be like another. Tokens of the same
 * length that differ in one byte never are.
 */
export function shortToken(token: string): Uint8Array {
  let [first, second] = [1, 2];
  for (const byte of encoder.encode(token)) {
    first = mixed(first, byte, 0x9e37_79b1);
    second = mixed(second, byte, 0x85eb_ca6b);
  }
  const short = new DataView(new ArrayBuffer(BYTES));
  short.setInt32(0, first);
  short.setInt16(4, second);
  return new Uint8Array(short.buffer);
}

/** The next of a row of states: each byte leads from every state to another one. */
function mixed(state: number, byte: number, factor: number): number {
  const product = Math.imul(state ^ byte, factor);
  return product ^ product >>> 15;
}

/** Whether a token is among those of a session. */
export function isUsed(tokens: Uint8Array, short: Uint8Array): boolean {
  for (let start = 0; start < tokens.length; start += BYTES) {
    if (short.every((byte, index) => tokens[start + index] === byte)) return true;
  }
  return false;
}

/** The tokens of a session once another one has it: the oldest is forgotten. */
export function withToken(tokens: Uint8Array, short: Uint8Array): Uint8Array {
  const kept = tokens.subarray(Math.max(0, tokens.length - (TOKENS_KEPT - 1) * BYTES));
  return new Uint8Array([...kept, ...short]);
}
