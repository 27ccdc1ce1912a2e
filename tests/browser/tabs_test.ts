import assert from "node:assert/strict";
import { crash, launchChromium } from "./support/chromium.ts";
import { playOwners } from "./support/owner_scenes.ts";
import { call, serveSite } from "./support/site.ts";

Deno.test("of two tabs only one owns: it is taken, waited for or refused; and what a tab owned that is no more is free", async () => {
  await using site = await serveSite({ program: "tests/browser/support/owner_program.ts" });
  await using chromium = await launchChromium();
  const one = await chromium.open(site.url);
  const other = await chromium.open(site.url);
  await playOwners(one, other);
  await call(other, "ask", "a", "wait");
  await one.close();
  assert.equal(await call(other, "answer", "a"), "owned", "its tab was closed");
  const third = await chromium.open(site.url);
  await call(third, "ask", "a", "wait");
  await crash(other);
  assert.equal(await call(third, "answer", "a"), "owned", "its tab crashed");
});

Deno.test("a session that a second tab acquires is lost to the first, which can change nothing and sees what came", async () => {
  await using site = await serveSite({ program: "tests/browser/support/session_program.ts" });
  await using chromium = await launchChromium();
  const one = await chromium.open(site.url);
  const other = await chromium.open(site.url);
  assert.equal(await call(one, "open", "d"), false);
  assert.deepEqual(await call(one, "put", ["1"]), { outcome: "committed" });
  assert.equal(await call(other, "open", "d"), true);
  assert.deepEqual(await call(one, "put", ["2"]), { outcome: "superseded" });
  assert.deepEqual(await call(other, "put", ["3"]), { outcome: "committed" });
  assert.deepEqual(await call(other, "log"), ["1", "3"]);
});

Deno.test("a tab hears at once of what another delivers to its session", async () => {
  await using site = await serveSite({ program: "tests/browser/support/session_program.ts" });
  await using chromium = await launchChromium();
  const one = await chromium.open(site.url);
  const other = await chromium.open(site.url);
  await call(one, "open", "d");
  await call(one, "listen");
  await call(other, "look", "d");
  assert.equal(await call(one, "heard"), 0);
  assert.equal(await call(other, "deliver", "news"), "committed");
  await one.waitForFunction("program.heard() > 0");
  assert.deepEqual(await call(one, "log"), ["news"]);
});
