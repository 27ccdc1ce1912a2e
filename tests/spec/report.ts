/**
 * `deno task conformance` without options: which rows of the MQTT session reference hold, by theme.
 *
 * A row's tests carry its id and role at the start of their names (`LC-04 S: …`). A row of both roles stands as passed
 * once the tests of both pass; the table shows beside it how many rows of each role hold. Where what a row asks of one
 * role shows at the other alone, `testedAs` in rows.json names the role whose tests count; not_ours.json may leave a row
 * out for one role (`IB-05 C`).
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT, runDeno } from "../support/deno.ts";
import { filesUnder } from "../support/files.ts";
import notOurs from "./not_ours.json" with { type: "json" };
import reference from "./rows.json" with { type: "json" };

type Role = "S" | "C";

/** A row of the reference, as rows.json has it. */
interface Row {
  readonly row: string;
  /** `C`, `S` or `C+S`. */
  readonly role: string;
  /** The roles whose tests count, where they are not those of `role`. */
  readonly testedAs?: string;
}

/** The tests of one row and role. */
interface RowTests {
  passed: number;
  failed: number;
}

/** What the report of a run says, by `ROW ROLE`. */
export function readRows(xml: string): ReadonlyMap<string, RowTests> {
  const rows = new Map<string, RowTests>();
  // Only elements have a `<`: in texts and attributes it is escaped.
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase\s([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const named = /name="([A-Z]{2}-\d\d) ([SC]):/.exec(attributes);
    if (named === null) continue;
    const key = `${named[1]} ${named[2]}`;
    const tests = rows.get(key) ?? { passed: 0, failed: 0 };
    if (/<(failure|error|skipped)/.test(body)) tests.failed += 1;
    else tests.passed += 1;
    rows.set(key, tests);
  }
  return rows;
}

async function runSpec(): Promise<ReadonlyMap<string, RowTests>> {
  const folder = await mkdtemp(join(tmpdir(), "spec-"));
  try {
    const files = (await filesUnder("tests/spec", PROJECT_ROOT)).filter((file) => file.endsWith("_test.ts"));
    const report = join(folder, "report.xml");
    const { success, output } = await runDeno([
      "test",
      "--quiet",
      "--no-check",
      "-A",
      `--junit-path=${report}`,
      ...files,
    ]);
    const rows = readRows(await readFile(report, "utf8").catch(() => ""));
    if (!success) console.log(output);
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function holds(tests: ReadonlyMap<string, RowTests>, row: string, role: Role): boolean {
  const found = tests.get(`${row} ${role}`);
  return found !== undefined && found.failed === 0;
}

/** Runs the tests of all rows and prints how many hold; whether none failed. */
export async function reportRows(): Promise<boolean> {
  const tests = await runSpec();
  const reasons: Readonly<Record<string, string>> = notOurs;
  const totals = { passed: 0, notOurs: 0, missing: 0 };
  const missing: string[] = [];
  const all: readonly Row[] = reference.rows;
  const byTheme = Object.entries(reference.themes).map(([theme, title]) => {
    const rows = all.filter(({ row }) => row.startsWith(theme));
    const line = { theme, title, rows: rows.length, passed: 0, notOurs: 0, missing: 0, server: "", client: "" };
    const roles = { S: { of: 0, hold: 0 }, C: { of: 0, hold: 0 } };
    for (const { row, role, testedAs } of rows) {
      const of = (testedAs ?? role).split("+") as Role[];
      const asked = of.filter((each) => !Object.hasOwn(reasons, row) && !Object.hasOwn(reasons, `${row} ${each}`));
      for (const each of asked) {
        roles[each].of += 1;
        if (holds(tests, row, each)) roles[each].hold += 1;
      }
      const failed = of.some((each) => (tests.get(`${row} ${each}`)?.failed ?? 0) > 0);
      const left = asked.filter((each) => !holds(tests, row, each));
      const status = asked.length === 0 ? "notOurs" : !failed && left.length === 0 ? "passed" : "missing";
      line[status] += 1;
      totals[status] += 1;
      if (status === "missing") missing.push(failed ? `${row} (fails)` : `${row} ${left.join("+")}`);
    }
    line.server = `${roles.S.hold}/${roles.S.of}`;
    line.client = `${roles.C.hold}/${roles.C.of}`;
    return line;
  });

  const columns = "theme  rows  passed  not ours  missing  server    client    ";
  console.log(columns);
  for (const line of byTheme) {
    const numbers = [line.rows, line.passed, line.notOurs, line.missing];
    const [rows, passed, ours, left] = numbers.map((number) => String(number));
    console.log(
      `${line.theme.padEnd(7)}${rows!.padEnd(6)}${passed!.padEnd(8)}${ours!.padEnd(10)}${left!.padEnd(9)}` +
        `${line.server.padEnd(10)}${line.client.padEnd(10)}${line.title}`,
    );
  }
  for (const [row, reason] of Object.entries(reasons)) console.log(`not ours: ${row}, ${reason}`);
  if (missing.length > 0) console.log(`missing: ${missing.join(" ")}`);
  console.log(
    `conformance: ${totals.passed} passed, ${totals.notOurs} not ours, ${totals.missing} missing of ${reference.rows.length}`,
  );
  return !missing.some((row) => row.endsWith("(fails)"));
}
