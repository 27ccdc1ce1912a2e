import type { Page } from "puppeteer-core";
import { printedSeed } from "../e2e/support/random.ts";
import { launchFirefox } from "./support/firefox.ts";
import { roam } from "./support/roaming_run.ts";
import { type ClientKind, RoamingScene } from "./support/roaming_scene.ts";

for (const kind of ["MQTT.js", "sessionClient"] satisfies ClientKind[]) {
  const name = `Firefox, ${kind}: a page that is reloaded and cut off at random moments loses no message in either ` +
    "direction, has each of QoS 2 once, and keeps the order of each level";

  Deno.test(name, async () => {
    const seed = printedSeed(name);
    await using scene = await RoamingScene.set(kind);
    await using firefox = await launchFirefox();
    let page: Page | undefined;
    const report = await roam(scene, {
      open: async (url) => page = await firefox.open(url),
      next: async (ending, start) => {
        await page?.reload();
        await start(ending);
        return ending;
      },
      // Its network is the test's own, which is down.
      setOffline: () => Promise.resolve(),
    }, { seed, messages: 500, ends: 10 });
    console.log(JSON.stringify(report));
  });
}
