import assert from "node:assert/strict";
import { keyValueRetained } from "../../../../src/store/key_value/mod.ts";
import type { Message } from "../../../../src/mqtt/message.ts";
import { deferred } from "../../../../src/store/deferred.ts";
import type { RetainedPut, RetainedPutOptions } from "../../../../src/store/retained_store.ts";
import { faultyStore, mapDriver } from "../../../../src/testing/mod.ts";

function options(number: number): RetainedPutOptions {
  return { limits: { maximumMessages: 9, maximumBytes: 9_999 }, order: { writer: "w", number }, now: 1_000 };
}

function retain(payload: string): RetainedPut {
  const message: Message = {
    topic: "t",
    payload: new TextEncoder().encode(payload),
    qos: 1,
    retain: true,
    properties: {},
    publisher: "p",
    publishedAt: 1_000,
  };
  return { message };
}

Deno.test("a put whose commit comes late does not bring back what was removed since", async () => {
  const driver = faultyStore(mapDriver());
  const retained = keyValueRetained(driver.store, { durability: "process" });
  const isHeld = deferred<void>();
  driver.inject({
    call: "commit",
    fault: "startsLate",
    when: () => {
      isHeld.resolve();
      return true;
    },
  });
  const giveUp = new AbortController();
  const late = retained.put([retain("1")], { ...options(1), signal: giveUp.signal });
  await isHeld.promise;
  giveUp.abort();
  // Whoever gave that up does it again, and the topic is as empty in the end as the late commit found it.
  assert.deepEqual(await retained.put([retain("1")], options(2)), ["stored"]);
  assert.deepEqual(await retained.put([retain("")], options(3)), ["removed"]);
  driver.release();
  await assert.rejects(late);
  assert.deepEqual(await retained.read(["t"], { now: 1_000 }), [undefined]);
});
