import assert from "node:assert/strict";
import { snapshot } from "../../../../src/machine/mod.ts";
import { acquired, acquiring, type Given, message, online, sent, stepped } from "../rig.ts";

/** Appends messages right behind the log that a session knows. */
function appended(...sequences: readonly number[]) {
  const messages = sequences.map((sequence) => message(sequence));
  return { type: "messagesAppended", tail: sequences.at(-1) ?? 0, messages } as const;
}

function packetIds(packets: readonly { readonly type: string }[]): readonly unknown[] {
  return packets.map((packet) => "packetId" in packet ? packet.packetId : undefined);
}

const allIdsBut = (kept: number) => Array.from({ length: 65_535 }, (_, index) => index + 1).filter((id) => id !== kept);

Deno.test("a packet identifier derives from the sequence: 65534 takes 65535, 65535 takes 1", () => {
  const session = online({ through: 65_533, startedThrough: 65_533 });
  assert.deepEqual(packetIds(sent(stepped(session, appended(65_534, 65_535, 65_536)))), [65_535, 1, 2]);
});

Deno.test("an identifier that is held for long is not reused: the free one is stored before it is sent [MQTT-2.2.1-4]", () => {
  const session = online({ log: [message(1)], startedThrough: 1, through: 65_535, head: { sentLimit: 70_000 } });
  const result = stepped(session, appended(65_536));
  const mark = { packetId: 3, phase: "sent", pubrecOrder: 0 };
  assert.deepEqual(result.changes, [{ type: "putOutboundMark", sequence: 65_536, mark }]);
  assert.deepEqual(packetIds(sent(result)), [3]);

  const done = stepped(session, { type: "packetReceived", packet: { type: "puback", packetId: 3, reasonCode: 0 } });
  assert.deepEqual(done.changes, [{ type: "deleteQueued", sequence: 65_536, bytes: 2 }]);
  assert.equal(snapshot(session)?.outbound.size, 0);
});

Deno.test("an identifier that is held by PUBREL alone is not reused either [MQTT-2.2.1-4]", () => {
  const session = online({ outbound: [[1, { packetId: 3, phase: "released", pubrecOrder: 0 }]], through: 1 });
  assert.deepEqual(packetIds(sent(stepped(session, appended(2)))), [4]);
});

Deno.test("a quarantined identifier is passed over, beyond 65535 from 1 on", () => {
  assert.deepEqual(packetIds(sent(stepped(online({ quarantine: [2, 3] }), appended(1)))), [4]);
  const last = online({ quarantine: [65_535], through: 65_533, startedThrough: 65_533 });
  assert.deepEqual(packetIds(sent(stepped(last, appended(65_534)))), [1]);
});

Deno.test("when all identifiers are out a message waits, and goes once one is free [MQTT-2.2.1-4]", () => {
  const session = online({ quarantine: allIdsBut(2), events: [appended(1)] });
  const waits = stepped(session, appended(2));
  assert.deepEqual([waits.changes, waits.effects], [[], []]);
  const result = stepped(session, { type: "packetReceived", packet: { type: "puback", packetId: 2, reasonCode: 0 } });
  assert.deepEqual(packetIds(sent(result)), [2]);
  const mark = { packetId: 2, phase: "sent", pubrecOrder: 0 };
  assert.deepEqual(result.changes.at(-1), { type: "putOutboundMark", sequence: 2, mark });
});

Deno.test("the limit is stored before anything beyond it is sent", () => {
  const session = online({ limits: { sendAhead: 3 }, head: { sentLimit: 2 } });
  assert.deepEqual(stepped(session, appended(1, 2)).changes, []);
  const result = stepped(session, appended(3, 4, 5, 6, 7));
  assert.deepEqual(result.changes, [{ type: "putSentLimit", sentLimit: 6 }, { type: "putSentLimit", sentLimit: 10 }]);
  assert.equal(sent(result).length, 5);
});

Deno.test("the limit is kept ahead by acknowledgements once half of it is used", () => {
  const session = online({ limits: { sendAhead: 4 }, head: { sentLimit: 4 }, events: [appended(1, 2)] });
  const puback = (packetId: number) =>
    stepped(session, {
      type: "packetReceived",
      packet: { type: "puback", packetId, reasonCode: 0 },
    }).changes.filter(({ type }) => type === "putSentLimit");
  assert.deepEqual(puback(2), []);
  stepped(session, appended(3));
  assert.deepEqual(puback(3), [{ type: "putSentLimit", sentLimit: 7 }]);
});

Deno.test("the limit runs no further ahead than the client's window reaches", () => {
  const session = online({ connect: { receiveMaximum: 2 }, head: { sentLimit: 0 } });
  assert.deepEqual(stepped(session, appended(1)).changes, [{ type: "putSentLimit", sentLimit: 3 }]);
});

Deno.test("a detach stores exactly what was started", () => {
  const session = online({ events: [appended(1, 2, 3)] });
  assert.equal(snapshot(session)?.head.sentLimit, 256);
  stepped(session, { type: "connectionClosed" });
  assert.equal(snapshot(session)?.head.sentLimit, 3);
});

Deno.test("a stored limit that runs ahead of the log starts nothing that comes later", () => {
  const session = online({ startedThrough: 256, log: [message(1)], tail: 1 });
  const [first] = sent(stepped(session, appended(2)));
  assert.equal(first !== undefined && "dup" in first && first.dup, false);
  stepped(session, { type: "connectionClosed" });
  assert.equal(snapshot(session)?.head.sentLimit, 2);
});

Deno.test("after a restart all up to the limit is resent with DUP 1, and QoS 0 among it is lost [MQTT-4.4.0-1]", () => {
  const given = {
    startedThrough: 3,
    log: [message(1), message(2, { qos: 0, topic: "zero" }), message(3, { qos: 2 }), message(4)],
  };
  const result = stepped(acquiring(), acquired(given));
  const publishes = sent(result).flatMap((packet) => "dup" in packet && "packetId" in packet ? [packet] : []);
  assert.deepEqual(publishes.map(({ packetId, dup }) => [packetId, dup]), [[2, true], [4, true], [5, false]]);
  assert.deepEqual(result.changes, [{ type: "deleteQueued", sequence: 2, bytes: 5, dropped: "atMostOnce" }]);
  assert.deepEqual(result.effects.filter(({ type }) => type === "messageDropped"), [
    { type: "messageDropped", reason: "atMostOnce", topic: "zero", sequence: 2 },
  ]);
});

Deno.test("a resend that finds no free identifier waits, with all that comes behind it", () => {
  const result = stepped(acquiring(), acquired({ quarantine: allIdsBut(0), startedThrough: 1, log: [message(1)] }));
  assert.deepEqual([sent(result).map(({ type }) => type), result.changes], [["connack"], []]);
});

Deno.test("a resend that no longer fits takes its mark along, at QoS 2 its identifier out of circulation [MQTT-3.1.2-25]", () => {
  for (const [qos, quarantine] of [[1, []], [2, [9]]] as const) {
    const given: Given = {
      connect: { maximumPacketSize: 40 },
      startedThrough: 1,
      outbound: [[1, { packetId: 9, phase: "sent", pubrecOrder: 0 }]],
      log: [message(1, { qos, payload: new Uint8Array(40) })],
    };
    const session = acquiring(given);
    stepped(session, acquired(given));
    assert.deepEqual(snapshot(session)?.outbound, new Map());
    assert.deepEqual(snapshot(session)?.quarantine, new Set(quarantine));
  }
});
