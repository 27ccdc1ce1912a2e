/** Whether a value has members to read by name. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value fits one byte. */
export function isUint8(value: unknown): value is number {
  return isWholeUpTo(value, 0xff);
}

/** Whether a value fits two bytes. The parser gives -1 where a packet ends too early. */
export function isUint16(value: unknown): value is number {
  return isWholeUpTo(value, 0xffff);
}

/** Whether a value fits four bytes. The parser gives -1 where a packet ends too early. */
export function isUint32(value: unknown): value is number {
  return isWholeUpTo(value, 0xffff_ffff);
}

/** Whether a value fits a Variable Byte Integer. */
export function isVariableByteInteger(value: unknown): value is number {
  return isWholeUpTo(value, 268_435_455);
}

/** Whether a value is a text. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Whether a value is a Quality of Service level; two set bits are none. */
export function isQoS(value: unknown): value is 0 | 1 | 2 {
  return value === 0 || value === 1 || value === 2;
}

/**
 * A plain copy of bytes, or `undefined` where there are none to copy.
 *
 * A copy, because the parser hands out views of the chunk it was fed: a kept payload would hold the whole chunk in
 * memory, and change when a transport reads into the same buffer again.
 */
export function copyOfBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  return typeof value === "string" ? new TextEncoder().encode(value) : undefined;
}

function isWholeUpTo(value: unknown, maximum: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= maximum;
}
