/**
 * Names that nobody else has: what the stores draw by themselves.
 *
 * @module
 */

/** A random UUID, for what must not meet anything that was ever made. */
export function randomId(): string {
  // deno-lint-ignore edge-mqtt/no-ambient -- the one place of the stores that draws ids; their option `newId` replaces it
  return crypto.randomUUID();
}

/**
 * 96 random bits in 21 letters, for what stands beside each row: no run and no writer draws the same twice. Unlike
 * `randomUUID`, it is there in a page without HTTPS, too.
 */
export function uniqueText(): string {
  // deno-lint-ignore edge-mqtt/no-ambient -- versions and writers must not come again after a crash: no counter will do
  const words = crypto.getRandomValues(new Uint32Array(3));
  return Array.from(words, (word) => word.toString(36).padStart(7, "0")).join("");
}
