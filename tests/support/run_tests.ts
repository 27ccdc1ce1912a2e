/**
 * `deno task test [--install] [--coverage] [filters…]`: all checks and all suites, counted together.
 *
 * A filter is a part of a test file's path (`unit`, `unit/machine`), `docs`, or `ok` for the checks. With `--install`
 * nothing may be skipped: what is missing is installed first, and a test that is skipped all the same counts as failed.
 *
 * Without filters it is measured which code the tests run, and each folder that has to be run is one check more. With
 * `--coverage` that is all: only the suites that are measured run, and every line that none of them runs is told.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKS } from "./checks.ts";
import { measureCoverage, MEASURING_SUITES } from "./coverage.ts";
import { add, NOTHING, type Tally } from "./junit.ts";
import { reportChecks, reportSuite, summary } from "./report.ts";
import { isNeeded, missing } from "./requirements.ts";
import { findSuites } from "./suite.ts";

const install = Deno.args.includes("--install");
const onlyCoverage = Deno.args.includes("--coverage");
const filters = Deno.args.filter((argument) => argument !== "--install" && argument !== "--coverage");
const unknown = filters.find((filter) => filter.startsWith("-") || onlyCoverage);
if (unknown !== undefined) {
  console.error(`Cannot take ${unknown}: deno task test [--install] [--coverage | filters…]`);
  Deno.exit(2);
}

let total: Tally = NOTHING;
const checked = !onlyCoverage && (filters.length === 0 || filters.includes("ok"));
if (checked) total = add(total, await reportChecks(CHECKS));

/** Suites that leave a processor idle, waiting for processes of theirs: they run beside each other, after all others. */
const waiting: (() => Promise<Tally>)[] = [];
const coverage = filters.length === 0 ? await mkdtemp(join(tmpdir(), "coverage-")) : undefined;
for (const { name, files, args } of await findSuites()) {
  const measured = coverage !== undefined && MEASURING_SUITES.includes(name) ? { coverage: join(coverage, name) } : {};
  if (onlyCoverage && !("coverage" in measured)) continue;
  const whole = filters.length === 0 || filters.includes(name);
  const wanted = whole ? files : name === "docs" ? [] : files.filter(matchesFilter);
  if (wanted.length === 0) continue;

  const lacking = await missing(wanted, { install });
  const runnable = wanted.filter((file) => !lacking.some((requirement) => isNeeded(requirement, file)));
  for (const { name: what, advice } of lacking) console.log(`skipped ${name}: ${what} is missing: ${advice}`);
  total = add(total, { ...NOTHING, skipped: wanted.length - runnable.length });
  if (runnable.length === 0) continue;
  const run = () => reportSuite({ name, files: runnable, args }, { checked, ...measured });
  if (args.includes("--parallel")) total = add(total, await run());
  else waiting.push(run);
}
for (const tally of await Promise.all(waiting.map((run) => run()))) total = add(total, tally);
if (coverage !== undefined) {
  total = add(total, await measureCoverage(coverage, { missed: onlyCoverage }));
  await rm(coverage, { recursive: true });
}

function matchesFilter(file: string): boolean {
  return filters.some((filter) => filter !== "ok" && file.includes(filter));
}

if (install && total.skipped > 0) {
  console.log(`${total.skipped} skipped: with --install nothing may be`);
  total = { passed: total.passed, failed: total.failed + total.skipped, skipped: 0 };
}
if (total.passed + total.failed + total.skipped === 0) {
  console.log(`nothing matches ${filters.join(" ")}`);
  total = { ...NOTHING, failed: 1 };
}
console.log(summary(total));
Deno.exit(total.failed === 0 ? 0 : 1);
