/**
 * `deno task mutate`: are faults of `src` noticed?
 *
 * Makes one-line faults, chosen and drawn, each in a copy of the checkout, and stops each at the first check that catches
 * it. The last line is `mutants: N caught, M survived`; the exit code is 1 when one survived.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runDeno } from "../support/deno.ts";
import { missing } from "../support/requirements.ts";
import { CHOSEN_FAULTS } from "./chosen.ts";
import { drawOrder, type EditableSource } from "./draw.ts";
import { isFault } from "./equivalent.ts";
import { judge, Plain, RedCheck, type Verdict } from "./judge.ts";
import { locate, type Mutant } from "./mutant.ts";
import { type MutateOptions, readOptions } from "./options.ts";
import { lineOf, tableOf } from "./report.ts";
import { readSightings, writeSightings } from "./sightings.ts";
import { firstUsable } from "./usable.ts";
import { Workshop } from "./workshop.ts";

const startedAt = performance.now();
const options = optionsOrFail();
console.log(`seed ${options.seed}`);
const lacking = await missing(["redis"], { install: true });
if (lacking.length > 0) fail(`${lacking.map(({ name, advice }) => `${name} is missing: ${advice}`).join("\n")}`);

const plainTree = await Workshop.open();
const plain = new Plain(plainTree);
const trees = await Promise.all(Array.from({ length: options.workers }, () => plainTree.copy()));
const sightings = await readSightings();
const verdicts: Verdict[] = [];
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, async () => {
    await clear();
    Deno.exit(130);
  });
}
try {
  const all = await faults();
  const mutants = all.filter(({ name, file }) =>
    options.only.every((part) => name.includes(part) || file.includes(part))
  );
  const waiting = mutants.values();
  await Promise.all(trees.map(async (tree) => {
    for (const mutant of waiting) {
      const verdict = await judge(mutant, tree, plain, { without: options.without, sightings });
      verdicts.push(verdict);
      console.log(lineOf(verdict, await plainTree.source(mutant.file)));
    }
  }));
} catch (error) {
  if (!(error instanceof RedCheck)) throw error;
  console.error(error.message);
  Deno.exitCode = 2;
} finally {
  await clear();
}

const survived = verdicts.filter(({ caughtBy }) => caughtBy === undefined);
if (options.report !== undefined) {
  await writeFile(options.report, tableOf(verdicts));
  await writeSightings(sightings, verdicts);
  await runDeno(["fmt", "--quiet", resolve(options.report)]);
}
console.log(`${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes, seed ${options.seed}`);
console.log(`mutants: ${verdicts.length - survived.length} caught, ${survived.length} survived`);
if (survived.length > 0 || verdicts.length === 0) Deno.exitCode = 1;

/** Removes all copies, with what still runs in them. */
async function clear(): Promise<void> {
  for (const tree of [plainTree, ...trees]) await tree[Symbol.asyncDispose]();
}

/**
 * All that were chosen, and of those drawn as many from each area as from the others: what its order names first, whose
 * types are right and which are faults. A fault whose types are wrong may be no program at all, and then shows nothing.
 */
async function faults(): Promise<readonly Mutant[]> {
  const chosen = await Promise.all(CHOSEN_FAULTS.map(async (fault) => locate(fault, await sourceOf(fault.file))));
  const orders = options.drawn === 0
    ? []
    : drawOrder(await allEdits(), options.seed).map((order) => order.filter(isFault));
  const sizes = orders.map((_, index) => Math.floor((options.drawn + index) / orders.length));
  const [tree = plainTree] = trees;
  const usable = await firstUsable([chosen, ...orders], [chosen.length, ...sizes], (mutants) => tree.broken(mutants));
  const broken = chosen.filter((mutant) => !usable.includes(mutant)).map(({ name }) => `"${name}"`);
  if (broken.length > 0) throw new Error(`Cannot judge ${broken.join(", ")}: the types are wrong`);
  return usable;
}

async function allEdits(): Promise<readonly EditableSource[]> {
  const folder = await mkdtemp(join(tmpdir(), "mutants-"));
  try {
    const path = join(folder, "edits.json");
    const args = ["test", "--quiet", "-A", "--no-check", "tests/mutants/list_edits.ts", "--", path];
    const { success, output } = await runDeno(args, plainTree.root);
    if (!success) throw new Error(`Cannot find what may be changed:\n${output}`);
    // Written by list_edits.ts just now.
    return JSON.parse(await readFile(path, "utf8")) as readonly EditableSource[];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function sourceOf(file: string): Promise<string> {
  return await plainTree.source(file);
}

function optionsOrFail(): MutateOptions {
  try {
    return readOptions(Deno.args);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function fail(message: string): never {
  console.error(message);
  Deno.exit(2);
}
