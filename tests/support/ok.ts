/**
 * `deno task ok`: what must hold before a push, short of running all tests.
 *
 * @module
 */
import { CHECKS } from "./checks.ts";
import { add } from "./junit.ts";
import { reportChecks, reportSuite, summary } from "./report.ts";
import { findSuites } from "./suite.ts";

let total = await reportChecks(CHECKS);
for (const suite of await findSuites()) {
  if (suite.name === "arch" || suite.name === "docs") total = add(total, await reportSuite(suite, { checked: true }));
}
console.log(summary(total));
Deno.exit(total.failed === 0 ? 0 : 1);
