/** The most bytes that a UTF-8 Encoded String may have: its length is two bytes on the wire. */
export const MAX_STRING_BYTES = 65_535;

/**
 * How many bytes a text takes in UTF-8.
 *
 * A lone surrogate counts as the three bytes of U+FFFD, which is what an encoder writes for it.
 */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      bytes += 1;
      continue;
    }
    bytes += 2;
    // A pair is two units and four bytes, so its second half adds nothing.
    if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(index + 1))) index++;
  }
  return bytes;
}

/**
 * Whether a text can stand in a packet as a UTF-8 Encoded String: at most 65 535 bytes, no lone surrogate
 * ([MQTT-1.5.4-1]) and no U+0000 ([MQTT-1.5.4-2]).
 */
export function isUtf8EncodedString(text: string): boolean {
  if (text.length > MAX_STRING_BYTES || !text.isWellFormed() || text.includes("\0")) return false;
  // A UTF-16 unit takes three bytes at most, so short texts need no counting.
  return text.length * 3 <= MAX_STRING_BYTES || utf8Length(text) <= MAX_STRING_BYTES;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
