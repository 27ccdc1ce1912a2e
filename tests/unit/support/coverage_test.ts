import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Coverage,
  coverageByFolder,
  measureCoverage,
  MEASURED_FOLDERS,
  MEASURING_SUITES,
  readFileReport,
  reportCoverage,
  unreachableLines,
} from "../../support/coverage.ts";
import { findSuites, runSuite } from "../../support/suite.ts";

/** A function of which a test takes one way of two, and whose last case nothing can take. */
const SOURCE = `export function name(what: "a" | "b"): string {
  switch (what) {
    case "a":
      return "the first";
    case "b":
      return "the second";
    default:
      return what satisfies never;
  }
}
`;

const REPORT = `SF:/project/src/machine/a.ts
FN:1,name
FNDA:1,name
BRDA:3,1,0,1
BRDA:5,1,1,0
BRDA:7,1,2,-
BRF:3
BRH:1
DA:1,1
DA:2,1
DA:3,1
DA:4,1
DA:5,0
DA:6,0
DA:8,0
LH:4
LF:7
`;

function coverage(linesHit: number, branchesHit: number, found = 100): Coverage {
  return { lines: { found, hit: linesHit }, branches: { found, hit: branchesHit }, missed: ["src/machine/a.ts:5"] };
}

function report(measured: Coverage, missed = false) {
  const printed: string[] = [];
  const print = (line: string): void => void printed.push(line);
  const tally = reportCoverage(new Map([["src/machine", measured]]), { print, missed });
  return { tally, printed };
}

Deno.test("what the compiler proves to be unreachable is left out: a never check, and the default above it", () => {
  assert.deepEqual([...unreachableLines(SOURCE)].sort(), [7, 8]);
  assert.deepEqual([...unreachableLines("default:\n  throw new Error();\n")], []);
  assert.deepEqual([...unreachableLines("  x satisfies never;\n")], [1]);
  assert.deepEqual([...unreachableLines("x satisfies readonly string[];\n")], []);
});

Deno.test("lines and branches of a report are counted, without those that nothing can reach", () => {
  const { lines, branches, missed } = readFileReport("src/machine/a.ts", REPORT, unreachableLines(SOURCE));
  assert.deepEqual(lines, { found: 6, hit: 4 });
  assert.deepEqual(branches, { found: 2, hit: 1 });
  assert.deepEqual(missed, ["src/machine/a.ts:5", "src/machine/a.ts:6"]);
  const all = readFileReport("src/machine/a.ts", REPORT, new Set());
  assert.deepEqual([all.lines.found, all.branches.found], [7, 3]);
});

Deno.test("a folder passes from 95 % of lines and branches on, and is told what it lacks below", () => {
  const passing = report(coverage(95, 95));
  assert.deepEqual(passing.tally, { passed: 1, failed: 0, skipped: 0 });
  assert.deepEqual(passing.printed, ["ok      coverage src/machine: lines 95.0 %, branches 95.0 %"]);
  for (const lacking of [coverage(94, 100), coverage(100, 94), coverage(949_999, 1_000_000, 1_000_000)]) {
    const { tally, printed } = report(lacking);
    assert.deepEqual(tally, { passed: 0, failed: 1, skipped: 0 });
    assert.match(printed[0] ?? "", /^FAILED {2}coverage src\/machine: lines \d+\.\d %, branches \d+\.\d %$/);
    assert.doesNotMatch(printed[0] ?? "", /95\.0 %, /);
    assert.ok(printed.some((line) => line.trim() === "src/machine/a.ts:5"));
  }
});

Deno.test("what was not run is told of a folder that passes, too, where that was asked for", () => {
  assert.deepEqual(report(coverage(99, 99), true).printed.slice(1), ["        src/machine/a.ts:5"]);
});

Deno.test("a folder of which nothing was measured fails, and so does a run that left nothing", async () => {
  assert.equal(report(coverage(0, 0, 0)).tally.failed, 1);
  const printed: string[] = [];
  const tally = await measureCoverage("/nowhere", { print: (line) => printed.push(line) });
  assert.deepEqual(tally, { passed: 0, failed: 1, skipped: 0 });
  assert.match(printed.join(), /^FAILED {2}coverage: /);
});

Deno.test("a suite is measured while it runs, and its folder's lines and branches are those of its sources", async () => {
  const folder = await mkdtemp(join(tmpdir(), "project-"));
  try {
    const files = {
      "deno.json": "{}",
      "src/machine/name.ts": SOURCE,
      "src/other.ts": "export const other = 1;",
      "tests/unit/name_test.ts": 'import { name } from "../../src/machine/name.ts";\n' +
        'import "../../src/other.ts";\nDeno.test("a", () => { name("a"); });',
    };
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const root = pathToFileURL(`${folder}/`);
    const coverage = join(folder, "coverage");
    const suite = { name: "unit", files: ["tests/unit/name_test.ts"], args: [] };
    const { tally } = await runSuite(suite, { root, coverage });
    assert.deepEqual(tally, { passed: 1, failed: 0, skipped: 0 });
    const measured = await coverageByFolder([coverage], { root, folders: ["src/machine", "src/routing"] });
    assert.deepEqual(measured.get("src/machine")?.missed, ["src/machine/name.ts:5", "src/machine/name.ts:6"]);
    assert.deepEqual(measured.get("src/machine")?.branches, { found: 2, hit: 1 });
    assert.equal(measured.get("src/routing")?.lines.found, 0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("the folders and suites that are measured exist", async () => {
  const suites = (await findSuites()).map(({ name }) => name);
  for (const name of MEASURING_SUITES) assert.ok(suites.includes(name), name);
  assert.equal(MEASURED_FOLDERS.length, 4);
});
