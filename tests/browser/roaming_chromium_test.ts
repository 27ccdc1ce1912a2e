import type { Page } from "playwright-core";
import { printedSeed } from "../e2e/support/random.ts";
import { launchChromium } from "./support/chromium.ts";
import { roam } from "./support/roaming_run.ts";
import { type ClientKind, RoamingScene } from "./support/roaming_scene.ts";

for (const kind of ["MQTT.js", "sessionClient"] satisfies ClientKind[]) {
  const name = `Chromium, ${kind}: a page that is reloaded and offline at random moments loses no message in either ` +
    "direction, has each of QoS 2 once, and keeps the order of each level";

  Deno.test(name, async () => {
    const seed = printedSeed(name);
    await using scene = await RoamingScene.set(kind);
    await using chromium = await launchChromium();
    let page: Page | undefined;
    const report = await roam(scene, {
      open: async (url) => page = await chromium.open(url),
      next: async (ending, start) => {
        await page?.reload();
        await start(ending);
        return ending;
      },
      setOffline: (isOffline) => chromium.context.setOffline(isOffline),
    }, { seed, messages: 500, ends: 12 });
    console.log(JSON.stringify(report));
  });
}
