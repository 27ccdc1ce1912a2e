import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import { countingStore, faultyStore, observedStore, scheduler } from "../../../src/testing/mod.ts";
import type { Fault } from "../../../src/testing/mod.ts";

/** Calls `renewNode` under a fault: what the caller hears at once, after release, and after abort; and what happened. */
async function renewUnder(fault: Fault): Promise<{ heard: string; released: string; aborted: string; calls: number }> {
  const { settle } = scheduler();
  const counting = countingStore(memoryStore());
  const faulty = faultyStore(counting.store, [{ call: "renewNode", fault }]);
  const abort = new AbortController();
  let heard = "nothing";
  faulty.store.renewNode("n", 5, { signal: abort.signal }).then(
    () => heard = "answer",
    (error) => heard = error.code ?? error,
  );
  await settle();
  const first = heard;
  const calls = counting.count("renewNode");
  faulty.release();
  await settle();
  const released = heard;
  abort.abort("aborted");
  await settle();
  return { heard: first, released, aborted: heard, calls };
}

Deno.test("each fault does what its name says", async () => {
  const unknown = "OUTCOME_UNKNOWN";
  const table: Record<Fault, [heard: string, released: string, aborted: string, calls: number]> = {
    failsBefore: ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE", 0],
    failsAfter: [unknown, unknown, unknown, 1],
    failsUnknown: [unknown, unknown, unknown, 0],
    startsLate: ["nothing", "answer", "answer", 0],
    answersLate: ["nothing", "answer", "answer", 1],
    neverStarts: ["nothing", "nothing", "aborted", 0],
    replyLost: ["nothing", "nothing", "aborted", 1],
  };
  for (const [fault, [heard, released, aborted, calls]] of Object.entries(table)) {
    // The keys of the table are the faults.
    assert.deepEqual(await renewUnder(fault as Fault), { heard, released, aborted, calls }, fault);
  }
});

Deno.test("a rule skips, counts and chooses, and healing ends it", async () => {
  const faulty = faultyStore(memoryStore(), [
    { call: "read", fault: "failsBefore", skip: 1, times: 2, when: ({ args }) => args[0] !== "spared" },
  ]);
  const read = (id: string) => faulty.store.read(id).then(() => "ok", () => "failed");
  const outcomes: string[] = [];
  for (const id of ["a", "spared", "a", "spared", "a", "a"]) outcomes.push(await read(id));
  assert.deepEqual(outcomes, ["ok", "ok", "failed", "ok", "failed", "ok"]);
  assert.deepEqual(faulty.injected, [
    { call: "read", fault: "failsBefore" },
    { call: "read", fault: "failsBefore" },
  ]);
  faulty.inject({ fault: "failsBefore", times: Infinity });
  assert.equal(await read("a"), "failed");
  faulty.heal();
  assert.equal(await read("a"), "ok");
});

Deno.test("a wrapped store keeps its capabilities, its directory and its watch", async () => {
  const calls: string[] = [];
  const store = observedStore(memoryStore(), ({ name }) => calls.push(name));
  assert.equal(store.capabilities.fencing, "strict");
  assert.deepEqual(await store.directory.list({ limit: 1 }), { sessions: [] });
  const stop = AbortSignal.abort();
  for await (const _ of store.watch?.("n", stop) ?? []) assert.fail("there is no news");
  assert.deepEqual(calls, ["directory.list"]);
});

Deno.test("a counting store counts by name and in all", async () => {
  const { store, count, reset } = countingStore(memoryStore());
  await store.read("a");
  await store.read("b");
  await store.nextDueAt();
  assert.deepEqual([count("read"), count("commit"), count()], [2, 0, 3]);
  reset();
  assert.equal(count(), 0);
});
