/** Bytes in pieces, as a transport brings them: cut anywhere, several packets in one, one packet in many. */
import fc from "fast-check";

/** Lengths of pieces, used over and over: mostly short ones, sometimes whole frames. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constant([Infinity]),
  fc.constant([1]),
  fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 3_000 })), {
    minLength: 1,
    maxLength: 6,
  }),
);

/** More pieces try nothing that fewer would not. */
const MOST_PIECES = 300;

/** Cuts bytes; pieces of many bytes are longer than asked for. */
export function inPieces(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const wanted = lengths[pieces.length % lengths.length] ?? Infinity;
    // The beginning, where most is decided, is cut as asked for.
    const length = pieces.length < MOST_PIECES ? wanted : Math.max(wanted, bytes.length / MOST_PIECES);
    const end = Math.ceil(at + length);
    pieces.push(bytes.slice(at, end));
    at = end;
  }
  return pieces;
}
