import assert from "node:assert/strict";
import { deferred } from "../../../../src/store/deferred.ts";
import { faultyStore, mapDriver } from "../../../../src/testing/mod.ts";
import { request, storeOn } from "./kit.ts";

const BOUNDED = { principal: "p", quota: 1 };

Deno.test("a CONNECT is not refused for the place that another of its own client has just taken", async () => {
  const driver = faultyStore(mapDriver());
  const isHeld = deferred<void>();
  // Its head is read before the other one begins, and the places after that.
  driver.inject({
    call: "get",
    fault: "answersLate",
    when: ({ args: [keys] }) => {
      const isHead = Array.isArray(keys) && keys.some((key) => String(key).includes("/head"));
      if (isHead) isHeld.resolve();
      return isHead;
    },
  });
  const slow = storeOn(driver.store).acquire(request("c", "slow", BOUNDED));
  await isHeld.promise;
  const quick = await storeOn(driver.store).acquire(request("c", "quick", BOUNDED));
  assert.equal(quick.outcome, "acquired");
  driver.release();
  assert.equal((await slow).outcome, "acquired");
  const other = await storeOn(driver.store).acquire(request("d", "other", BOUNDED));
  assert.deepEqual(other, { outcome: "refused", reason: "quota" });
});
