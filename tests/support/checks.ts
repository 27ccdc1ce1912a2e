/**
 * The checks that need no test run: style, types, docs, and what a publish would say.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import config from "../../deno.json" with { type: "json" };
import { PROJECT_ROOT, runDeno } from "./deno.ts";
import { filesUnder } from "./files.ts";

/** One check with a name; what it prints matters when it fails. */
export interface Check {
  readonly name: string;
  run(): Promise<CheckResult>;
}

/** How a check went. */
export interface CheckResult {
  readonly success: boolean;
  readonly output: string;
  /** What does not fail the check but should be seen. */
  readonly warnings?: readonly string[];
}

const ENTRY_POINTS: readonly string[] = Object.values(config.exports);
const STOP_SIGN_LINES = 400;

/** All checks in the order in which they are told. */
export const CHECKS: readonly Check[] = [
  { name: "format", run: () => runDeno(["fmt", "--check"]) },
  { name: "lint", run: () => runDeno(["lint"]) },
  { name: "entry points", run: entryPointsExist },
  { name: "types", run: checkTypes },
  { name: "doc lint", run: () => runDeno(["doc", "--lint", ...ENTRY_POINTS]) },
  { name: "file length", run: fileLengths },
  { name: "publish dry run", run: () => runDeno(["publish", "--dry-run", "--allow-dirty", "--no-check"]) },
];

async function entryPointsExist(): Promise<CheckResult> {
  const files = new Set(await filesUnder("src", PROJECT_ROOT)).add("mod.ts");
  await readFile(new URL("mod.ts", PROJECT_ROOT)).catch(() => files.delete("mod.ts"));
  const lacking = ENTRY_POINTS.filter((path) => !files.has(path.replace(/^\.\//, "")));
  return { success: lacking.length === 0, output: lacking.map((path) => `${path} does not exist\n`).join("") };
}

/** Everything at once: entry points, sources whether exported or not, tests, examples; with the versions of the lock. */
async function checkTypes(): Promise<CheckResult> {
  const folders = await Promise.all(["src", "tests", "examples"].map((folder) => filesUnder(folder, PROJECT_ROOT)));
  const modules = folders.flat().filter((path) => path.endsWith(".ts"));
  return runDeno([
    "check",
    "--quiet",
    "--frozen",
    ...new Set([...ENTRY_POINTS, ...modules.map((path) => `./${path}`)]),
  ]);
}

async function fileLengths(): Promise<CheckResult> {
  const warnings: string[] = [];
  for (const path of [...await filesUnder("src", PROJECT_ROOT), ...await filesUnder("tests", PROJECT_ROOT)]) {
    if (!path.endsWith(".ts")) continue;
    const lines = (await readFile(new URL(path, PROJECT_ROOT), "utf8")).split("\n").length - 1;
    if (lines > STOP_SIGN_LINES) {
      warnings.push(`${path} has ${lines} lines: more than ${STOP_SIGN_LINES} hold two ideas`);
    }
  }
  return { success: true, output: "", warnings };
}
