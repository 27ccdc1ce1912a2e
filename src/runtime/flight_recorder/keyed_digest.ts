/** Eight bytes that tell payloads apart, and say nothing of them to whoever does not have the key: HalfSipHash-2-4. */
export type KeyedDigest = (bytes: Uint8Array) => string;

/** Makes a digest of a key of 8 bytes. */
export function keyedDigest(key: Uint8Array): KeyedDigest {
  const view = new DataView(key.buffer, key.byteOffset, 8);
  const [k0, k1] = [view.getInt32(0, true), view.getInt32(4, true)];
  return (bytes) => {
    const v = new Int32Array([k0, k1 ^ 0xee, k0 ^ 0x6c796765, k1 ^ 0x74656462]);
    const whole = bytes.length - bytes.length % 4;
    for (let at = 0; at < whole; at += 4) absorb(v, word(bytes, at, 4));
    absorb(v, word(bytes, whole, bytes.length - whole) | (bytes.length << 24));
    v[2] = lane(v, 2) ^ 0xee;
    rounds(v, 4);
    const first = lane(v, 1) ^ lane(v, 3);
    v[1] = lane(v, 1) ^ 0xdd;
    rounds(v, 4);
    const digest = new DataView(new ArrayBuffer(8));
    digest.setInt32(0, first, true);
    digest.setInt32(4, lane(v, 1) ^ lane(v, 3), true);
    return hexOf(new Uint8Array(digest.buffer));
  };
}

/** Bytes as lower-case hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes that hexadecimal digits stand for. */
export function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}

function word(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = 0; index < length; index++) value |= (bytes[at + index] ?? 0) << (8 * index);
  return value;
}

function absorb(v: Int32Array, m: number): void {
  v[3] = lane(v, 3) ^ m;
  rounds(v, 2);
  v[0] = lane(v, 0) ^ m;
}

/** There are four, and each is asked for by its number. */
function lane(v: Int32Array, index: 0 | 1 | 2 | 3): number {
  return v[index] as number;
}

function rounds(v: Int32Array, count: number): void {
  let [a, b, c, d] = [lane(v, 0), lane(v, 1), lane(v, 2), lane(v, 3)];
  for (let round = 0; round < count; round++) {
    a = (a + b) | 0;
    b = rotated(b, 5) ^ a;
    a = rotated(a, 16);
    c = (c + d) | 0;
    d = rotated(d, 8) ^ c;
    a = (a + d) | 0;
    d = rotated(d, 7) ^ a;
    c = (c + b) | 0;
    b = rotated(b, 13) ^ c;
    c = rotated(c, 16);
  }
  v.set([a, b, c, d]);
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
