import assert from "node:assert/strict";
import fc from "fast-check";
import type { QoS } from "../../../src/mqtt/qos.ts";
import type { Subscription } from "../../../src/mqtt/subscription.ts";
import { resolveReceivers, type RoutedMessage, type SubscriptionMatch } from "../../../src/routing/resolve.ts";

type Options = Partial<Subscription> & { readonly incarnation?: string };

function match(clientId: string, filter: string, options: Options = {}): SubscriptionMatch {
  const { incarnation = `${clientId}-1`, ...chosen } = options;
  const subscription = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0, ...chosen } as const;
  return { clientId, incarnation, filter, subscription };
}

function message(of: Partial<RoutedMessage> = {}): RoutedMessage {
  return { publisher: "publisher", qos: 2, retain: false, ...of };
}

Deno.test("A message without matches becomes no copies", () => {
  assert.deepEqual(resolveReceivers([], message()), []);
});

Deno.test("MQ-09: a copy has the lower of the published and the granted level [MQTT-3.8.4-8]", () => {
  const table: readonly (readonly [published: QoS, granted: QoS, copy: QoS])[] = [
    [0, 0, 0],
    [0, 1, 0],
    [0, 2, 0],
    [1, 0, 0],
    [1, 1, 1],
    [1, 2, 1],
    [2, 0, 0],
    [2, 1, 1],
    [2, 2, 2],
  ];
  for (const [published, granted, qos] of table) {
    assert.deepEqual(
      resolveReceivers([match("a", "t", { qos: granted })], message({ qos: published })),
      [{ clientId: "a", incarnation: "a-1", qos, retain: false, subscriptionIdentifiers: [] }],
      `published ${published}, granted ${granted}`,
    );
  }
});

Deno.test("SB-16: overlapping subscriptions give one copy at the highest level among them [MQTT-3.3.4-2]", () => {
  const overlapping = [match("a", "a/#", { qos: 2 }), match("a", "a/b", { qos: 0 }), match("a", "+/b", { qos: 1 })];
  assert.deepEqual(resolveReceivers(overlapping, message({ qos: 2 })), [
    { clientId: "a", incarnation: "a-1", qos: 2, retain: false, subscriptionIdentifiers: [] },
  ]);
  assert.deepEqual(resolveReceivers(overlapping, message({ qos: 1 })).map(({ qos }) => qos), [1]);
  assert.deepEqual(resolveReceivers(overlapping, message({ qos: 0 })).map(({ qos }) => qos), [0]);
});

Deno.test("SB-16: with one copy each, every subscription has its own level [MQTT-3.3.4-2]", () => {
  const overlapping = [
    match("a", "a/b", { qos: 2, subscriptionIdentifier: 9, retainAsPublished: true }),
    match("a", "+/b", { qos: 1, subscriptionIdentifier: 7 }),
    match("a", "a/#", { qos: 0 }),
  ];
  assert.deepEqual(
    resolveReceivers(overlapping, message({ qos: 2, retain: true }), { overlappingSubscriptions: "each" }),
    [
      { clientId: "a", incarnation: "a-1", qos: 1, retain: false, subscriptionIdentifiers: [7] },
      { clientId: "a", incarnation: "a-1", qos: 0, retain: false, subscriptionIdentifiers: [] },
      { clientId: "a", incarnation: "a-1", qos: 2, retain: true, subscriptionIdentifiers: [9] },
    ],
  );
});

Deno.test("SB-17: one copy carries the identifiers of all matching subscriptions [MQTT-3.3.4-3] [MQTT-3.3.4-4]", () => {
  const first = match("a", "+/b", { subscriptionIdentifier: 2 });
  const second = match("a", "a/#", { subscriptionIdentifier: 1 });
  const without = match("a", "a/+");
  for (const matches of [[first, second, without], [without, second, first], [second, without, first]]) {
    assert.deepEqual(resolveReceivers(matches, message())[0]?.subscriptionIdentifiers, [2, 1]);
  }
});

Deno.test("SB-17: an identifier may repeat for two subscriptions, not for one that is named twice [MQTT-3.3.4-5]", () => {
  const overlapping = [
    match("a", "a/b", { subscriptionIdentifier: 5 }),
    match("a", "a/#", { subscriptionIdentifier: 5 }),
    match("a", "a/b", { subscriptionIdentifier: 5 }),
  ];
  assert.deepEqual(resolveReceivers(overlapping, message())[0]?.subscriptionIdentifiers, [5, 5]);
  const each = resolveReceivers(overlapping, message(), { overlappingSubscriptions: "each" });
  assert.deepEqual(each.map((copy) => copy.subscriptionIdentifiers), [[5], [5]]);
});

