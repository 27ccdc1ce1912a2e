import assert from "node:assert/strict";
import { random } from "../../src/testing/mod.ts";
import { type Chromium, crash, launchChromium } from "./support/chromium.ts";
import type { Told } from "./support/session_program.ts";
import { call, serveSite } from "./support/site.ts";

const PROGRAM = "tests/browser/support/session_program.ts";

Deno.test("a quota that is used up: nothing of that commit is stored, all before it is, and it goes on once there is room", async () => {
  await using site = await serveSite({ program: PROGRAM });
  await using chromium = await launchChromium();
  const page = await chromium.open(site.url);
  const devtools = await page.context().newCDPSession(page);
  const origin = new URL(site.url).origin;
  // Chromium asks for the quota when it begins to store, and then reckons for a while.
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 4_000_000 });
  await call(page, "open", "d");
  const stored: string[] = [];
  let refused: Told = {};
  while (refused.code === undefined) {
    assert.ok(stored.length < 50, "the quota is never used up");
    const { digest, ...told } = await call<Told & { readonly digest: string }>(page, "putLarge", 500_000);
    if (told.outcome === "committed") stored.push(digest);
    else refused = told;
  }
  assert.deepEqual([refused.code, refused.cause], ["STORE_UNAVAILABLE", "QuotaExceededError"]);
  assert.match(refused.message ?? "", /the origin has used up what the browser lets it store/);
  assert.notEqual(stored.length, 0);
  assert.deepEqual(await call(page, "digests"), stored);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin });
  const last = await call<Told & { readonly digest: string }>(page, "putLarge", 500_000);
  assert.equal(last.outcome, "committed", `${last.message}`);
  assert.deepEqual(await call(page, "digests"), [...stored, last.digest]);
});

Deno.test("a database that is deleted under a running page: nobody is blocked, it is said, and the page goes on anew", async () => {
  await using site = await serveSite({ program: PROGRAM });
  await using chromium = await launchChromium();
  const page = await chromium.open(site.url);
  const other = await chromium.open(site.url);
  const devtools = await page.context().newCDPSession(page);
  const deletions: readonly (() => Promise<unknown>)[] = [
    () =>
      other.evaluate(`new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase("d");
        request.onsuccess = resolve;
        request.onblocked = request.onerror = reject;
      }).then(() => true)`),
    // As a person does it in the browser's settings.
    () =>
      devtools.send("Storage.clearDataForOrigin", {
        origin: new URL(site.url).origin,
        storageTypes: "indexeddb",
      }),
  ];
  for (const remove of deletions) {
    assert.equal(await call(page, "open", "d"), false, "it is a new session");
    assert.deepEqual(await call(page, "put", ["1"]), { outcome: "committed" });
    await remove();
    const told = await call<Told>(page, "put", ["2"]);
    assert.equal(told.code, "STORE_UNAVAILABLE", JSON.stringify(told));
    assert.match(told.message ?? "", /"d": it was deleted while it was in use/);
    assert.deepEqual(await call(page, "put", ["2"]), { outcome: "superseded" });
    await call(page, "close");
  }
});

/** A site that keeps account of which pairs its pages say are committed. */
function bookkeeping() {
  const book = { committed: -1, until: Infinity, reached: Promise.withResolvers<void>() };
  const handle = (request: Request): Response | undefined => {
    const number = /\/committed\/(\d+)$/.exec(new URL(request.url).pathname)?.[1];
    if (number === undefined) return undefined;
    book.committed = Math.max(book.committed, Number(number));
    if (book.committed >= book.until) book.reached.resolve();
    return new Response();
  };
  return { book, handle };
}

/** Whether a log holds whole pairs from 0 on; how many. */
function pairsOf(log: readonly string[]): number {
  const expected = Array.from({ length: log.length / 2 }, (_, number) => [`${number} one`, `${number} other`]).flat();
  assert.deepEqual(log, expected);
  return log.length / 2;
}

Deno.test("a tab that dies in the middle of its writes leaves whole commits, and all that it was told of", async () => {
  const { book, handle } = bookkeeping();
  await using site = await serveSite({ program: PROGRAM, handle });
  await using chromium = await launchChromium();
  const { seed, below } = random(Date.now());
  let pairs = 0;
  for (let life = 0; life < 5; life++) {
    const page = await chromium.open(site.url);
    assert.equal(await call(page, "open", "d"), life > 0);
    pairs = pairsOf(await call<string[]>(page, "log"));
    assert.ok(pairs > book.committed, `seed ${seed}: ${pairs} pairs, ${book.committed} was committed`);
    book.until = pairs + 1 + below(40);
    book.reached = Promise.withResolvers();
    call(page, "putPairs", pairs).catch(() => {});
    await book.reached.promise;
    await crash(page);
    await page.close();
  }
});

Deno.test("a browser that is killed in the middle of its writes leaves whole commits, and all that it was told of", async () => {
  const { book, handle } = bookkeeping();
  await using site = await serveSite({ program: PROGRAM, handle });
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-chromium-" });
  const { seed, below } = random(Date.now());
  try {
    for (let life = 0; life < 4; life++) {
      await using chromium: Chromium = await launchChromium({ folder });
      const page = await chromium.open(site.url);
      assert.equal(await call(page, "open", "d"), life > 0);
      const pairs = pairsOf(await call<string[]>(page, "log"));
      assert.ok(pairs > book.committed, `seed ${seed}: ${pairs} pairs, ${book.committed} was committed`);
      book.until = pairs + 1 + below(40);
      book.reached = Promise.withResolvers();
      call(page, "putPairs", pairs).catch(() => {});
      await book.reached.promise;
      await chromium.kill();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a message of 5 MiB, and 10 000 queued ones behind it, are there after a reload, in order", async () => {
  await using site = await serveSite({ program: PROGRAM });
  await using chromium = await launchChromium();
  const page = await chromium.open(site.url);
  await call(page, "open", "d");
  const { outcome, digest } = await call<Told & { readonly digest: string }>(page, "putLarge", 5 * 1_048_576);
  assert.equal(outcome, "committed");
  await call(page, "putMany", 10_000, 500);
  await page.reload();
  assert.equal(await call(page, "open", "d"), true);
  const [first] = await call<string[]>(page, "digests");
  assert.equal(first, digest);
  const [_, ...log] = await call<string[]>(page, "log");
  assert.deepEqual(log, Array.from({ length: 10_000 }, (_, index) => String(index)));
});
