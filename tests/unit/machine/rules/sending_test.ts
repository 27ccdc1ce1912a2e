import assert from "node:assert/strict";
import { type Event, messageBytes, type StepResult } from "../../../../src/machine/mod.ts";
import { acquired, acquiring, message, online, sent, stepped } from "../rig.ts";

const PUBACK_2: Event = { type: "packetReceived", packet: { type: "puback", packetId: 2, reasonCode: 0 } };
const BIG = new Uint8Array(100);

function offered(topic: string, differing: { readonly payload?: Uint8Array; readonly expiresAt?: number } = {}): Event {
  const { sequence: _sequence, subscriptionIdentifiers, ...rest } = message(1, { topic, qos: 2 });
  return { type: "qos0Offered", message: { ...rest, ...differing }, retain: false, subscriptionIdentifiers };
}

function topics(result: StepResult): readonly unknown[] {
  return sent(result).flatMap((packet) => "topic" in packet ? [packet.topic] : []);
}

const dropped = (reason: string, topic: string) => ({ type: "messageDropped", reason, topic });

Deno.test("an offered QoS 0 copy is sent at once, at QoS 0 and without a change [MQTT-4.3.1-1]", () => {
  const result = stepped(online(), offered("a"));
  assert.deepEqual(result.changes, []);
  assert.deepEqual(sent(result), [{
    type: "publish",
    topic: "a",
    payload: new TextEncoder().encode("p"),
    qos: 0,
    retain: false,
    dup: false,
    properties: {},
  }]);
});

Deno.test("an offered QoS 0 copy passes queued QoS 1, but never queued QoS 0 [MQTT-4.6.0-6]", () => {
  const first = { type: "messagesAppended", tail: 2, messages: [message(1), message(2)] } as const;
  const session = online({ connect: { receiveMaximum: 1 }, events: [first] });
  assert.deepEqual(topics(stepped(session, offered("passes"))), ["passes"]);
  const zero = message(3, { topic: "queued", qos: 0 });
  stepped(session, { type: "messagesAppended", tail: 3, messages: [zero] });
  assert.deepEqual(topics(stepped(session, offered("waits"))), []);
  assert.deepEqual(topics(stepped(session, PUBACK_2)), ["a", "queued", "waits"]);
});

Deno.test("an offered QoS 0 copy waits while the rest of the log is unknown", () => {
  const session = online({ tail: 2 });
  assert.deepEqual(topics(stepped(session, offered("waits"))), []);
  const page = [message(1, { topic: "one", qos: 0 })];
  assert.deepEqual(topics(stepped(session, { type: "queueLoaded", through: 2, messages: page })), ["one", "waits"]);
});

Deno.test("waiting QoS 0 copies that have expired or are too large are lost under their reason", () => {
  const session = online({ connect: { maximumPacketSize: 50 }, tail: 1 });
  stepped(session, offered("late", { expiresAt: 1_000 }));
  stepped(session, offered("big", { payload: BIG }));
  const result = stepped(session, { type: "queueLoaded", through: 1, messages: [] }, 1_000);
  assert.deepEqual(result.effects, [dropped("expired", "late"), dropped("tooLarge", "big")]);
});

Deno.test("when too many QoS 0 copies wait, the next is lost", () => {
  const session = online({ limits: { pageMessages: 1 }, tail: 1, events: [offered("first")] });
  assert.deepEqual(stepped(session, offered("second")).effects, [dropped("atMostOnce", "second")]);
});

Deno.test("QoS 0 copies that still wait when the connection ends are counted as lost", () => {
  const session = online({ tail: 1, events: [offered("waits")] });
  const result = stepped(session, { type: "connectionClosed" });
  assert.deepEqual(result.effects.filter(({ type }) => type === "messageDropped"), [dropped("atMostOnce", "waits")]);
});

Deno.test("a row that outlived its PUBREC is deleted, and only PUBREL is sent [MQTT-4.3.3-6]", () => {
  const entry = message(1, { qos: 2 });
  const result = stepped(
    acquiring(),
    acquired({
      startedThrough: 1,
      log: [entry, message(2)],
      outbound: [[1, { packetId: 2, phase: "released", pubrecOrder: 0 }]],
    }),
  );
  assert.deepEqual(result.changes, [{ type: "deleteQueued", sequence: 1, bytes: messageBytes(entry) }]);
  assert.deepEqual(sent(result).map(({ type }) => type), ["connack", "pubrel", "publish"]);
});

Deno.test("a close in the middle of sending ends it: nothing more is sent, asked or taken out of the log", () => {
  const log = [message(1), message(2, { payload: BIG }), message(3)];
  const given = {
    policy: { oversizedInFlight: "close" },
    connect: { maximumPacketSize: 50 },
    startedThrough: 3,
    through: 0,
    tail: 9,
    events: [offered("held")],
  } as const;
  const result = stepped(online(given), { type: "queueLoaded", through: 3, messages: log });
  assert.deepEqual(result.requests, []);
  assert.deepEqual(result.changes.map(({ type }) => type), ["putHead"]);
  assert.deepEqual(result.effects.map(({ type }) => type), [
    "sendPacket",
    "messageDropped",
    "sendPacket",
    "closeConnection",
  ]);
  assert.deepEqual(sent(result)[1], { type: "disconnect", reasonCode: 0x95 });
});

Deno.test("Subscription Identifiers, properties and the time left go with a copy; 3.1.1 gets none of them", () => {
  const properties = { contentType: "text/plain", userProperties: [["b", "2"], ["a", "1"]] } as const;
  const copy = message(1, { properties, subscriptionIdentifiers: [7, 3], expiresAt: 10_000, retain: true });
  const plain = { type: "publish", topic: "a", payload: copy.payload, qos: 1, retain: true, dup: false, packetId: 2 };
  const appended: Event = { type: "messagesAppended", tail: 1, messages: [copy] };
  assert.deepEqual(sent(stepped(online(), appended, 3_001)), [
    { ...plain, properties, messageExpiryInterval: 7, subscriptionIdentifiers: [7, 3] },
  ]);
  assert.deepEqual(sent(stepped(online({ version: 4 }), appended, 3_001)), [{ ...plain, properties: {} }]);
});

Deno.test("a PUBLISH of just the client's Maximum Packet Size is sent, one byte more is not [MQTT-3.1.2-24]", () => {
  for (const [bytes, effect] of [[32, "sendPacket"], [33, "messageDropped"]] as const) {
    const log = [message(1, { payload: new Uint8Array(bytes) })];
    const session = online({ connect: { maximumPacketSize: 40 } });
    const result = stepped(session, { type: "messagesAppended", tail: 1, messages: log });
    assert.deepEqual(result.effects.map(({ type }) => type), [effect]);
  }
});

Deno.test("the order of PUBRECs goes on where an earlier connection left it [MQTT-4.6.0-4]", () => {
  const session = online({
    startedThrough: 2,
    outbound: [[1, { packetId: 2, phase: "released", pubrecOrder: 5 }]],
    log: [message(2, { qos: 2 })],
  });
  const result = stepped(session, { type: "packetReceived", packet: { type: "pubrec", packetId: 3, reasonCode: 0 } });
  const mark = { packetId: 3, phase: "released", pubrecOrder: 6 };
  assert.deepEqual(result.changes[0], { type: "putOutboundMark", sequence: 2, mark });
});
