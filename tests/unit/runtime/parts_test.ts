import assert from "node:assert/strict";
import fc from "fast-check";
import type { QueuedMessage } from "../../../mod.ts";
import { systemEnvironment } from "../../../mod.ts";
import { Arrivals } from "../../../src/runtime/arrivals.ts";
import { Deadlines } from "../../../src/runtime/deadlines.ts";
import { Inbox } from "../../../src/runtime/inbox.ts";
import { Turns } from "../../../src/runtime/tasks.ts";
import { publishPacket, subscribePacket } from "./support.ts";

function queued(sequence: number): QueuedMessage {
  return {
    sequence,
    topic: "t",
    payload: new Uint8Array(),
    qos: 1,
    retain: false,
    properties: {},
    publisher: "p",
    publishedAt: 0,
    subscriptionIdentifiers: [],
  };
}

Deno.test("arrivals go along with their news only when none is missing and the client can take them", () => {
  const arrivals = new Arrivals();
  arrivals.tail = 4;
  for (const sequence of [6, 5, 4]) arrivals.add(queued(sequence));
  assert.deepEqual(arrivals.take(true), { type: "messagesAppended", tail: 6, messages: [queued(5), queued(6)] });
  arrivals.add(queued(8));
  assert.deepEqual(arrivals.take(true), { type: "messagesAppended", tail: 8 });
  arrivals.add(queued(9));
  assert.deepEqual(arrivals.take(false), { type: "messagesAppended", tail: 9 });
  arrivals.add(queued(9));
  assert.equal(arrivals.take(true), undefined);
  assert.equal(arrivals.grow(9), undefined);
  assert.deepEqual(arrivals.grow(10), { type: "messagesAppended", tail: 10 });
});

Deno.test("deadlines fire once each, in order, when they have come, however they move", () => {
  const move = fc.record({ which: fc.nat(4), deadline: fc.option(fc.nat(100), { nil: undefined }), pass: fc.nat(10) });
  fc.assert(fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
    const deadlines = new Deadlines();
    let now = 0;
    const fired: number[] = [];
    const timed = Array.from({ length: 5 }, (_, which) => ({
      deadline: undefined as number | undefined,
      timePassed() {
        assert(this.deadline !== undefined && this.deadline <= now);
        fired.push(which);
        this.deadline = undefined;
      },
    }));
    for (const { which, deadline, pass } of moves) {
      const one = timed[which];
      if (one === undefined) continue;
      one.deadline = deadline === undefined ? undefined : now + deadline;
      deadlines.watch(one);
      now += pass;
      const due = timed.flatMap((each, index) => (each.deadline ?? Infinity) <= now ? [index] : []);
      fired.length = 0;
      deadlines.fire(now);
      assert.deepEqual([...fired].sort(), due);
      const next = Math.min(...timed.map((each) => each.deadline ?? Infinity));
      assert((deadlines.next ?? Infinity) <= next);
    }
  }));
});

Deno.test("an inbox weighs what waits in it, and gives it back in order", () => {
  const inbox = new Inbox();
  for (let id = 1; id <= 1_000; id++) inbox.push(publishPacket("t", 1, id, "x"));
  const whole = inbox.cost;
  assert.equal(inbox.publishesAhead().length, 255);
  for (let id = 1; id <= 600; id++) {
    const event = inbox.shift()?.event;
    assert(event?.type === "packetReceived" && event.packet.type === "publish" && event.packet.packetId === id);
  }
  assert.equal(inbox.length, 400);
  assert.equal(inbox.cost * 10, whole * 4);
  assert.equal(inbox.hasFarewell, false);
  inbox.push({ type: "disconnect", reasonCode: 0 });
  assert.equal(inbox.hasFarewell, true);
  inbox.clear();
  assert.deepEqual([inbox.length, inbox.cost, inbox.hasFarewell, inbox.empty], [0, 0, false, true]);
  inbox.push(publishPacket("", 0));
  inbox.push(publishPacket("a", 0));
  inbox.push(subscribePacket(1, "a"));
  inbox.push(publishPacket("b", 0));
  assert.deepEqual(inbox.publishesAhead().map((item) => item.topic), ["a"]);
});

Deno.test("turns of one key come one after the other, and nothing is kept of them", async () => {
  const turns = new Turns();
  const log: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = turns.take("a", async () => {
    log.push("first begins");
    await promise;
    log.push("first ends");
  });
  const second = turns.take("a", () => Promise.resolve(void log.push("second")));
  const other = turns.take("b", () => Promise.resolve(void log.push("other")));
  await other;
  resolve();
  await Promise.all([first, second]);
  assert.deepEqual(log, ["first begins", "other", "first ends", "second"]);
});

Deno.test("the system's environment wakes at a time that has come, and not before one that is far away", async () => {
  const { now, monotonic, randomId, wake } = systemEnvironment();
  assert(now() > 1_700_000_000_000);
  assert(monotonic() <= monotonic());
  assert.notEqual(randomId(), randomId());
  const woken: string[] = [];
  // More than a timer holds: taken as it is, it would come at once.
  const cancelFar = wake(now() + 2 ** 40, () => woken.push("far"));
  wake(now(), () => woken.push("cancelled"))();
  await new Promise<void>((resolve) => wake(now() - 1, resolve));
  await new Promise<void>((resolve) => wake(now() + 2, resolve));
  cancelFar();
  assert.deepEqual(woken, []);
});
