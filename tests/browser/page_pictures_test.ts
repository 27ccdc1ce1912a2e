/// <reference lib="dom" />
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Packet } from "mqtt-packet";
import { PageProcess } from "../e2e/support/page_process.ts";
import { DrivenPage } from "./page/driven_page.ts";
import { holdPackets } from "./page/held_socket.ts";
import { launchChromium } from "./support/chromium.ts";

/** A picture for the README is loaded by everybody who looks at it. */
const MOST_BYTES = 120_000;

const SIZES = { wide: { width: 1_280, height: 800 }, phone: { width: 390, height: 844 } } as const;

/** Where pictures go: a folder that somebody names who wants to look at them, or one that the system clears away. */
async function pictureFolder(): Promise<string> {
  const named = Deno.env.get("PAGE_PICTURES");
  if (named === undefined) return await mkdtemp(join(tmpdir(), "page-pictures-"));
  await mkdir(named, { recursive: true });
  return named;
}

/** How a picture is taken. */
interface Shot {
  readonly folder: string;
  readonly name: string;
  readonly size: keyof typeof SIZES;
  readonly scheme: "light" | "dark";
  /** What is scrolled to; the top of the page when absent. */
  readonly at?: string;
}

/** Takes a picture, once nothing of the page is wider than the screen. */
async function take({ page }: DrivenPage, { folder, name, size, scheme, at }: Shot): Promise<void> {
  await page.setViewportSize(SIZES[size]);
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  const wider = await page.evaluate((at) => {
    // The focus is where the mouse was last, and says nothing in a picture.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    scrollTo(0, 0);
    if (at !== undefined) document.querySelector(at)?.scrollIntoView();
    return document.documentElement.scrollWidth - document.documentElement.clientWidth;
  }, at);
  assert.equal(wider, 0, `${name} is ${wider} pixels too wide`);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 90 });
  await session.detach();
  const bytes = Buffer.from(data, "base64");
  assert.ok(bytes.length > 5_000 && bytes.length < MOST_BYTES, `${name} has ${bytes.length} bytes`);
  await writeFile(join(folder, `${name}.webp`), bytes);
}

/** Lets the first exchange come as far as PUBREL, and no other one beyond its PUBLISH. */
function firstPubrecOnly(): (packet: Packet) => boolean {
  let isFirst = true;
  return ({ cmd }) => {
    if (cmd !== "pubrec" || !isFirst) return cmd === "pubrec" || cmd === "pubcomp" || cmd === "pubrel";
    isFirst = false;
    return false;
  };
}

Deno.test("the page fits wide screens and phones, light and dark, in each of its states", async () => {
  const folder = await pictureFolder();
  await using chromium = await launchChromium({ args: ["--hide-scrollbars"] });
  await using server = await PageProcess.start();
  const driven = await DrivenPage.open(chromium.context, server.url);
  await take(driven, { folder, name: "idle", size: "wide", scheme: "light" });

  // Exchanges stand still in both directions: one released, one sent, in each.
  const [fromPage, fromBroker] = [firstPubrecOnly(), firstPubrecOnly()];
  await holdPackets(driven.page, {
    fromPage: (packet) => packet.cmd !== "pubrel" && fromPage(packet),
    fromBroker,
  });
  await driven.connect("kitchen-tablet");
  await driven.subscribe("home/#");
  await driven.publish("home/lamp", "on");
  await driven.publish("home/heating", "21.5 °C");
  await driven.owes("client", 2);
  await driven.owes("broker", 2);
  await driven.page.locator("#client-side [data-phase=released]").waitFor();
  await driven.page.locator("#broker-side [data-phase=released]").waitFor();
  assert.deepEqual((await driven.log("client")).map(({ phase }) => phase), ["released", "sent"]);
  assert.deepEqual((await driven.log("broker")).map(({ phase }) => phase), ["released", "sent"]);
  await take(driven, { folder, name: "online", size: "wide", scheme: "light" });

  await driven.press("Kill node");
  await driven.nodeIs("down");
  await driven.clientIs("offline");
  await driven.page.getByLabel("Expires after (s)").fill("600");
  for (const [topic, payload] of [["home/door", "locked"], ["home/blinds", "down"]] as const) {
    await driven.publish(topic, payload);
  }
  await driven.owes("client", 4);
  await take(driven, { folder, name: "node_down_dark", size: "wide", scheme: "dark" });
  await take(driven, { folder, name: "phone", size: "phone", scheme: "light" });
  await take(driven, { folder, name: "phone_dark", size: "phone", scheme: "dark", at: "#client-side" });
  for (const width of [320, 600, 800, 1_920]) {
    await driven.page.setViewportSize({ width, height: 800 });
    const wider = await driven.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wider <= 0, `at ${width} pixels it is ${wider} too wide`);
  }
  driven.assertNoProblems();
});
