import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { unlessStuck } from "../e2e/support/unless_stuck.ts";
import { type Chromium, launchChromium } from "./support/chromium.ts";
import { type ClientKind, RoamingScene } from "./support/roaming_scene.ts";
import type { Handled } from "./support/roaming_page.ts";
import { call, type EvaluatingPage } from "./support/site.ts";

const KINDS: readonly ClientKind[] = ["MQTT.js", "sessionClient"];

/** How long the store is asked again before it is given up, in milliseconds. */
const REPEAT_FOR_MS = 200;

function digestOf(payload: Uint8Array): string {
  return createHash("sha256").update(payload).digest("hex");
}

/** Opens a page whose client has a session at the broker. */
async function openPage(scene: RoamingScene, chromium: Chromium, repeatForMs?: number) {
  const page = await chromium.open(scene.site.url);
  await scene.start(page, { isNew: true, ...(repeatForMs === undefined ? {} : { repeatForMs }) });
  return page;
}

/** The network is gone, and the page knows it. */
async function goOffline(scene: RoamingScene, page: EvaluatingPage): Promise<void> {
  scene.network.isDown = true;
  scene.network.cut();
  await unlessStuck("going offline", call(page, "untilOnline", false));
}

/** The topics of numbered messages. */
function topicsOf(qos: 1 | 2, count: number): readonly string[] {
  return Array.from({ length: count }, (_, number) => `to/peer/qos${qos}/${number}`);
}

for (const kind of KINDS) {
  Deno.test(`${kind}: the quota is used up while it publishes: it is said, nothing stored is lost, and it goes on`, async () => {
    await using scene = await RoamingScene.set(kind);
    await using chromium = await launchChromium();
    const page = await chromium.open(scene.site.url);
    const devtools = await page.context().newCDPSession(page);
    const origin = new URL(scene.site.url).origin;
    await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 4_000_000 });
    await scene.start(page, { isNew: true, repeatForMs: REPEAT_FOR_MS });
    await goOffline(scene, page);
    const digests = new Map<string, string>();
    scene.peer.onPayload = (topic, payload) => {
      const sent = digests.get(topic);
      if (sent !== undefined) assert.equal(digestOf(payload), sent);
    };
    const refused = call<string>(page, "untilTold", "storeFailed");
    let said: string | undefined;
    refused.then((text) => said = text);
    const unknown: Promise<void>[] = [];
    for (let number = 0; said === undefined; number++) {
      assert.ok(number < 50, "the quota is never used up");
      const topic = `to/peer/large/${number}`;
      const publishing = call<string | null>(page, "publishLarge", topic, 500_000, 2).then((digest) => {
        if (digest !== null) digests.set(topic, digest);
      });
      unknown.push(publishing);
      // Either is an answer: a message that is stored, or that the store failed.
      await unlessStuck("publishing", Promise.race([publishing, refused]));
    }
    assert.match(said, /the origin has used up what the browser lets it store/);
    assert.notEqual(digests.size, 0);
    // What MQTT.js publishes waits for the store; the other client refuses it.
    if (kind === "sessionClient") {
      const stored = digests.size;
      await unlessStuck("being refused", Promise.all(unknown));
      assert.equal(digests.size, stored);
      assert.ok(stored < unknown.length, "one is refused");
    }
    await devtools.send("Storage.overrideQuotaForOrigin", { origin });
    scene.network.isDown = false;
    await unlessStuck("publishing what was refused", Promise.all(unknown));
    const last = await unlessStuck(
      "publishing",
      call<string | null>(page, "publishLarge", "to/peer/large/last", 500_000, 2),
    );
    assert.ok(last !== null, "it goes on");
    digests.set("to/peer/large/last", last);
    await scene.peer.has(digests.keys());
    const topics = scene.peer.arrived.map(({ topic }) => topic);
    assert.equal(new Set(topics).size, topics.length, "nothing came twice");
  });

  Deno.test(`${kind}: IndexedDB is deleted under a running page: it is said, and the page goes on with a new session`, async () => {
    await using scene = await RoamingScene.set(kind);
    await using chromium = await launchChromium();
    const page = await openPage(scene, chromium);
    const topics = new Set(await call<string[]>(page, "publish", 0, 10, [1, 2]));
    assert.equal(topics.size, 20);
    await scene.peer.has(topics);
    const other = await chromium.open(scene.site.url);
    await other.evaluate(`new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase("session");
      request.onsuccess = () => resolve(true);
      request.onblocked = request.onerror = reject;
    })`);
    call(page, "publish", 10, 1, [1, 2]).catch(() => {});
    const told = await unlessStuck("being told", call<string>(page, "untilTold", "lost", "storeFailed"));
    assert.match(told, /^storeFailed: .*it was deleted while it was in use/);
    await call(page, "close");
    await scene.start(page, { isNew: true });
    const again = await unlessStuck("publishing", call<string[]>(page, "publish", 11, 10, [1, 2]));
    assert.equal(again.length, 20);
    await scene.peer.has(again);
    scene.peer.send("to/page/qos2/0", "payload of to/page/qos2/0", 2);
    await unlessStuck("handling", call(page, "untilHandled", 1));
  });

  Deno.test(`${kind}: a payload of 5 MiB comes to its end in both directions, and over a reload`, async () => {
    const bytes = 5 * 1_048_576;
    await using scene = await RoamingScene.set(kind);
    await using chromium = await launchChromium();
    const page = await openPage(scene, chromium);
    await goOffline(scene, page);
    const arrived = new Map<string, string>();
    scene.peer.onPayload = (topic, payload) => arrived.set(topic, digestOf(payload));
    const sent = new Map<string, string | null>();
    for (const qos of [1, 2]) {
      const topic = `to/peer/qos${qos}/large`;
      sent.set(topic, await unlessStuck("publishing", call<string | null>(page, "publishLarge", topic, bytes, qos)));
    }
    const toPage = new Uint8Array(bytes).map((_, index) => index * 31);
    for (const qos of [1, 2] as const) scene.peer.send(`to/page/qos${qos}/large`, toPage, qos);
    await page.reload();
    scene.network.isDown = false;
    await scene.start(page, { isNew: false });
    await scene.peer.has(sent.keys());
    assert.deepEqual(arrived, sent);
    await unlessStuck("handling", call(page, "untilHandled", 2));
    const handled = await call<Handled[]>(page, "handled");
    assert.deepEqual(new Set(handled.map(({ content }) => content)), new Set([digestOf(toPage)]));
    assert.equal(handled.filter(({ topic }) => topic.includes("qos2")).length, 1);
  });

  Deno.test(`${kind}: 10 000 queued messages leave after a reload, in order`, async () => {
    await using scene = await RoamingScene.set(kind);
    await using chromium = await launchChromium();
    const page = await openPage(scene, chromium);
    await goOffline(scene, page);
    const stored = await unlessStuck("publishing", call<string[]>(page, "publish", 0, 10_000, [1]));
    assert.equal(stored.length, 10_000);
    await page.reload();
    scene.network.isDown = false;
    await scene.start(page, { isNew: false });
    await scene.peer.has(stored);
    const first = [...new Set(scene.peer.arrived.map(({ topic }) => topic))];
    assert.deepEqual(first, topicsOf(1, 10_000));
  });
}
