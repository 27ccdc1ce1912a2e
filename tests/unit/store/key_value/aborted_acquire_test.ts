/** An acquire that nobody waits for any more goes no further than what it has sent. */
import { decodeHead } from "../../../../src/store/key_value/head.ts";
import assert from "node:assert/strict";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { type CommitFate, faultyDriver } from "./faulty_driver.ts";
import { request, storeOn } from "./kit.ts";

Deno.test("an acquire that others got ahead of is not tried again once its signal is aborted", async () => {
  const inner = mapDriver();
  const faulty = faultyDriver(inner);
  let reads = 0;
  const store = storeOn({ ...faulty.driver, get: (keys) => (reads++, inner.get(keys)) });
  const controller = new AbortController();
  const reason = new Error("no answer in time");
  faulty.decide = () => {
    controller.abort(reason);
    return "conflicts";
  };
  await assert.rejects(store.acquire(request("c", "1"), { signal: controller.signal }), reason);
  assert.deepEqual([reads, faulty.commits], [1, 1]);
  assert.deepEqual(inner.entries(), []);
});

Deno.test("an acquire whose signal is aborted while it reads writes nothing", async () => {
  const inner = mapDriver();
  const faulty = faultyDriver(inner);
  const controller = new AbortController();
  const reason = new Error("no answer in time");
  const store = storeOn({
    ...faulty.driver,
    list: (range) => {
      controller.abort(reason);
      return inner.list(range);
    },
  });
  await assert.rejects(store.acquire(request("c", "1"), { signal: controller.signal }), reason);
  assert.equal(faulty.commits, 0);
});

Deno.test("an acquire that others got ahead of learns of them: one that is used up by then is refused", async () => {
  const inner = mapDriver();
  const faulty = faultyDriver(inner);
  const delayed = storeOn(faulty.driver);
  const store = storeOn(inner);
  faulty.decide = async (): Promise<CommitFate> => {
    faulty.decide = undefined;
    // Meanwhile its repetition was answered, and another connection took the session.
    await store.acquire(request("c", "1"));
    await store.acquire(request("c", "2"));
    return "goes";
  };
  assert.deepEqual(await delayed.acquire(request("c", "1")), { outcome: "refused", reason: "stale" });
  assert.equal((await store.read("c"))?.owner?.token, "2");
});

Deno.test("a head that was written before tokens were remembered is one of which none is used up", async () => {
  const driver = mapDriver();
  const store = storeOn(driver);
  await store.acquire(request("c", "1"));
  const head = driver.entries().find(({ key }) => key.includes("/head/"));
  assert.ok(head !== undefined);
  // It had no journal yet. Before that, the last seven bytes are the token with its length; the fourth flag says so.
  const journal = decodeHead(head.key, head.value).journal.length;
  const before = head.value.slice(0, -7 - journal - 1);
  before[2] = (before[2] ?? 0) & ~(8 | 16);
  driver.overwrite(head.key, before);
  const answer = await store.acquire(request("c", "2"));
  assert.equal(answer.outcome, "acquired");
  assert.deepEqual(await store.acquire(request("c", "2")), answer, "it can be repeated");
  assert.equal((await store.acquire(request("c", "3"))).outcome, "acquired");
  assert.deepEqual(await store.acquire(request("c", "2")), { outcome: "refused", reason: "stale" });
});
