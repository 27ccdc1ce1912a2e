/**
 * `deno task conformance --mutate ROW`: takes the rule of a row out of a copy of `src`, and shows that the tests of that row
 * fail then, and pass otherwise.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { Check } from "../mutants/checks.ts";
import { changedLines, locate, type Mutant } from "../mutants/mutant.ts";
import { firstFailure, type RunLimits } from "../mutants/tree.ts";
import { Workshop } from "../mutants/workshop.ts";
import { PROJECT_ROOT } from "../support/deno.ts";
import { filesUnder } from "../support/files.ts";
import { type RuleOut, rulesOut } from "./rules.ts";

/** How it is used. */
export const MUTATE_USAGE =
  `deno task conformance --mutate ROW …: takes the rule of each row out of a copy of src; its tests must fail

  all                for every row whose rule can be taken out:
  ${rulesOut().map(({ row }) => row).join(" ").replaceAll(/(.{90,100}) /g, "$1\n  ")}`;

const LIMITS: RunLimits = { durationMs: 120_000, silentMs: 120_000 };

/** Takes the rules of these rows out, one after the other; whether the tests of all noticed. */
export async function mutateRows(args: readonly string[]): Promise<boolean> {
  const rules = chosenRules(args);
  await using workshop = await Workshop.open();
  let unnoticed = 0;
  for (const { row, fault } of rules) {
    const source = await workshop.source(fault.file);
    const mutant = locate(fault, source);
    const { word, test } = await judge(row, mutant, workshop);
    if (word !== "caught") unnoticed += 1;
    const [line] = changedLines(source, mutant);
    console.log(
      `${row}  ${word}  ${fault.file}:${line?.number}  ${fault.name}${test === undefined ? "" : `\n       ${test}`}`,
    );
  }
  console.log(`rules: ${rules.length - unnoticed} noticed, ${unnoticed} not`);
  return unnoticed === 0;
}

/** The rows that were asked for. Throws a `TypeError` for one whose rule cannot be taken out. */
export function chosenRules(args: readonly string[]): readonly RuleOut[] {
  const all = rulesOut();
  if (args.length === 1 && args[0] === "all") return all;
  if (args.length === 0) throw new TypeError("--mutate takes rows, or all");
  return args.map((row) => {
    const rule = all.find((each) => each.row === row);
    if (rule === undefined) throw new TypeError(`Cannot take out the rule of ${row}`);
    return rule;
  });
}

/** How the tests of a row judge a fault, and which failed first. */
interface Judgement {
  readonly word: "caught" | "NOT CAUGHT" | "RED WITHOUT IT" | "NO TEST";
  readonly test?: string;
}

async function judge(row: string, mutant: Mutant, workshop: Workshop): Promise<Judgement> {
  const files = await testFilesOf(row);
  if (files.length === 0) return { word: "NO TEST" };
  const pattern = new RegExp(`^(${files.map((file) => file.replaceAll(".", "\\.")).join("|")})$`);
  const check: Check = { name: row, files: pattern, filter: `/^${row} S:/` };
  const plain = await workshop.check(check, LIMITS);
  if (plain.outcome !== "passed") return { word: "RED WITHOUT IT" };
  const { outcome, output } = await workshop.withFault(mutant, () => workshop.check(check, LIMITS));
  if (outcome === "passed") return { word: "NOT CAUGHT" };
  const test = firstFailure(output);
  return test === undefined ? { word: "caught" } : { word: "caught", test };
}

/** The files that have tests of a row of the server. */
async function testFilesOf(row: string): Promise<readonly string[]> {
  const files = (await filesUnder("tests/spec", PROJECT_ROOT)).filter((file) => file.endsWith("_test.ts"));
  const sources = await Promise.all(files.map((file) => readFile(new URL(file, PROJECT_ROOT), "utf8")));
  return files.filter((_, index) => sources[index]?.includes(`"${row}"`) || sources[index]?.includes(`\`${row}`));
}
