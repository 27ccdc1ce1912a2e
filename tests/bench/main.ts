/**
 * `deno task bench`: every budget, each figure beside its reference in the same run. Nothing here decides whether a test
 * passes; a budget that is missed says so.
 *
 * Names as arguments choose parts: `deno task bench step sizes`.
 *
 * @module
 */
import { measureBudgets, printBudgets } from "./budgets.ts";
import { measureMemory, printMemory } from "./memory.ts";
import { benchResume } from "./resume.ts";
import { benchRouting } from "./routing.ts";
import type { BenchRow } from "./row.ts";
import { measureSizes, printSizes } from "./sizes.ts";
import { benchStep } from "./step.ts";

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  budgets: async () => printBudgets(await measureBudgets()),
  step: async () => printComparisons("step of the machine against mqtt-packet", await benchStep()),
  routing: async () => printComparisons("routing against qlobber", await benchRouting()),
  resume: async () => printComparisons("many sessions against few", await benchResume()),
  memory: async () => printMemory(await measureMemory()),
  sizes: async () => printSizes(await measureSizes()),
};

function printComparisons(title: string, rows: readonly BenchRow[]): void {
  console.log(`${title.padEnd(76)}      ours       peer   ratio  target`);
  for (const { name, ours, peer, unit, ratio, target, met } of rows) {
    const hasTarget = Number.isFinite(target);
    const verdict = hasTarget ? `${target.toFixed(2).padStart(8)} ${met ? "met" : "MISSED"}` : "       -";
    console.log(
      `${name.padEnd(76)}${number(ours)}${number(peer)} ${unit.padEnd(5)}${ratio.toFixed(2).padStart(7)}${verdict}`,
    );
  }
}

function number(value: number): string {
  return value.toPrecision(4).padStart(11);
}

const chosen = Deno.args.length === 0 ? Object.keys(PARTS) : Deno.args;
const { deno, v8 } = Deno.version;
console.log(`deno ${deno}, V8 ${v8}, ${navigator.hardwareConcurrency} cores\n`);
for (const name of chosen) {
  const part = PARTS[name];
  if (part === undefined) {
    console.error(`There is no part named ${name}; there are ${Object.keys(PARTS).join(", ")}`);
    Deno.exit(2);
  }
  await part();
  console.log();
}
