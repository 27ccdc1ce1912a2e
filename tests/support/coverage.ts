/**
 * How much of the layers that decide is run by the suites that run in this process: lines and branches, by folder.
 *
 * V8 counts blocks, `deno coverage` maps them to lines of the sources and to branches: two for each `if`, `?:`, `??` and
 * `?.` that was reached, one for each `case`.
 *
 * What cannot be reached by construction is left out by one rule: a line that says `satisfies never`, and the `default:`
 * above it. The compiler proves that nothing comes there; were it wrong, a test could not show it either.
 *
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PROJECT_ROOT, runDeno } from "./deno.ts";
import { NOTHING, type Tally } from "./junit.ts";

/** The folders that are measured. */
export const MEASURED_FOLDERS: readonly string[] = ["src/machine", "src/routing", "src/store", "src/runtime"];

/** The suites that run in one process, and so can be measured; the others start processes or run doc examples. */
export const MEASURING_SUITES: readonly string[] = [
  "unit",
  "spec",
  "properties",
  "conformance",
  "faults",
  "fuzz",
  "simulation",
];

/** Per cent of lines, and of branches, that have to be run. */
export const LEAST_PER_CENT = 95;

/** How many there are, and how many were run. */
export interface Share {
  readonly found: number;
  readonly hit: number;
}

/** What is known of some sources. */
export interface Coverage {
  readonly lines: Share;
  readonly branches: Share;
  /** What was not run, as `path:line`, each once. */
  readonly missed: readonly string[];
}

const NO_COVERAGE: Coverage = { lines: { found: 0, hit: 0 }, branches: { found: 0, hit: 0 }, missed: [] };

/** The lines of a source that nothing can reach, counted from 1. */
export function unreachableLines(source: string): ReadonlySet<number> {
  const lines = source.split("\n");
  const unreachable = new Set<number>();
  for (const [index, line] of lines.entries()) {
    if (!/\bsatisfies never\b/.test(line)) continue;
    unreachable.add(index + 1);
    if (lines[index - 1]?.trim() === "default:") unreachable.add(index);
  }
  return unreachable;
}

/** Reads the report of one file, without the lines that nothing can reach. */
export function readFileReport(path: string, report: string, unreachable: ReadonlySet<number>): Coverage {
  const found = { lines: 0, branches: 0 };
  const hit = { lines: 0, branches: 0 };
  const missed = new Set<number>();
  for (const [, kind, at, count] of report.matchAll(/^(DA|BRDA):(\d+),(?:\d+,\d+,)?(\d+|-)$/gm)) {
    const line = Number(at);
    if (unreachable.has(line)) continue;
    const of = kind === "DA" ? "lines" : "branches";
    found[of]++;
    if (count !== "0" && count !== "-") hit[of]++;
    else missed.add(line);
  }
  return {
    lines: { found: found.lines, hit: hit.lines },
    branches: { found: found.branches, hit: hit.branches },
    missed: [...missed].sort((a, b) => a - b).map((line) => `${path}:${line}`),
  };
}

/** The sum of what is known of several sources. */
export function sumCoverage(all: readonly Coverage[]): Coverage {
  return all.reduce((sum, each) => ({
    lines: sumShares(sum.lines, each.lines),
    branches: sumShares(sum.branches, each.branches),
    missed: [...sum.missed, ...each.missed],
  }), NO_COVERAGE);
}

/** Reads what runs left in folders, by measured folder. */
export async function coverageByFolder(
  places: readonly string[],
  options: { readonly root?: URL; readonly folders?: readonly string[] } = {},
): Promise<ReadonlyMap<string, Coverage>> {
  const { root = PROJECT_ROOT, folders = MEASURED_FOLDERS } = options;
  const include = `^${RegExp.escape(root.href)}src/`;
  const { success, output } = await runDeno(["coverage", "--lcov", `--include=${include}`, ...places], root);
  if (!success) throw new Error(`deno coverage failed: ${output}`);
  const files = new Map<string, Coverage>();
  for (const report of output.split(/^end_of_record$/m)) {
    const file = /^SF:(.*)$/m.exec(report)?.[1];
    if (file === undefined) continue;
    const path = file.slice(fileURLToPath(root).length).replaceAll("\\", "/");
    files.set(path, readFileReport(path, report, unreachableLines(await readFile(new URL(path, root), "utf8"))));
  }
  return new Map(folders.map((folder) => {
    const inside = [...files].filter(([path]) => path.startsWith(`${folder}/`)).map(([, coverage]) => coverage);
    return [folder, sumCoverage(inside)];
  }));
}

/** Reads what suites left below a folder and reports it. What cannot be read is a failed check. */
export async function measureCoverage(place: string, options: ReportOptions = {}): Promise<Tally> {
  const { print = console.log } = options;
  try {
    const suites = (await readdir(place)).map((name) => join(place, name));
    return reportCoverage(await coverageByFolder(suites), options);
  } catch (error) {
    print(`FAILED  coverage: ${error instanceof Error ? error.message : error}`);
    return { ...NOTHING, failed: 1 };
  }
}

/** How coverage is told. */
export interface ReportOptions {
  /** Whether what was not run is told of folders that pass, too. */
  readonly missed?: boolean;
  readonly print?: (line: string) => void;
}

/** Says a line about each folder; one below what is asked for, or of which nothing was run, is a failed check. */
export function reportCoverage(measured: ReadonlyMap<string, Coverage>, options: ReportOptions = {}): Tally {
  const { print = console.log } = options;
  let tally = NOTHING;
  for (const [folder, { lines, branches, missed }] of measured) {
    // By the exact shares: what rounds up to the limit has not come to it.
    const passes = [lines, branches].every(({ found, hit }) => found > 0 && hit * 100 >= found * LEAST_PER_CENT);
    const shares = `lines ${perCent(lines)}, branches ${perCent(branches)}`;
    print(`${passes ? "ok    " : "FAILED"}  coverage ${folder}: ${shares}`);
    if (!passes) print(`        at least ${LEAST_PER_CENT} % of each have to be run; not run are:`);
    if (!passes || options.missed === true) { for (const place of missed) print(`        ${place}`); }
    tally = passes ? { ...tally, passed: tally.passed + 1 } : { ...tally, failed: tally.failed + 1 };
  }
  return tally;
}

function sumShares(a: Share, b: Share): Share {
  return { found: a.found + b.found, hit: a.hit + b.hit };
}

function perCent({ found, hit }: Share): string {
  return found === 0 ? "none" : `${(Math.floor(hit / found * 1_000) / 10).toFixed(1)} %`;
}
