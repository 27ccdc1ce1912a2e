import assert from "node:assert/strict";
import type { ExploreReport } from "../../src/testing/mod.ts";
import { launchChromium } from "./support/chromium.ts";
import { call, serveSite } from "./support/site.ts";
import type { Verdict } from "./support/store_program.ts";

Deno.test("Chromium keeps every promise of a store in its IndexedDB, in every order of the calls of two who meet", async () => {
  await using site = await serveSite({ program: "tests/browser/support/store_program.ts" });
  await using chromium = await launchChromium();
  const page = await chromium.open(site.url);
  const { count, failures } = await call<Verdict>(page, "conformance");
  assert.deepEqual(failures, []);
  assert.ok(count > 50, `${count} cases`);
  // All worlds are explored without a browser, where a call takes a hundredth of the time.
  const report = await call<ExploreReport>(page, "explore", ["clean start", "own log"]);
  assert.ok(report.complete);
  assert.ok(report.states >= 1_100, JSON.stringify(report));
});
