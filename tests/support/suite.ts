import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT, runDeno } from "./deno.ts";
import { filesUnder } from "./files.ts";
import { add, NOTHING, readJunit, type Tally } from "./junit.ts";

/** Test files that run together and are counted together. */
export interface Suite {
  /** The name of its folder under `tests`, or `docs`. */
  readonly name: string;
  readonly files: readonly string[];
  /** Further arguments of `deno test`. */
  readonly args: readonly string[];
}

/** How a suite went. */
export interface SuiteResult {
  readonly tally: Tally;
  /** What it printed about its failures. */
  readonly output: string;
}

/** Suites that start processes or servers, which would disturb each other: their files run one after the other. */
const ONE_BY_ONE: readonly string[] = ["browser", "e2e", "runtimes"];

/** The suites of a checkout: each folder under `tests` that holds test files, and the examples in docs. */
export async function findSuites(root: URL = PROJECT_ROOT): Promise<readonly Suite[]> {
  const folders = new Map<string, string[]>();
  for (const file of await filesUnder("tests", root)) {
    const folder = file.split("/")[1];
    if (folder === undefined || !file.endsWith("_test.ts")) continue;
    folders.set(folder, [...folders.get(folder) ?? [], file]);
  }
  const suites = [...folders].map(([name, files]): Suite => ({
    name,
    files,
    args: ONE_BY_ONE.includes(name) ? [] : ["--parallel"],
  }));
  return [...suites, await docSuite(root)];
}

/** The code blocks of the README and of every doc comment, run as a user would write them. */
export async function docSuite(root: URL = PROJECT_ROOT): Promise<Suite> {
  const sources = ["README.md", "mod.ts", ...(await filesUnder("src", root)).filter((file) => file.endsWith(".ts"))];
  // Those without a code block would each be loaded for nothing, which takes far longer than all that is run.
  const told = await Promise.all(
    sources.map(async (file) => (await readFile(new URL(file, root), "utf8")).includes("```")),
  );
  return { name: "docs", files: sources.filter((_, index) => told[index]), args: ["--doc"] };
}

/** Runs a suite. A file that reports nothing (it crashed, or has no test) and a suite without a test are failures. */
export async function runSuite(suite: Suite, options: SuiteOptions = {}): Promise<SuiteResult> {
  const { checked = false, root = PROJECT_ROOT, coverage } = options;
  const folder = await mkdtemp(join(tmpdir(), "suite-"));
  try {
    const report = join(folder, "report.xml");
    const check = checked && suite.name !== "docs" ? ["--no-check"] : [];
    const measure = coverage === undefined ? [] : [`--coverage=${coverage}`, "--coverage-raw-data-only"];
    const { success, output } = await runDeno(
      ["test", "--quiet", "-A", `--junit-path=${report}`, ...measure, ...check, ...suite.args, ...suite.files],
      root,
    );
    const files = readJunit(await readFile(report, "utf8").catch(() => ""));
    const silent = suite.name === "docs" ? [] : suite.files.filter((file) => !files.has(file) && !ran(file, output));
    let tally = [...files.values()].reduce(add, { ...NOTHING, failed: silent.length });
    const empty = tally.passed + tally.failed + tally.skipped === 0;
    if (empty || (!success && tally.failed === 0)) tally = add(tally, { ...NOTHING, failed: 1 });
    const remarks = silent.map((file) => `${file} reported no test\n`).join("") + (empty ? "no test ran\n" : "");
    return { tally, output: errorsIn(output) + remarks };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Whether tests of a file ran that the report gives to the module which registered them, such as a shared suite. */
function ran(file: string, output: string): boolean {
  return output.includes(`./${file} => `) || new RegExp(`running [1-9]\\d* tests? from \\./${file}`).test(output);
}

/** From the heading that `deno test` puts above its failures; everything when it did not come so far. */
function errorsIn(output: string): string {
  const heading = output.indexOf("\n ERRORS \n");
  return heading < 0 ? output : output.slice(heading).trimStart();
}

/** How to run a suite. */
export interface SuiteOptions {
  /** Whether its types have been checked before; the examples in docs are always checked. */
  readonly checked?: boolean;
  /** The checkout; this one unless another is given. */
  readonly root?: URL;
  /** A folder into which to write which code was run; nothing is measured without one. */
  readonly coverage?: string;
}
