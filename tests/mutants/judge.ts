/**
 * Judging mutants: each is stopped at the first check that catches it.
 *
 * @module
 */
import { type Check, checksFor, narrowed } from "./checks.ts";
import type { Mutant } from "./mutant.ts";
import type { Sightings } from "./sightings.ts";
import { firstFailure, lastFile, type Run, type RunLimits, type Tree } from "./tree.ts";

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** The check that caught it; `undefined` when it survived. */
  readonly caughtBy?: Check;
  /** The test that failed first, or that it took too long. */
  readonly sign?: string;
  /** The test file that ran then. */
  readonly file?: string;
  readonly durationMs: number;
}

/** A check that does not pass without any fault, and so would say nothing about one. */
export class RedCheck extends Error {
  /** Tells it from other errors. */
  override name = "RedCheck";
}

/** A check of the tree as it is may take so long. */
const PLAIN_LIMIT_MS = 6 * 60_000;
/** A check of a mutant may take, and be silent, so many times longer, and this much more: that alone is no sign of a fault. */
const LIMIT_FACTOR = 4;
const LIMIT_EXTRA_MS = 20_000;

/**
 * Knows how checks go on the tree as it is: each is run there once, before its first failure is believed. How long it
 * took, and how long it said nothing, tells when a mutant hangs.
 */
export class Plain {
  readonly #tree: Tree;
  readonly #runs = new Map<string, Promise<Run>>();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** How long a check of a mutant may take. Throws a {@linkcode RedCheck} for one that fails without any fault. */
  async limits(check: Check): Promise<RunLimits> {
    let run = this.#runs.get(check.name);
    if (run === undefined) {
      const limits = { durationMs: PLAIN_LIMIT_MS, silentMs: PLAIN_LIMIT_MS };
      this.#runs.set(check.name, run = this.#tree.check(check, limits));
    }
    const { outcome, output, durationMs, silentMs } = await run;
    if (outcome !== "passed") throw new RedCheck(`Without any fault "${check.name}" ${outcome}:\n${output}`);
    const limitOf = (plainMs: number): number => plainMs * LIMIT_FACTOR + LIMIT_EXTRA_MS;
    return { durationMs: limitOf(durationMs), silentMs: limitOf(silentMs) };
  }
}

/** How mutants are judged. */
export interface JudgeOptions {
  /** Names of checks that are left out. */
  readonly without?: readonly string[];
  /** Where mutants were seen before: that file is asked first, by itself. */
  readonly sightings?: Sightings;
}

/** Tries the checks of a mutant in order until one catches it; first of all the file that caught it before. */
export async function judge(
  mutant: Mutant,
  tree: Tree,
  plain: Plain,
  { without = [], sightings = {} }: JudgeOptions = {},
): Promise<Verdict> {
  const startedAt = performance.now();
  const checks = checksFor(mutant.file).filter((check) => !without.includes(check.name) && tree.has(check));
  const seenIn = sightings[mutant.name];
  const seenBy = seenIn === undefined ? undefined : checks.find(({ files }) => files?.test(seenIn));
  const tries = [
    ...(seenIn === undefined || seenBy === undefined ? [] : [{ check: narrowed(seenBy, seenIn), caughtBy: seenBy }]),
    ...checks.map((check) => ({ check, caughtBy: check })),
  ];
  for (const { check, caughtBy } of tries) {
    const limits = await plain.limits(check);
    const { outcome, output } = await tree.withFault(mutant, () => tree.check(check, limits));
    if (outcome === "passed") continue;
    const sign = outcome === "tooLong" ? "it takes too long" : firstFailure(output) ?? lastLine(output);
    const file = lastFile(output);
    const durationMs = performance.now() - startedAt;
    return { mutant, caughtBy, sign, ...(file === undefined ? {} : { file }), durationMs };
  }
  return { mutant, durationMs: performance.now() - startedAt };
}

function lastLine(output: string): string {
  const lines = output.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return lines.find((line) => line.startsWith("error:")) ?? lines.at(-1) ?? "it failed without a word";
}
