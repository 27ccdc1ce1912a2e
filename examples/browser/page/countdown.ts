/**
 * How long until something is due, for people.
 *
 * @module
 */

/** A time that is counted down to. */
export interface Deadline {
  readonly name: string;
  /** In epoch milliseconds of the page's clock; absent when it is not running. */
  readonly at?: number;
  /** What is said instead of a countdown. */
  readonly says?: string;
}

/** What is left until a deadline. */
export function remaining({ at, says = "–" }: Deadline, now: number): string {
  if (at === undefined) return says;
  const seconds = Math.ceil((at - now) / 1_000);
  return seconds <= 0 ? "now" : `in ${duration(seconds)}`;
}

/** A number of seconds in its two largest units. */
export function duration(seconds: number): string {
  const units: readonly (readonly [name: string, seconds: number])[] = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  let left = seconds;
  const parts: string[] = [];
  for (const [name, size] of units.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(" ");
}
