import assert from "node:assert/strict";
import { emptyGate } from "../../../../src/store/key_value/gate.ts";
import { KnownLog, MOST_APPENDED, MOST_KNOWN } from "../../../../src/store/key_value/known_log.ts";
import { messageBytes } from "../../../../src/mqtt/message.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

const READ = { body: undefined, version: "1" };

Deno.test("an entry is started if the limit covered it before it was read and still does", () => {
  const log = new KnownLog(5);
  log.note(5, READ, 5);
  log.note(6, READ, 5);
  assert.deepEqual([5, 6].map((sequence) => log.get(sequence)?.isStarted), [true, false]);
  log.limitTo(9);
  // It was read before the limit was raised: somebody may have taken it out in between.
  log.note(7, READ, 5);
  assert.equal(log.get(7)?.isStarted, false);
  log.note(8, READ, 9);
  log.limitTo(6);
  assert.deepEqual([5, 6, 7, 8].map((sequence) => log.get(sequence)?.isStarted), [true, false, false, false]);
  // It was read before the limit was lowered.
  log.note(8, READ, 9);
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

Deno.test("no more entries are known than can be in flight, and those that were appended do not crowd out what is read", () => {
  const log = new KnownLog(0);
  for (let sequence = 1; sequence <= 100_000; sequence++) log.append(sequence, READ);
  assert.equal(log.size, MOST_APPENDED);
  for (let sequence = 100_001; sequence <= 200_000; sequence++) log.note(sequence, READ, 0);
  assert.equal(log.size, MOST_KNOWN);
  assert.deepEqual([1, MOST_APPENDED, MOST_APPENDED + 1, 100_001].map((each) => log.get(each) !== undefined), [
    true,
    true,
    false,
    true,
  ]);
  log.remove(1);
  log.note(200_000, READ, 200_000);
  log.note(199_999, READ, 0);
  assert.deepEqual([log.size, log.get(200_000) !== undefined, log.get(199_999)], [MOST_KNOWN, true, undefined]);
});

Deno.test("a gate is likely once it was read as it was left, until it is read as another", () => {
  const log = new KnownLog(0);
  const likely = () => log.likelyGate?.version;
  const at = (version: string) => ({ gate: emptyGate("i", 1, "node"), version });
  log.leftGate(at("1"));
  assert.equal(likely(), undefined);
  log.sawGate(at("1"));
  log.leftGate(at("2"));
  assert.equal(likely(), "2");
  log.sawGate(at("3"));
  log.leftGate(at("4"));
  assert.equal(likely(), undefined);
  log.sawGate(at("4"));
  assert.equal(likely(), "4");
  log.sawGate(undefined);
  assert.equal(likely(), undefined);
});
