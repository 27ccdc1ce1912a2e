/** How many tests went which way; a step of a test counts as a test. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** No test at all. */
export const NOTHING: Tally = { passed: 0, failed: 0, skipped: 0 };

/** The sum of two tallies. */
export function add(a: Tally, b: Tally): Tally {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** What a report of `deno test --junit-path` counts, by test file: `tests/unit/a_test.ts`. */
export function readJunit(xml: string): ReadonlyMap<string, Tally> {
  const files = new Map<string, Tally>();
  // Only elements have a `<`: in texts and attributes it is escaped.
  for (const [, attributes = ""] of xml.matchAll(/<testsuite\s([^>]*)>/g)) {
    const name = /name="([^"]*)"/.exec(attributes)?.[1] ?? "";
    const failed = count(attributes, "failures") + count(attributes, "errors");
    const skipped = count(attributes, "disabled");
    const passed = count(attributes, "tests") - failed - skipped;
    files.set(name.replace(/^\.\//, ""), { passed, failed, skipped });
  }
  return files;
}

function count(attributes: string, name: string): number {
  return Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0);
}
