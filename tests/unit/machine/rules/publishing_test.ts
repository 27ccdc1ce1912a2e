import assert from "node:assert/strict";
import { type Event, type PublishPacket, snapshot } from "../../../../src/machine/mod.ts";
import { type Given, online, sent, stepped } from "../rig.ts";

const BYTES = new TextEncoder().encode("p");

function publish(differing: Partial<PublishPacket> = {}): Event {
  const packet: PublishPacket = {
    type: "publish",
    topic: "a",
    payload: BYTES,
    qos: 1,
    retain: false,
    dup: false,
    packetId: 1,
    properties: {},
    ...differing,
  };
  if (packet.qos !== 0) return { type: "packetReceived", packet };
  const { packetId: _none, ...rest } = packet;
  return { type: "packetReceived", packet: rest };
}

const routed = (ref: number, receivers = 1): Event => ({ type: "publishRouted", ref, receivers });
const refused = (ref: number, reasonCode: number): Event => ({ type: "publishRefused", ref, reasonCode });

const FAULTS: readonly (readonly [fault: string, packet: Partial<PublishPacket>, reasonCode: number])[] = [
  ["DUP 1 at QoS 0 [MQTT-3.3.1-2]", { qos: 0, dup: true }, 0x82],
  ["a Packet Identifier of 0 [MQTT-2.2.1-3]", { packetId: 0 }, 0x82],
  ["a Subscription Identifier [MQTT-3.3.4-6]", { subscriptionIdentifiers: [1] }, 0x82],
  ["a Response Topic with a wildcard [MQTT-3.3.2-14]", { properties: { responseTopic: "a/+" } }, 0x82],
  ["QoS above Maximum QoS [MQTT-3.2.2-11]", { qos: 2 }, 0x9b],
  ["RETAIN 1 where nothing is retained", { retain: true }, 0x9a],
  ["Topic Alias 0 [MQTT-3.3.2-8]", { topicAlias: 0 }, 0x94],
  ["a Topic Alias above the maximum [MQTT-3.3.2-9]", { topicAlias: 4 }, 0x94],
  ["a Topic Alias that stands for nothing", { topic: "", topicAlias: 1 }, 0x82],
  ["an empty topic", { topic: "" }, 0x90],
  ["a topic with a wildcard [MQTT-3.3.2-2]", { topic: "a/#" }, 0x90],
  ["more bytes than Maximum Packet Size", { payload: new Uint8Array(93) }, 0x95],
  ["a topic that makes it larger than Maximum Packet Size", { topic: "\u20ac".repeat(31) + "a" }, 0x95],
  ["properties that make it larger", { properties: { userProperties: [["n", "v".repeat(90)]] } }, 0x95],
];
const LIMITED: Given = {
  limits: { maximumQoS: 1, retainAvailable: false, topicAliasMaximum: 3, maximumPacketSize: 100 },
};
for (const [fault, packet, reasonCode] of FAULTS) {
  Deno.test(`PUBLISH with ${fault} closes with 0x${reasonCode.toString(16)}`, () => {
    const session = online(LIMITED);
    const result = stepped(session, publish(packet));
    assert.deepEqual(sent(result), [{ type: "disconnect", reasonCode }]);
    assert.deepEqual(result.requests, []);
    assert.equal(session.online, false);
  });
}

Deno.test("a PUBLISH of just Maximum Packet Size is taken", () => {
  assert.equal(stepped(online(LIMITED), publish({ payload: new Uint8Array(92) })).requests.length, 1);
});

Deno.test("RETAIN 1 on 3.1.1, which cannot be told, is taken", () => {
  const session = online({ ...LIMITED, version: 4 });
  assert.equal(stepped(session, publish({ retain: true })).requests.length, 1);
});

Deno.test("a Topic Alias stands for the topic that set it last, on this connection only [MQTT-3.3.2-7]", () => {
  const session = online(LIMITED);
  const topicOf = (packet: Partial<PublishPacket>) => {
    const [request] = stepped(session, publish({ qos: 0, ...packet })).requests;
    assert.ok(request?.type === "routePublish");
    stepped(session, routed(request.ref));
    return request.message.topic;
  };
  assert.equal(topicOf({ topic: "one", topicAlias: 1 }), "one");
  assert.equal(topicOf({ topic: "", topicAlias: 1 }), "one");
  assert.equal(topicOf({ topic: "highest", topicAlias: 3 }), "highest");
  assert.equal(topicOf({ topic: "two", topicAlias: 1 }), "two");
  assert.equal(topicOf({ topic: "", topicAlias: 1 }), "two");
});

Deno.test("a message is routed with its full topic, its publisher and its absolute expiry", () => {
  const properties = { contentType: "x" };
  const result = stepped(online(), publish({ messageExpiryInterval: 7, properties }), 5_000);
  assert.deepEqual(result, {
    requests: [{
      type: "routePublish",
      ref: 1,
      message: {
        topic: "a",
        payload: BYTES,
        qos: 1,
        retain: false,
        properties,
        publisher: "c",
        publishedAt: 5_000,
        expiresAt: 12_000,
      },
    }],
    changes: [],
    effects: [],
  });
});

