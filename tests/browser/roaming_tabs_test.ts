import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { printedSeed } from "../e2e/support/random.ts";
import { unlessStuck } from "../e2e/support/unless_stuck.ts";
import { type Chromium, crash, launchChromium } from "./support/chromium.ts";
import { roam, type RoamingBrowser } from "./support/roaming_run.ts";
import { type ClientKind, RoamingScene } from "./support/roaming_scene.ts";
import { call, type EvaluatingPage } from "./support/site.ts";

/** Ends the life of one tab, and starts the next, in whichever order. */
type Change = (
  ending: Page,
  open: () => Promise<Page>,
  start: (page: EvaluatingPage) => Promise<void>,
) => Promise<Page>;

/** A browser in which each life is a tab of its own. */
function tabs(chromium: Chromium, { site }: RoamingScene, change: Change): RoamingBrowser {
  let current: Page | undefined;
  return {
    open: async (url) => current = await chromium.open(url),
    next: async (_, start) => {
      assert.ok(current !== undefined);
      const next = await change(current, () => chromium.open(site.url), start);
      await current.close();
      return current = next;
    },
    setOffline: (isOffline) => chromium.context.setOffline(isOffline),
  };
}

for (const kind of ["MQTT.js", "sessionClient"] satisfies ClientKind[]) {
  const crashing = `${kind}: a tab that crashes in the middle of publishing and receiving; a new one goes on, and ` +
    "nothing is lost, doubled or out of order";

  Deno.test(crashing, async () => {
    const seed = printedSeed(crashing);
    await using scene = await RoamingScene.set(kind);
    await using chromium = await launchChromium();
    const browser = tabs(chromium, scene, async (ending, open, start) => {
      await crash(ending);
      const next = await open();
      await start(next);
      return next;
    });
    console.log(JSON.stringify(await roam(scene, browser, { seed, messages: 100, ends: 4 })));
  });

  const taking =
    `${kind}: a second tab with the same client id takes over in the middle of it, the first is told, and ` +
    "nothing is lost, doubled or out of order";

  Deno.test(taking, async () => {
    const seed = printedSeed(taking);
    await using scene = await RoamingScene.set(kind);
    await using chromium = await launchChromium();
    const browser = tabs(chromium, scene, async (ending, open, start) => {
      const next = await open();
      await start(next);
      const told = await unlessStuck("being told", call<string>(ending, "untilTold", "lost"));
      assert.match(told, /^lost/);
      return next;
    });
    console.log(JSON.stringify(await roam(scene, browser, { seed, messages: 100, ends: 4 })));
  });
}
