/**
 * `deno task bench`: every budget, each figure beside its reference in the same run. Nothing here decides whether a test
 * passes; a budget that is missed says so, and the task fails.
 *
 * Names as arguments choose parts: `deno task bench step sizes`. Those that take many minutes run only when they are
 * named.
 *
 * @module
 */
import { measureAedes } from "./aedes.ts";
import { benchBrowser } from "./browser/bench.ts";
import { measureBudgets, printBudgets } from "./budgets.ts";
import { benchBills, benchWakes, printDurableObject } from "./durable_object/bench.ts";
import { benchShards, printShards } from "./durable_object/shards.ts";
import { benchFanOut, printFanOut } from "./fan_out.ts";
import { benchFilters, printShapes } from "./filters.ts";
import { measureMemory, printMemory } from "./memory.ts";
import { benchResume } from "./resume.ts";
import { benchRetained, printRetained } from "./retained.ts";
import { benchRouting } from "./routing.ts";
import type { BenchRow } from "./row.ts";
import { benchShared } from "./shared.ts";
import { measureSizes, printSizes } from "./sizes.ts";
import { benchStep } from "./step.ts";
import { benchBill, printBill } from "./upstash/bill.ts";
import { benchCrowd, printCrowd } from "./upstash/crowd.ts";
import { benchHistories, printHistories } from "./upstash/histories.ts";
import { Rig } from "./upstash/rig.ts";
import { benchSteps, printSteps } from "./upstash/steps.ts";
import { benchWall, printWall } from "./upstash/wall.ts";

/** Each measures, prints, and answers whether its budgets were met. */
const PARTS: Readonly<Record<string, () => Promise<boolean>>> = {
  budgets: async () => printBudgets(await measureBudgets()),
  step: async () => printComparisons("step of the machine against mqtt-packet", await benchStep()),
  routing: async () => printComparisons("routing against qlobber", await benchRouting()),
  filters: async () => {
    const { rows, shapes } = await benchFilters();
    printShapes(shapes);
    return printComparisons("many filters against qlobber", rows);
  },
  "fan-out": async () => {
    printFanOut(await benchFanOut());
    return true;
  },
  retained: async () => {
    printRetained(await benchRetained());
    return true;
  },
  resume: async () => printComparisons("many sessions against few", await benchResume()),
  shared: async () => printComparisons("a group of 50 members against 50 subscriptions", await benchShared()),
  memory: async () => printMemory(await measureMemory()),
  browser: async () => printComparisons("sessions of MQTT.js in Chromium", await benchBrowser()),
  sizes: async () => printSizes(await measureSizes()),
  "durable-object": async () => {
    printDurableObject(await benchBills(), await benchWakes());
    printShards(await benchShards());
    return true;
  },
  aedes: async () => {
    console.log(`${"steps of aedes, as the longest chain of calls".padEnd(60)}   ours   peer`);
    for (const { step, ours, peer } of await measureAedes()) {
      console.log(`${step.padEnd(60)}${String(ours).padStart(7)}${String(peer).padStart(7)}`);
    }
    return true;
  },
  upstash: benchUpstash,
  "upstash-sessions": async () => {
    const crowd = await benchCrowd();
    const met = printCrowd(crowd);
    return printComparisons("many sessions against few", [crowd.resume]) && met;
  },
  "upstash-histories": async () => printHistories(await benchHistories()),
};

/** Parts that take many minutes. */
const LONG: readonly string[] = ["fan-out", "retained", "upstash-sessions", "upstash-histories"];

function printComparisons(title: string, rows: readonly BenchRow[]): boolean {
  console.log(`${title.padEnd(76)}      ours       peer   ratio  target`);
  for (const { name, ours, peer, unit, ratio, target, met } of rows) {
    const hasTarget = Number.isFinite(target);
    const verdict = hasTarget ? `${target.toFixed(2).padStart(8)} ${met ? "met" : "MISSED"}` : "       -";
    console.log(
      `${name.padEnd(76)}${number(ours)}${number(peer)} ${unit.padEnd(5)}${ratio.toFixed(2).padStart(7)}${verdict}`,
    );
  }
  return rows.every(({ met }) => met);
}

async function benchUpstash(): Promise<boolean> {
  await using rig = await Rig.start();
  const steps = printSteps(await benchSteps(rig));
  console.log();
  printBill(await benchBill(rig));
  console.log();
  return printWall(await benchWall(rig)) && steps;
}

function number(value: number): string {
  return value.toPrecision(4).padStart(11);
}

const chosen = Deno.args.length === 0 ? Object.keys(PARTS).filter((name) => !LONG.includes(name)) : Deno.args;
const { deno, v8 } = Deno.version;
console.log(`deno ${deno}, V8 ${v8}, ${navigator.hardwareConcurrency} cores\n`);
const missed: string[] = [];
for (const name of chosen) {
  const part = PARTS[name];
  if (part === undefined) {
    console.error(`There is no part named ${name}; there are ${Object.keys(PARTS).join(", ")}`);
    Deno.exit(2);
  }
  if (!await part()) missed.push(name);
  console.log();
}
if (Deno.args.length === 0) console.log(`Not run: ${LONG.join(", ")}`);
if (missed.length > 0) {
  console.error(`Budgets were missed in ${missed.join(", ")}`);
  Deno.exit(1);
}