Deno.test("QoS 0 is handed on without an answer, and to nobody without a change", () => {
  const session = online();
  stepped(session, publish({ qos: 0 }));
  const result = stepped(session, routed(1));
  assert.deepEqual(result.changes.map(({ type }) => type), ["publishMessage"]);
  assert.deepEqual(result.effects, []);
  stepped(session, publish({ qos: 0 }));
  assert.deepEqual(stepped(session, routed(2, 0)), { requests: [], changes: [], effects: [] });
});

Deno.test("QoS 1 is acknowledged with the commit that hands it on, 0x10 when nobody takes it [MQTT-4.3.2-4]", () => {
  for (
    const [version, receivers, reasonCode] of [[5, 1, 0], [5, 0, 0x10], [4, 1, 0], [4, 0, 0]] as const
  ) {
    const session = online({ version });
    stepped(session, publish());
    const result = stepped(session, routed(1, receivers));
    assert.deepEqual(sent(result), [{ type: "puback", packetId: 1, reasonCode }]);
    assert.equal(result.changes.length, receivers);
  }
});

Deno.test("a publish that its commit refused is answered with the code, and its QoS 2 identifier is free again", () => {
  const session = online();
  stepped(session, publish({ qos: 2 }));
  stepped(session, routed(1));
  assert.deepEqual(snapshot(session)?.inbound, new Set([1]));

  const result = stepped(session, refused(1, 0x97));
  assert.deepEqual(result.changes, [{ type: "deleteInboundId", packetId: 1 }]);
  assert.deepEqual(sent(result), [{ type: "pubrec", packetId: 1, reasonCode: 0x97 }]);
  assert.equal(stepped(session, publish({ qos: 2 })).requests.length, 1, "the same identifier is a new message");
});

Deno.test("a refused publish no longer counts against this side's Receive Maximum", () => {
  const session = online({ limits: { receiveMaximum: 1 } });
  stepped(session, publish({ qos: 2 }));
  stepped(session, routed(1));
  stepped(session, refused(1, 0x97));
  assert.equal(stepped(session, publish({ qos: 2, packetId: 2 })).requests.length, 1);
});

Deno.test("3.1.1 acknowledges a publish that its commit refused, and remembers its identifier until PUBREL", () => {
  const session = online({ version: 4 });
  stepped(session, publish({ qos: 2 }));
  stepped(session, routed(1));
  const result = stepped(session, refused(1, 0x97));
  assert.deepEqual(result.changes.map(({ type }) => type), ["deleteInboundId", "putInboundId"]);
  assert.deepEqual(sent(result), [{ type: "pubrec", packetId: 1, reasonCode: 0 }]);
  assert.deepEqual(snapshot(session)?.inbound, new Set([1]));
});

Deno.test("3.1.1 may be closed instead, and then nothing is remembered", () => {
  const session = online({ version: 4, policy: { refusedPublishV311: "close" } });
  stepped(session, publish({ qos: 2 }));
  stepped(session, routed(1));
  const result = stepped(session, refused(1, 0x97));
  assert.deepEqual(result.changes.map(({ type }) => type), ["deleteInboundId", "putHead"]);
  assert.deepEqual([sent(result), snapshot(session)?.inbound], [[], new Set()]);
});

Deno.test("answers that come after the close change nothing", () => {
  const session = online({ events: [publish({ qos: 2 }), { type: "connectionClosed" }] });
  const before = snapshot(session);
  const nothing = { requests: [], changes: [], effects: [] };
  assert.deepEqual(stepped(session, routed(1)), nothing);
  assert.deepEqual(stepped(session, refused(1, 0x97)), nothing);
  assert.deepEqual(snapshot(session), before);
});

Deno.test("PUBREL ends what counts against Receive Maximum", () => {
  const session = online({ limits: { receiveMaximum: 1 }, events: [publish({ qos: 2 }), routed(1)] });
  stepped(session, { type: "packetReceived", packet: { type: "pubrel", packetId: 1, reasonCode: 0 } });
  assert.equal(stepped(session, publish({ qos: 2 })).requests.length, 1);
});

Deno.test("an identifier carried over counts against Receive Maximum from its repeat until PUBCOMP", () => {
  const session = online({ limits: { receiveMaximum: 1 }, inbound: [1] });
  stepped(session, publish({ qos: 2, dup: true }));
  stepped(session, publish({ qos: 2, dup: true }));
  assert.ok(session.online, "a repeat of a counted identifier counts once");
  assert.deepEqual(sent(stepped(session, publish({ packetId: 2 }))), [{ type: "disconnect", reasonCode: 0x93 }]);
});
