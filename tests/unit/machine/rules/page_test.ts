import assert from "node:assert/strict";
import type { Event, StepResult } from "../../../../src/machine/mod.ts";
import { acquired, acquiring, message, online, sent, stepped } from "../rig.ts";

const SMALL = { pageMessages: 4, pageBytes: 100 };
const after = (sequence: number) => ({ type: "loadQueue", after: sequence, messages: 4, bytes: 100 });

function appended(...sequences: readonly number[]): Event {
  const messages = sequences.map((sequence) => message(sequence, { topic: `t${sequence}` }));
  return { type: "messagesAppended", tail: sequences.at(-1) ?? 0, messages };
}

function loaded(through: number, ...sequences: readonly number[]): Event {
  const messages = sequences.map((sequence) => message(sequence, { topic: `t${sequence}` }));
  return { type: "queueLoaded", through, messages };
}

function topics(result: StepResult): readonly unknown[] {
  return sent(result).flatMap((packet) => "topic" in packet ? [packet.topic] : []);
}

Deno.test("the rest of the log is asked for once", () => {
  const session = acquiring({ limits: SMALL });
  const first = stepped(session, acquired({ log: [message(1)], through: 2, tail: 10 }));
  assert.deepEqual(first.requests, [after(2)]);
  assert.deepEqual(stepped(session, { type: "messagesAppended", tail: 11 }).requests, []);
  assert.deepEqual(stepped(session, loaded(6, 3, 4)).requests, [after(6)]);
});

Deno.test("a page with gaps is sent as it is, for what is missing is gone", () => {
  const session = online({ limits: SMALL, tail: 8 });
  const result = stepped(session, loaded(8, 2, 7));
  assert.deepEqual(topics(result), ["t2", "t7"]);
  assert.deepEqual(result.requests, []);
});

Deno.test("an empty page that covers the log ends the loading", () => {
  const session = online({ limits: SMALL, tail: 8 });
  assert.deepEqual(stepped(session, loaded(8)), { requests: [], changes: [], effects: [] });
  assert.deepEqual(topics(stepped(session, appended(9))), ["t9"]);
});

Deno.test("entries that were taken before are not taken again", () => {
  const session = online({ limits: SMALL, events: [appended(1, 2)] });
  stepped(session, { type: "messagesAppended", tail: 3 });
  assert.deepEqual(topics(stepped(session, loaded(3, 1, 2, 3))), ["t3"]);
});

Deno.test("messages that were appended behind a gap are not taken, but loaded", () => {
  const session = online({ limits: SMALL });
  const result = stepped(session, appended(3));
  assert.deepEqual(topics(result), []);
  assert.deepEqual(result.requests, [after(0)]);
  assert.deepEqual(topics(stepped(session, loaded(3, 1, 2, 3))), ["t1", "t2", "t3"]);
});

Deno.test("messages that come while a page is awaited are left to the next page", () => {
  const session = online({ limits: SMALL, tail: 2 });
  assert.deepEqual(topics(stepped(session, appended(3))), []);
  assert.deepEqual(stepped(session, loaded(2, 1, 2)).requests, [after(2)]);
});

Deno.test("a full page takes no more, and asks again once half of it is left", () => {
  const session = online({ limits: SMALL, connect: { receiveMaximum: 1 }, events: [appended(1, 2, 3, 4, 5)] });
  assert.deepEqual(stepped(session, appended(6)).requests, []);
  const puback = (packetId: number) =>
    stepped(session, { type: "packetReceived", packet: { type: "puback", packetId, reasonCode: 0 } });
  assert.deepEqual(puback(2).requests, []);
  assert.deepEqual(puback(3).requests, [after(5)]);
});

Deno.test("a page is full by its bytes too", () => {
  const big = message(2, { payload: new Uint8Array(100) });
  const session = online({ limits: SMALL, connect: { receiveMaximum: 1 }, log: [message(1), big] });
  assert.deepEqual(stepped(session, appended(3)).requests, []);
  const result = stepped(session, { type: "packetReceived", packet: { type: "puback", packetId: 2, reasonCode: 0 } });
  assert.deepEqual(result.requests, [after(2)]);
});

Deno.test("a long page is sent whole and in order", () => {
  const sequences = Array.from({ length: 300 }, (_, index) => index + 1);
  const session = online({ limits: { pageMessages: 300, pageBytes: 10_000 }, connect: { receiveMaximum: 1 } });
  const order = [...topics(stepped(session, appended(...sequences)))];
  for (const sequence of sequences) {
    const packet = { type: "puback", packetId: sequence + 1, reasonCode: 0 } as const;
    order.push(...topics(stepped(session, { type: "packetReceived", packet })));
  }
  assert.deepEqual(order, sequences.map((sequence) => `t${sequence}`));
});
