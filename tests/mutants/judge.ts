/**
 * Judging mutants: each is stopped at the first check that catches it.
 *
 * @module
 */
import { type Check, checksFor } from "./checks.ts";
import type { Mutant } from "./mutant.ts";
import { firstFailure, type Run, type Tree } from "./tree.ts";

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** The check that caught it; `undefined` when it survived. */
  readonly caughtBy?: Check;
  /** The test that failed first, or that it took too long. */
  readonly sign?: string;
  readonly durationMs: number;
}

/** A check that does not pass without any fault, and so would say nothing about one. */
export class RedCheck extends Error {
  /** Tells it from other errors. */
  override name = "RedCheck";
}

/** A check of the tree as it is may take so long. */
const PLAIN_LIMIT_MS = 6 * 60_000;
/** A check of a mutant may take so many times longer, and this much more: that alone is no sign of a fault. */
const LIMIT_FACTOR = 4;
const LIMIT_EXTRA_MS = 20_000;

/**
 * Knows how checks go on the tree as it is: each is run there once, before its first failure is believed. How long it
 * took says when a mutant hangs.
 */
export class Plain {
  readonly #tree: Tree;
  readonly #runs = new Map<string, Promise<Run>>();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** How long a check of a mutant may take. Throws a {@linkcode RedCheck} for one that fails without any fault. */
  async limitMs(check: Check): Promise<number> {
    let run = this.#runs.get(check.name);
    if (run === undefined) this.#runs.set(check.name, run = this.#tree.check(check, PLAIN_LIMIT_MS));
    const { outcome, output, durationMs } = await run;
    if (outcome !== "passed") throw new RedCheck(`Without any fault "${check.name}" ${outcome}:\n${output}`);
    return durationMs * LIMIT_FACTOR + LIMIT_EXTRA_MS;
  }
}

/** Tries the checks of a mutant in order, but for some that are left out, until one catches it. */
export async function judge(
  mutant: Mutant,
  tree: Tree,
  plain: Plain,
  without: readonly string[] = [],
): Promise<Verdict> {
  const startedAt = performance.now();
  for (const check of checksFor(mutant.file)) {
    if (without.includes(check.name) || !tree.has(check)) continue;
    const limitMs = await plain.limitMs(check);
    const { outcome, output } = await tree.withFault(mutant, () => tree.check(check, limitMs));
    if (outcome === "passed") continue;
    const sign = outcome === "tooLong" ? "it takes too long" : firstFailure(output) ?? lastLine(output);
    return { mutant, caughtBy: check, sign, durationMs: performance.now() - startedAt };
  }
  return { mutant, durationMs: performance.now() - startedAt };
}

function lastLine(output: string): string {
  const lines = output.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return lines.find((line) => line.startsWith("error:")) ?? lines.at(-1) ?? "it failed without a word";
}
