import type { Check } from "./checks.ts";
import { add, NOTHING, type Tally } from "./junit.ts";
import { runSuite, type Suite, type SuiteOptions } from "./suite.ts";

/** Runs checks one after the other, whatever fails, and says a line about each. */
export async function reportChecks(checks: readonly Check[]): Promise<Tally> {
  let total = NOTHING;
  for (const check of checks) {
    const time = stopwatch();
    const { success, output, warnings = [] } = await check.run();
    console.log(`${success ? "ok    " : "FAILED"}  ${check.name} (${time()})`);
    for (const warning of warnings) console.log(`        warning: ${warning}`);
    if (!success) console.log(indented(output));
    total = add(total, success ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1 });
  }
  return total;
}

/** Runs a suite and says a line about it, and all it printed when it fails. */
export async function reportSuite(suite: Suite, options: SuiteOptions): Promise<Tally> {
  const time = stopwatch();
  const { tally, output } = await runSuite(suite, options);
  console.log(`${tally.failed === 0 ? "ok    " : "FAILED"}  ${suite.name}: ${summary(tally)} (${time()})`);
  if (tally.failed > 0) console.log(indented(output));
  return tally;
}

/** `3 passed, 1 failed`, and the skipped ones when there are any. */
export function summary({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function stopwatch(): () => string {
  const start = performance.now();
  return () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "        ");
}
