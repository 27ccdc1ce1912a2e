/**
 * Chance with a seed, so that a failure can be repeated: the seed is printed by whoever makes one.
 *
 * @module
 */

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed from the environment variable SEED, or a new one; printed, so that the run can be repeated. */
export function printedSeed(name: string): number {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 2 ** 31);
  console.log(`${name}: SEED=${seed}`);
  return seed;
}