Deno.test("SB-10: a No Local subscription does not take its own session's messages [MQTT-3.8.3-3]", () => {
  const matches = [match("a", "t", { noLocal: true }), match("b", "t", { noLocal: true })];
  assert.deepEqual(resolveReceivers(matches, message({ publisher: "a" })).map(({ clientId }) => clientId), ["b"]);
  assert.deepEqual(resolveReceivers(matches, message({ publisher: "c" })).map(({ clientId }) => clientId), ["a", "b"]);
  assert.deepEqual(resolveReceivers(matches, message({ publisher: "" })).map(({ clientId }) => clientId), ["a", "b"]);
});

Deno.test("SB-10: an overlapping subscription without No Local takes its own messages alone [MQTT-3.8.3-3]", () => {
  const matches = [
    match("a", "a/b", { noLocal: true, qos: 2, subscriptionIdentifier: 1, retainAsPublished: true }),
    match("a", "a/#", { noLocal: false, qos: 1, subscriptionIdentifier: 2 }),
  ];
  assert.deepEqual(resolveReceivers(matches, message({ publisher: "a", qos: 2, retain: true })), [
    { clientId: "a", incarnation: "a-1", qos: 1, retain: false, subscriptionIdentifiers: [2] },
  ]);
});

Deno.test("SB-10: a client without No Local receives what it publishes", () => {
  assert.equal(resolveReceivers([match("a", "t")], message({ publisher: "a" })).length, 1);
});

Deno.test("SB-08: a copy keeps RETAIN for Retain As Published, and else has it cleared [MQTT-3.3.1-12] [MQTT-3.3.1-13]", () => {
  const table: readonly (readonly [retain: boolean, asPublished: readonly boolean[], copy: boolean])[] = [
    [false, [false], false],
    [false, [true], false],
    [true, [false], false],
    [true, [true], true],
    [true, [false, true], true],
    [true, [true, false], true],
    [true, [false, false], false],
  ];
  for (const [retain, asPublished, copy] of table) {
    const matches = asPublished.map((retainAsPublished, n) => match("a", `filter-${n}`, { retainAsPublished }));
    assert.deepEqual(resolveReceivers(matches, message({ retain })).map((receiver) => receiver.retain), [copy]);
  }
});

Deno.test("Two incarnations of a client are two receivers", () => {
  const matches = [
    match("a", "a/#", { incarnation: "new", subscriptionIdentifier: 2 }),
    match("a", "a/#", { incarnation: "ended", subscriptionIdentifier: 1 }),
    match("a", "a/b", { incarnation: "new", subscriptionIdentifier: 3 }),
  ];
  assert.deepEqual(
    resolveReceivers(matches, message()).map((copy) => [copy.incarnation, copy.subscriptionIdentifiers]),
    [["ended", [1]], ["new", [2, 3]]],
  );
});

Deno.test("Receivers come in order of Client Identifier, whatever the order of the matches", () => {
  const matches = ["b", "a", "__proto__", "B", "é", "a ", "10", "9"].flatMap((clientId) => [
    match(clientId, "t", { subscriptionIdentifier: 1 }),
    match(clientId, "#", { subscriptionIdentifier: 2 }),
  ]);
  const expected = ["10", "9", "B", "__proto__", "a", "a ", "b", "é"];
  fc.assert(
    fc.property(fc.shuffledSubarray(matches, { minLength: matches.length }), (shuffled) => {
      const before = [...shuffled];
      const receivers = resolveReceivers(shuffled, message());
      assert.deepEqual(receivers.map(({ clientId }) => clientId), expected);
      for (const receiver of receivers) assert.deepEqual(receiver.subscriptionIdentifiers, [2, 1]);
      assert.deepEqual(shuffled, before);
    }),
  );
});

Deno.test("A name that joins two others does not join two sessions", () => {
  const matches = [match("a", "t", { incarnation: "b/c" }), match("a/b", "t", { incarnation: "c" })];
  assert.equal(resolveReceivers(matches, message()).length, 2);
});
