/** Ways in which bytes on the wire go wrong. */
import fc from "fast-check";
import { joined } from "./damage.ts";
import type { Damage } from "./damage.ts";

const place = fc.nat({ max: 4_000 });

const one: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(place, fc.nat({ max: 7 })).map(([at, bit]): Damage => ({
    name: `bit ${bit} of byte ${at} flipped`,
    apply: (bytes) => bytes.map((byte, index) => index === at % bytes.length ? byte ^ 1 << bit : byte),
  })),
  // Most of what decides stands at the beginning of a packet.
  fc.tuple(fc.nat({ max: 20 }), fc.integer({ min: 0, max: 255 })).map(([at, value]): Damage => ({
    name: `byte ${at} is ${value}`,
    apply: (bytes) => bytes.map((byte, index) => index === at % bytes.length ? value : byte),
  })),
  fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 12 })).map(([at, more]): Damage => ({
    name: `${more.length} bytes put in at ${at}`,
    apply: (bytes) => {
      const where = at % Math.max(1, bytes.length);
      return joined(bytes.slice(0, where), more, bytes.slice(where));
    },
  })),
  fc.tuple(place, fc.integer({ min: 1, max: 12 })).map(([at, count]): Damage => ({
    name: `${count} bytes left out at ${at}`,
    apply: (bytes) => {
      const where = at % Math.max(1, bytes.length);
      return joined(bytes.slice(0, where), bytes.slice(where + count));
    },
  })),
  fc.tuple(place, fc.constantFrom(0x7f, 0x80, 0xff)).map(([at, value]): Damage => ({
    name: `a length of four bytes ${value} at ${at}`,
    apply: (bytes) => {
      const where = at % Math.max(1, bytes.length);
      return joined(bytes.slice(0, where), Uint8Array.of(0xff, 0xff, 0xff, value), bytes.slice(where + 4));
    },
  })),
  place.map((at): Damage => ({
    name: `cut at ${at}`,
    apply: (bytes) => bytes.slice(0, at % Math.max(1, bytes.length)),
  })),
);

/** One to three of the ways. */
export const wireDamage: fc.Arbitrary<Damage> = fc.array(one, { minLength: 1, maxLength: 3 }).map((parts): Damage => ({
  name: parts.map(({ name }) => name).join(", "),
  apply: (bytes) => parts.reduce((spoiled, part) => part.apply(spoiled), bytes),
}));
