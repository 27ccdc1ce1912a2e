import { parseArgs } from "node:util";

/** What the command is asked to do. */
export interface MutateOptions {
  readonly seed: number;
  /** How many faults are drawn, from all areas together. */
  readonly drawn: number;
  /** Parts of names or paths: mutants that have all of them are judged. */
  readonly only: readonly string[];
  /** How many are judged at once. */
  readonly workers: number;
  /** Names of checks that are left out. */
  readonly without: readonly string[];
  /** Where the results go as a table. */
  readonly report: string | undefined;
}

const USAGE =
  "deno task mutate [--seed N] [--drawn N] [--only TEXT …] [--workers N] [--without CHECK …] [--report FILE]";

/** Reads the arguments of the command. Throws a `TypeError` that says how they go. */
export function readOptions(args: readonly string[]): MutateOptions {
  const text = { type: "string" } as const;
  const texts = { type: "string", multiple: true } as const;
  const options = { seed: text, drawn: text, only: texts, workers: text, without: texts, report: text };
  try {
    const { values } = parseArgs({ args: [...args], options });
    const { seed = "1", drawn = "40", only = [], workers = "2", without = [], report } = values;
    return {
      seed: natural(seed),
      drawn: natural(drawn),
      only,
      workers: Math.max(1, natural(workers)),
      without,
      report,
    };
  } catch (cause) {
    throw new TypeError(`${cause instanceof Error ? cause.message : cause}\n${USAGE}`, { cause });
  }
}

function natural(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new TypeError(`${text} is no number`);
}
