/** Ways in which stored bytes go wrong. */
import fc from "fast-check";

/** What becomes of bytes. */
export interface Damage {
  readonly name: string;
  apply(bytes: Uint8Array): Uint8Array;
}

/** Numbers that a length, a count or a sequence may claim: around each width, and the largest that can be written. */
const CLAIMS: readonly number[] = [
  0,
  1,
  127,
  128,
  255,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 2,
  2 ** 53 - 1,
];

/** A number as records write it. */
export function leb128(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push(rest % 0x80 + 0x80);
  return Uint8Array.from([...bytes, rest]);
}

const place = fc.nat({ max: 100_000 });

const flip = fc.tuple(place, fc.nat({ max: 7 })).map(([at, bit]): Damage => ({
  name: `bit ${bit} of byte ${at} flipped`,
  apply: (bytes) => bytes.map((byte, index) => index === at % bytes.length ? byte ^ 1 << bit : byte),
}));

const cut = place.map((at): Damage => ({
  name: `cut at ${at}`,
  apply: (bytes) => bytes.slice(0, at % Math.max(1, bytes.length)),
}));

const extended = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more): Damage => ({
  name: `${more.length} bytes more`,
  apply: (bytes) => joined(bytes, more),
}));

/** A number or a length in the middle claims something else; what stood behind it still does. */
const claim = fc.tuple(fc.nat({ max: 200 }), fc.constantFrom(...CLAIMS)).map(([at, value]): Damage => ({
  name: `${value} claimed at ${at}`,
  apply: (bytes) => {
    // Behind the version and the kind, so that the fields are reached.
    const where = bytes.length <= 2 ? bytes.length : 2 + at % (bytes.length - 2);
    let end = where;
    while ((bytes[end] ?? 0) >= 0x80) end++;
    return joined(bytes.slice(0, where), leb128(value), bytes.slice(end + 1));
  },
}));

const other = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 300 })).map(([at, bytes]): Damage => ({
  name: `${bytes.length} other bytes from ${at} on`,
  apply: (whole) => {
    const where = at % Math.max(1, whole.length);
    return joined(whole.slice(0, where), bytes, whole.slice(where + bytes.length));
  },
}));

const version = fc.integer({ min: 0, max: 255 }).map((byte): Damage => ({
  name: `schema version ${byte}`,
  apply: (bytes) => joined(Uint8Array.of(byte), bytes.slice(1)),
}));

const kind = fc.integer({ min: 0, max: 20 }).map((byte): Damage => ({
  name: `kind ${byte}`,
  apply: (bytes) => joined(bytes.slice(0, 1), Uint8Array.of(byte), bytes.slice(2)),
}));

const replaced = fc.uint8Array({ maxLength: 64 }).map((bytes): Damage => ({
  name: `${bytes.length} other bytes altogether`,
  apply: () => new Uint8Array(bytes),
}));

const one: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 6, arbitrary: claim },
  { weight: 4, arbitrary: flip },
  { weight: 2, arbitrary: cut },
  { weight: 2, arbitrary: other },
  extended,
  version,
  kind,
  replaced,
);

/** One to three of the ways, one after another. */
export const damage: fc.Arbitrary<Damage> = fc.array(one, { minLength: 1, maxLength: 3 }).map((parts): Damage => ({
  name: parts.map(({ name }) => name).join(", "),
  apply: (bytes) => parts.reduce((spoiled, part) => part.apply(spoiled), bytes),
}));

/** Pieces as one. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
