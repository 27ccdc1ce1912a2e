import assert from "node:assert/strict";
import { launchFirefox } from "./support/firefox.ts";
import { playOwners } from "./support/owner_scenes.ts";
import { call, serveSite } from "./support/site.ts";
import type { Verdict } from "./support/store_program.ts";

Deno.test("Firefox keeps every promise of a store in its IndexedDB", async () => {
  await using site = await serveSite({ program: "tests/browser/support/store_program.ts" });
  await using firefox = await launchFirefox();
  const page = await firefox.open(site.url);
  const { count, failures } = await call<Verdict>(page, "conformance");
  assert.deepEqual(failures, []);
  assert.ok(count > 50, `${count} cases`);
});

Deno.test("of two tabs of Firefox only one owns: it is taken, waited for or refused", async () => {
  await using site = await serveSite({ program: "tests/browser/support/owner_program.ts" });
  await using firefox = await launchFirefox();
  await playOwners(await firefox.open(site.url), await firefox.open(site.url));
});
