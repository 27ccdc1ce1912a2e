/** A source of chance that gives the same for the same seed, on every platform. Not for secrets. */
export interface Random {
  /** The seed, to be printed when a test fails. */
  readonly seed: number;
  /** From 0, included, to 1, left out. */
  next(): number;
  /** A whole number from 0, included, to `limit`, left out. */
  below(limit: number): number;
  /** True that often: 0 is never, 1 always. */
  chance(probability: number): boolean;
  /** One of these. Throws a `RangeError` for none. */
  pick<Value>(values: readonly Value[]): Value;
  /** The same values in another order. */
  shuffle<Value>(values: readonly Value[]): Value[];
  /** A text of 24 hexadecimal digits: unique for all practical purposes within a seed. */
  id(): string;
}

/**
 * Makes a source of chance from a seed, of which the lower 32 bits count (mulberry32).
 *
 * @example
 * ```ts
 * import { random } from "@edge-mqtt/session/testing";
 *
 * console.assert(random(7).below(100) === random(7).below(100));
 * ```
 */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const word = (): string => below(0x1_0000_0000).toString(16).padStart(8, "0");
  return {
    seed,
    next,
    below,
    chance: (probability) => next() < probability,
    pick: <Value>(values: readonly Value[]): Value => {
      if (values.length === 0) throw new RangeError("Cannot pick a value: there is none");
      // Below the length, so there is one.
      return values[below(values.length)] as Value;
    },
    shuffle: <Value>(values: readonly Value[]): Value[] => {
      const mixed = [...values];
      for (let index = mixed.length - 1; index > 0; index--) {
        const other = below(index + 1);
        // Both are inside the array.
        [mixed[index], mixed[other]] = [mixed[other] as Value, mixed[index] as Value];
      }
      return mixed;
    },
    id: () => word() + word() + word(),
  };
}
