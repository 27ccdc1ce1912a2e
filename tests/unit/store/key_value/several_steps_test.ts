/** What a call of several steps says when a later one fails, and that nothing of it goes on once it has answered. */
import assert from "node:assert/strict";
import { keyValueRetained } from "../../../../src/store/key_value/mod.ts";
import { deferred } from "../../../../src/store/deferred.ts";
import type { RetainedPutOptions } from "../../../../src/store/retained_store.ts";
import type { DeliveryReceiver } from "../../../../src/store/session_store.ts";
import { DENO_KV_LIMITS } from "../../../../src/stores/deno_kv.ts";
import { type FaultyStore, faultyStore, mapDriver } from "../../../../src/testing/mod.ts";
import type { KeyValueDriver } from "../../../../src/store/key_value/driver.ts";
import { acquired, batch, message, request, storeOn, to } from "./kit.ts";

/** A driver whose reads can fail, before any commit was carried out or after so many; the next one may lose to others. */
function readsFail(): FaultyStore<KeyValueDriver> & { failReadsAfter(commits: number, conflicts?: boolean): void } {
  const inner = mapDriver({ limits: DENO_KV_LIMITS });
  let commits = 0;
  let conflictsAt = Infinity;
  const faulty = faultyStore<KeyValueDriver>({
    limits: inner.limits,
    get: (keys) => inner.get(keys),
    list: (range) => inner.list(range),
    commit: async (checks, mutations) => {
      if (commits === conflictsAt) return undefined;
      const version = await inner.commit(checks, mutations);
      if (version !== undefined) commits++;
      return version;
    },
  });
  return Object.assign(faulty, {
    failReadsAfter: (wanted: number, conflicts = false) => {
      commits = 0;
      conflictsAt = conflicts ? wanted : Infinity;
      for (const call of ["get", "list"]) {
        faulty.inject({ call, fault: "failsBefore", when: () => commits >= wanted, times: Infinity });
      }
    },
  });
}

const RETAINING: RetainedPutOptions = {
  limits: { maximumMessages: Infinity, maximumBytes: Infinity },
  order: { writer: "w", number: 1 },
  now: 1_000,
};

Deno.test("batches that take several commits: a failure behind the first leaves the outcome unknown", async () => {
  const { store: driver, failReadsAfter, heal } = readsFail();
  const store = storeOn(driver);
  const receivers: DeliveryReceiver[] = [];
  for (let index = 0; index < 120; index++) receivers.push(to(await acquired(store, request(`r${index}`, "1"))));
  // More logs than one commit can check.
  const batches = [0, 40, 80].map((from) =>
    batch(`b${from}`, { deliveries: [{ message: message(), receivers: receivers.slice(from, from + 40) }] })
  );
  failReadsAfter(0);
  await assert.rejects(store.commit(batches), { code: "STORE_UNAVAILABLE" });
  heal();
  // What the first commit has read serves the second, until somebody else is faster.
  failReadsAfter(1, true);
  await assert.rejects(store.commit(batches), { code: "OUTCOME_UNKNOWN" });
  heal();
  const queued = async (clientId: string) => (await store.directory.inspect(clientId))?.queuedMessages;
  assert.deepEqual([await queued("r0"), await queued("r119")], [1, 0]);
});

Deno.test("retained messages that take several commits: a failure behind the first leaves the outcome unknown", async () => {
  const { store: driver, failReadsAfter, heal } = readsFail();
  const retained = keyValueRetained(driver, { durability: "process" });
  const puts = Array.from({ length: 4_000 }, (_, index) => ({ message: { ...message(), topic: `t/${index}` } }));
  failReadsAfter(0);
  await assert.rejects(retained.put(puts, RETAINING), { code: "STORE_UNAVAILABLE" });
  heal();
  assert.equal((await retained.totals()).messages, 0);
  failReadsAfter(1);
  await assert.rejects(retained.put(puts, RETAINING), { code: "OUTCOME_UNKNOWN" });
  heal();
  assert.ok((await retained.totals()).messages > 0);
});

Deno.test("a session that was acquired and cannot be read leaves the outcome unknown", async () => {
  const { store: driver, failReadsAfter, heal } = readsFail();
  const store = storeOn(driver);
  const first = await acquired(store, request("c", "1"));
  for (let index = 0; index < 3; index++) {
    const large = message(900_000);
    await store.commit([batch(`fill ${index}`, { deliveries: [{ message: large, receivers: [to(first)] }] })]);
  }
  failReadsAfter(1);
  await assert.rejects(store.acquire(request("c", "2")), { code: "OUTCOME_UNKNOWN" });
  heal();
  assert.equal((await store.read("c"))?.guard.epoch, 2);
});

Deno.test("what fails has ended: of large messages that are stored at the same time none goes on", async () => {
  const faulty = faultyStore(mapDriver({ limits: DENO_KV_LIMITS }));
  const retained = keyValueRetained(faulty.store, { durability: "process" });
  const isHeld = deferred<void>();
  faulty.inject({ call: "commit", fault: "failsUnknown" });
  faulty.inject({
    call: "commit",
    fault: "startsLate",
    when: () => {
      isHeld.resolve();
      return true;
    },
  });
  const puts = ["a", "b"].map((topic) => ({ message: { ...message(200_000), topic } }));
  let hasEnded = false;
  const put = retained.put(puts, RETAINING).finally(() => hasEnded = true);
  await isHeld.promise;
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  assert.equal(hasEnded, false);
  faulty.release();
  await assert.rejects(put, { code: "OUTCOME_UNKNOWN" });
});
