/**
 * `deno task simulate --seed N`: plays one seed and tells all of it when something is violated.
 * `deno task simulate --runs N [--from S] [--minutes M] [--workers W]`: searches seeds from S on, for M minutes at most.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { availableParallelism } from "node:os";
import { explain, playSeed } from "./find.ts";
import { searchInParallel } from "./parallel.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string" },
    from: { type: "string" },
    runs: { type: "string" },
    workers: { type: "string" },
    minutes: { type: "string" },
  },
});

/** A whole number from an option. */
function whole(name: keyof typeof values, otherwise: number): number {
  const text = values[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} needs a whole number from 0 on`);
  Deno.exit(2);
}

if (values.runs === undefined && values.seed !== undefined) {
  const seed = whole("seed", 1);
  const { violations } = await playSeed(seed);
  if (violations.length > 0) console.log(await explain(seed));
  console.log(`simulation: 1 runs, ${violations.length} violations, seeds ${seed} to ${seed}`);
  Deno.exit(violations.length === 0 ? 0 : 1);
}

const wanted = whole("runs", 1_000);
const from = whole(values.seed === undefined ? "from" : "seed", 1);
const startedAt = performance.now();
const { runs, found, counts } = await searchInParallel(from, wanted, {
  ...(values.minutes === undefined ? {} : { timeMs: whole("minutes", 60) * 60_000 }),
  workers: whole("workers", availableParallelism()),
  onFound: ({ seed, violations }) => {
    for (const { rule, client, message } of violations.slice(0, 3)) {
      console.log(`seed ${seed}: ${rule}: ${client} ${message}`);
    }
  },
});
const seconds = (performance.now() - startedAt) / 1_000;
const [first] = found;
if (first !== undefined) console.log(await explain(first.seed));
const rare = [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([what, count]) => `${what} ${count}`).join(", ");
console.log(`what happened: ${rare}`);
console.log(`${(runs / seconds).toFixed(0)} runs a second`);
const violations = found.reduce((sum, one) => sum + one.violations.length, 0);
console.log(`simulation: ${runs} runs, ${violations} violations, seeds ${from} to ${from + runs - 1}`);
Deno.exit(violations === 0 ? 0 : 1);
