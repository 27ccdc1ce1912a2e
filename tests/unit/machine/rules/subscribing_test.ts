import assert from "node:assert/strict";
import type { Event, SubscribePacket, SubscriptionRequest } from "../../../../src/machine/mod.ts";
import { type Given, online, sent, stepped } from "../rig.ts";

function request(filter: string, differing: Partial<SubscriptionRequest> = {}): SubscriptionRequest {
  return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, ...differing };
}

function subscribe(
  subscriptions: readonly SubscriptionRequest[],
  differing: Partial<SubscribePacket> = {},
): Event {
  return { type: "packetReceived", packet: { type: "subscribe", packetId: 1, subscriptions, ...differing } };
}

const unsubscribe = (filters: readonly string[], packetId = 1): Event => ({
  type: "packetReceived",
  packet: { type: "unsubscribe", packetId, filters },
});

const LIMITED: Given = {
  limits: {
    wildcardSubscriptionAvailable: false,
    subscriptionIdentifiersAvailable: false,
    sharedSubscriptionAvailable: false,
  },
};

const FAULTS: readonly (readonly [fault: string, given: Given, event: Event, reasonCode: number])[] = [
  ["a Packet Identifier of 0 [MQTT-2.2.1-3]", {}, subscribe([request("a")], { packetId: 0 }), 0x82],
  ["no filter [MQTT-3.8.3-2]", {}, subscribe([]), 0x82],
  ["Subscription Identifier 0", {}, subscribe([request("a")], { subscriptionIdentifier: 0 }), 0x82],
  [
    "a Subscription Identifier above 268 435 455",
    {},
    subscribe([request("a")], { subscriptionIdentifier: 268_435_456 }),
    0x82,
  ],
  [
    "a Subscription Identifier where none is available",
    LIMITED,
    subscribe([request("a")], { subscriptionIdentifier: 1 }),
    0xa1,
  ],
  ["a wildcard where none is available", LIMITED, subscribe([request("a/+")]), 0xa2],
  ["a shared filter where none is available", LIMITED, subscribe([request("$share/g/a")]), 0x9e],
  ["No Local on a shared filter [MQTT-3.8.3-4]", {}, subscribe([request("$share/g/a", { noLocal: true })]), 0x82],
  // What an untyped codec may read: both are two bits wide.
  ["QoS 3 [MQTT-3.8.3-5]", {}, subscribe([request("a", { qos: 3 as 2 })]), 0x82],
  ["Retain Handling 3", {}, subscribe([request("a", { retainHandling: 3 as 2 })]), 0x82],
  ["UNSUBSCRIBE without a filter [MQTT-3.10.3-2]", {}, unsubscribe([]), 0x82],
  ["UNSUBSCRIBE with a Packet Identifier of 0", {}, unsubscribe(["a"], 0), 0x82],
];
for (const [fault, given, event, reasonCode] of FAULTS) {
  Deno.test(`${fault} closes with 0x${reasonCode.toString(16)}, and no filter takes effect`, () => {
    const result = stepped(online(given), event);
    assert.deepEqual(sent(result), [{ type: "disconnect", reasonCode }]);
    assert.deepEqual([result.requests, result.changes.map(({ type }) => type)], [[], ["putHead"]]);
  });
}

Deno.test("SUBACK holds a code per filter, in order; what is granted is stored with it [MQTT-3.8.4-6] [MQTT-3.9.3-1]", () => {
  const session = online();
  const filters = [request("a", { qos: 2 }), request("b/#/c"), request("c", { qos: 0 }), request("d", { qos: 2 })];
  const asked = stepped(session, subscribe(filters, { subscriptionIdentifier: 5 }));
  const open = filters.filter(({ filter }) => filter !== "b/#/c");
  assert.deepEqual(asked.requests, [{ type: "authorizeSubscribe", ref: 1, subscriptions: open }]);
  const result = stepped(session, { type: "subscribeAuthorized", ref: 1, verdicts: [1, 2, 0x87] });
  assert.deepEqual(sent(result), [{ type: "suback", packetId: 1, reasonCodes: [1, 0x8f, 0, 0x87] }]);
  const options = {
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: 5,
    retainedAfter: "",
  };
  assert.deepEqual(result.changes, [
    { type: "putSubscription", filter: "a", subscription: { qos: 1, ...options } },
    { type: "putSubscription", filter: "c", subscription: { qos: 0, ...options } },
  ]);
});

Deno.test("when every filter is refused by itself nobody is asked", () => {
  const result = stepped(online(), subscribe([request("a/#/b"), request("")]));
  assert.deepEqual([result.requests, result.changes], [[], []]);
  assert.deepEqual(sent(result), [{ type: "suback", packetId: 1, reasonCodes: [0x8f, 0x8f] }]);
});

Deno.test("3.1.1 knows no more than failure, and is not closed for what is not available [MQTT-3.9.3-2]", () => {
  const session = online({ ...LIMITED, version: 4 });
  stepped(session, subscribe([request("a/+"), request("$share/g/a"), request("b"), request("c")]));
  const result = stepped(session, { type: "subscribeAuthorized", ref: 1, verdicts: [2, 0x87] });
  assert.deepEqual(sent(result), [{ type: "suback", packetId: 1, reasonCodes: [0x80, 0x80, 1, 0x80] }]);
});

Deno.test("the lowest and the highest Subscription Identifier are taken, and plain filters where wildcards are not", () => {
  for (const subscriptionIdentifier of [1, 268_435_455]) {
    assert.equal(stepped(online(), subscribe([request("a")], { subscriptionIdentifier })).requests.length, 1);
  }
  assert.equal(stepped(online(LIMITED), subscribe([request("a")])).requests.length, 1);
});

Deno.test("an identical filter replaces its options, the Subscription Identifier too [MQTT-3.8.4-3]", () => {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const session = online({ subscriptions: { a: { ...options, subscriptionIdentifier: 9 } } });
  stepped(session, subscribe([request("a", { qos: 2 })]));
  const result = stepped(session, { type: "subscribeAuthorized", ref: 1, verdicts: [2] });
  const subscription = { ...options, qos: 2, retainedAfter: "" };
  assert.deepEqual(result.changes, [{ type: "putSubscription", filter: "a", subscription }]);
});

Deno.test("UNSUBSCRIBE compares filters exactly and is always answered [MQTT-3.10.4-1] [MQTT-3.10.4-4]", () => {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  for (const version of [5, 4] as const) {
    const session = online({ version, subscriptions: { "a/+": options, b: options } });
    const result = stepped(session, unsubscribe(["a/b", "a/+", "a/+", "x/#/y"], 7));
    assert.deepEqual(result.changes, [{ type: "deleteSubscription", filter: "a/+" }]);
    const reasonCodes = version === 5 ? [0x11, 0x00, 0x11, 0x8f] : [];
    assert.deepEqual(sent(result), [{ type: "unsuback", packetId: 7, reasonCodes }]);
  }
});
