import type { Check } from "./checks.ts";
import type { Mutant } from "./mutant.ts";

/** How a run of deno in a copy went. */
export interface Run {
  readonly outcome: "passed" | "failed" | "tooLong";
  readonly output: string;
  readonly durationMs: number;
  /** The longest time without a word. */
  readonly silentMs: number;
}

/** How long a run may take. */
export interface RunLimits {
  /** All of it, in milliseconds. */
  readonly durationMs: number;
  /** Without a word, in milliseconds: what hangs says nothing more. */
  readonly silentMs: number;
}

/** A copy of the checkout, as its judge sees it. */
export interface Tree {
  /** Whether a check can be made there. */
  has(check: Check): boolean;
  /** Makes a check within limits. */
  check(check: Check, limits: RunLimits): Promise<Run>;
  /** Makes a fault, does something, and mends it. */
  withFault<T>(mutant: Mutant, use: () => Promise<T>): Promise<T>;
}

/** The test file that ran when a run that ends with its first failure ended; `undefined` when none did. */
export function lastFile(output: string): string | undefined {
  return [...output.matchAll(/^running \d+ tests? from \.?\/?(\S+)$/gm)].at(-1)?.[1];
}

/** The test that failed first, or the first violation that a search found; `undefined` when there was none, since a file could not even be loaded. */
export function firstFailure(output: string): string | undefined {
  const errors = output.slice(output.indexOf("\n ERRORS \n") + 1);
  return /^(.+) => \.?\/?\S+:\d+(?::\d+)?$/m.exec(errors)?.[1] ?? /^seed \d+: .+$/m.exec(output)?.[0];
}
