import assert from "node:assert/strict";
import { KnownLog } from "../../../../src/store/key_value/known_log.ts";
import { messageBytes } from "../../../../src/mqtt/message.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

Deno.test("an entry is started if the limit covered it before it was read and still does", () => {
  const log = new KnownLog(5);
  log.note(5, undefined, 5);
  log.note(6, undefined, 5);
  assert.deepEqual([5, 6].map((sequence) => log.get(sequence)?.isStarted), [true, false]);
  log.limitTo(9);
  // It was read before the limit was raised: somebody may have taken it out in between.
  log.note(7, undefined, 5);
  assert.equal(log.get(7)?.isStarted, false);
  log.note(8, undefined, 9);
  log.limitTo(6);
  assert.deepEqual([5, 6, 7, 8].map((sequence) => log.get(sequence)?.isStarted), [true, false, false, false]);
  // It was read before the limit was lowered.
  log.note(8, undefined, 9);
  assert.equal(log.get(8)?.isStarted, false);
});

Deno.test("what an old guard reads after a detach lowered the limit is nobody's own: a dropped entry is removed once", async () => {
  const store = storeOn(mapDriver());
  const session = await acquired(store, request("c", "1"));
  const fill = (id: string, maximumMessages: number) =>
    store.commit([batch(id, {
      deliveries: [{ message: message(), receivers: [to(session)] }],
      limits: { maximumMessages, maximumBytes: 1e9, whenFull: "dropOldest" },
    })]);
  for (const id of ["1", "2", "3"]) await fill(id, 9);
  const { head } = session.snapshot;
  const [left] = await store.commit([batch("leave", {
    guard: session.guard,
    changes: [{ type: "putHead", head: { ...head, attached: false, disconnectedAt: NOW, sentLimit: 0 } }],
  })]);
  assert.ok(left?.outcome === "committed" && left.guard !== undefined);
  const page = await store.readQueue(session.guard, { after: 0, messages: 9, bytes: 1e6 });
  assert.equal(page.messages.length, 3);
  await fill("4", 3);
  const gone = { type: "deleteQueued", sequence: 1, bytes: messageBytes(message()) } as const;
  const [result] = await store.commit([batch("expire", { guard: left.guard, changes: [gone] })]);
  assert.equal(result?.outcome, "committed");
  const summary = await store.directory.inspect("c");
  assert.deepEqual([summary?.queuedMessages, summary?.queuedBytes], [3, 3 * messageBytes(message())]);
});
