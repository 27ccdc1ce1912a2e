/** One line of a comparison, both sides measured in the same run. */
export interface BenchRow {
  /** What was measured. */
  readonly name: string;
  /** The median of this library, in `unit`. */
  readonly ours: number;
  /** The median of what it is compared with, in `unit`. */
  readonly peer: number;
  /** Unit of both; less is better. */
  readonly unit: "µs" | "ms" | "ns" | "bytes";
  /** `ours / peer`. */
  readonly ratio: number;
  /** The largest ratio that meets the budget. */
  readonly target: number;
  /** Whether `ratio` is within `target`. */
  readonly met: boolean;
}

/** Makes a row of two measurements and a target ratio. */
export function benchRow(
  measured: Pick<BenchRow, "name" | "ours" | "peer" | "unit">,
  target: number,
): BenchRow {
  const ratio = measured.ours / measured.peer;
  return { ...measured, ratio, target, met: ratio <= target };
}

/** The middle of some measurements; the mean of the two middle ones when their number is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
