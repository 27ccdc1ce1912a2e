import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { readJunit } from "../support/junit.ts";
import { findSuites, runSuite, type SuiteResult } from "../support/suite.ts";

/** Does something in a project of its own, with the test settings of this one. */
async function inProject<T>(files: Readonly<Record<string, string>>, use: (root: URL) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "project-"));
  try {
    const all = { "deno.json": JSON.stringify({ test: config.test }), ...files };
    for (const [path, text] of Object.entries(all)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    return await use(pathToFileURL(`${folder}/`));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** How a suite of one passing test goes together with another file. */
function runWith(source: string, checked = true): Promise<SuiteResult> {
  const files = { "tests/unit/a_test.ts": 'Deno.test("a", () => {});', "tests/unit/b_test.ts": source };
  return inProject(files, (root) => {
    const suite = { name: "unit", files: Object.keys(files), args: [] };
    return runSuite(suite, { root, checked });
  });
}

Deno.test("the runner finds a suite in each folder of tests that has test files, and the docs", async () => {
  const files = {
    "tests/e2e/a_test.ts": "",
    "tests/unit/deep/b_test.ts": "",
    "tests/unit/helper.ts": "",
    "tests/bench/main.ts": "",
    "README.md": "```ts\n```\n",
    "mod.ts": "",
    "src/a.ts": "/** ```ts\n * ``` */\n",
    "src/without_a_code_block.ts": "",
  };
  await inProject(files, async (root) => {
    const suites = (await findSuites(root)).map(({ name, files }) => [name, files]);
    assert.deepEqual(suites, [
      ["e2e", ["tests/e2e/a_test.ts"]],
      ["unit", ["tests/unit/deep/b_test.ts"]],
      ["docs", ["README.md", "src/a.ts"]],
    ]);
  });
});

Deno.test("the runner counts what passed, failed and was skipped, steps included", async () => {
  const { tally } = await runWith(`
    Deno.test("steps", async (t) => { await t.step("one", () => {}); });
    Deno.test("fails </testsuite> tests=\\"99\\"", () => { throw new Error("<testsuite tests=\\"99\\">"); });
    Deno.test.ignore("skipped", () => {});`);
  assert.deepEqual(tally, { passed: 3, failed: 1, skipped: 1 });
});

const BROKEN: readonly (readonly [what: string, source: string, says: RegExp])[] = [
  ["a leaked timer", 'Deno.test("leaks", () => { setTimeout(() => {}, 1e6); });', /A timer was started/],
  ["a leaked resource", 'Deno.test("leaks", () => { Deno.openSync("deno.json"); });', /A file was opened/],
  ["a file that throws when loaded", 'throw new Error("at the top");', /at the top/],
  ["a file without a test", "export {};", /b_test.ts reported no test/],
  ["a file that ends the process", "Deno.exit(0);", /b_test.ts reported no test/],
];

for (const [what, source, says] of BROKEN) {
  Deno.test(`the runner counts ${what} as one failure`, async () => {
    const { tally, output } = await runWith(source);
    assert.deepEqual(tally.failed, 1, output);
    assert.match(output, says);
  });
}

Deno.test("the runner counts a suite that does not type-check as failed", async () => {
  const { tally, output } = await runWith('Deno.test("b", () => { const n: number = "text"; });', false);
  assert.equal(tally.passed, 0);
  assert.notEqual(tally.failed, 0);
  assert.match(output, /TS2322/);
});

Deno.test("the runner counts a suite in which no test ran as failed", async () => {
  const { tally } = await inProject({ "README.md": "No code." }, (root) => {
    return runSuite({ name: "docs", files: ["README.md"], args: ["--doc"] }, { root });
  });
  assert.deepEqual(tally, { passed: 0, failed: 1, skipped: 0 });
});

Deno.test("a report without suites has no counts", () => {
  assert.equal(readJunit("").size, 0);
  assert.equal(readJunit('<testsuites name="deno test" tests="0" failures="0"></testsuites>').size, 0);
});
