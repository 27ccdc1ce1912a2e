import { deepEqual, equal } from "node:assert/strict";
import { answer, ClientRig, subscription } from "../../spec/support/client_rig.ts";

for (const version of [5, 4] as const) {
  const named = version === 5 ? "5.0" : "3.1.1";

  Deno.test(`SUBSCRIBE and UNSUBSCRIBE wait for a connection, in order, and are asked once (${named})`, () => {
    const rig = new ClientRig({ version });
    const refs = [rig.subscribe("t"), rig.unsubscribe("u", "v"), rig.subscribe("w")];
    rig.connect();
    rig.drop();
    deepEqual(rig.told("requestFailed"), []);
    rig.begin();
    deepEqual(rig.server.traces(), ["subscribe #65535", "unsubscribe #65534", "subscribe #65533"]);
    rig.server.sends(
      { type: "suback", packetId: 65_533, reasonCodes: [1] },
      { type: "unsuback", packetId: 65_534, reasonCodes: version === 5 ? [0, 0x11] : [] },
      { type: "suback", packetId: 65_535, reasonCodes: [0x80] },
    );
    deepEqual(rig.told("requestAnswered"), [
      { type: "requestAnswered", ref: refs[2], reasonCodes: [1] },
      { type: "requestAnswered", ref: refs[1], reasonCodes: version === 5 ? [0, 0x11] : [] },
      { type: "requestAnswered", ref: refs[0], reasonCodes: [0x80] },
    ]);
    rig.drop();
    deepEqual(rig.told("requestFailed"), []);
    rig.resume();
    rig.server.quiet();
  });

  Deno.test(`each filter has its own answer, in order (${named})`, () => {
    const rig = new ClientRig({ version });
    rig.begin();
    const ref = rig.subscribe([subscription("a"), subscription("b", { qos: 1 }), subscription("c", { qos: 0 })]);
    const { packetId, subscriptions } = rig.server.takes("subscribe");
    deepEqual(subscriptions.map(({ filter, qos }) => `${filter} ${qos}`), ["a 2", "b 1", "c 0"]);
    rig.server.sends({ type: "suback", packetId, reasonCodes: [2, 0x80, 0] });
    deepEqual(rig.told("requestAnswered"), [{ type: "requestAnswered", ref, reasonCodes: [2, 0x80, 0] }]);
  });

  for (
    const [sentence, reasonCodes] of [
      ["too few codes", [0]],
      ["too many codes", [0, 1, 2]],
      ["a code that is none", [0, 3]],
      ["a code of UNSUBACK", [0, 0x11]],
    ] as const
  ) {
    Deno.test(`SUBACK with ${sentence} closes, and the request fails (${named})`, () => {
      const rig = new ClientRig({ version });
      rig.begin();
      const ref = rig.subscribe([subscription("a"), subscription("b")]);
      rig.server.takesAll();
      rig.server.sends({ type: "suback", packetId: 65_535, reasonCodes });
      deepEqual([rig.server.traces(), rig.open], [version === 5 ? ["disconnect 0x82"] : [], false]);
      deepEqual(rig.told("requestFailed"), [{ type: "requestFailed", ref, reasonCode: 0x80 }]);
      deepEqual(rig.told("requestAnswered"), []);
    });
  }

  Deno.test(`an answer of the other kind closes (${named})`, () => {
    const rig = new ClientRig({ version });
    rig.begin();
    rig.subscribe("t");
    rig.server.sends({ type: "unsuback", packetId: 65_535, reasonCodes: version === 5 ? [0] : [] });
    equal(rig.open, false);
  });

  Deno.test(`PUBACK for the identifier of a SUBSCRIBE answers nothing (${named})`, () => {
    const rig = new ClientRig({ version });
    rig.begin();
    rig.subscribe("t");
    rig.server.sends(answer("puback", 65_535));
    deepEqual(rig.told("diagnosed").map(({ diagnosis }) => diagnosis), ["unknownPacketIdentifier"]);
    rig.server.sends({ type: "suback", packetId: 65_535, reasonCodes: [0] });
    equal(rig.told("requestAnswered").length, 1);
  });

  Deno.test(`an identifier of a SUBSCRIBE is no message's, which then has a mark (${named})`, () => {
    const rig = new ClientRig({ version });
    rig.world.tail = 65_533;
    rig.crash();
    rig.begin();
    rig.subscribe("t");
    rig.publish("m1", 2);
    deepEqual(rig.server.traces(), ["subscribe #65535", "m1 q2 #1"]);
    deepEqual([...rig.stored.outbound], [[65_534, { packetId: 1, phase: "sent", pubrecOrder: 0 }]]);
    rig.crash();
    rig.connect();
    rig.subscribe("t");
    rig.hold();
    rig.accept({ sessionPresent: true });
    rig.flush(1);
    // Before the log is read, any identifier may be one that is sent again.
    rig.server.quiet();
    rig.flush();
    deepEqual(rig.server.traces(), ["m1 q2 #1 dup", "subscribe #65535"]);
    rig.server.sends(answer("pubrec", 1), answer("pubcomp", 1));
    deepEqual([...rig.stored.outbound], []);
  });

  Deno.test(`SUBSCRIBE is not held back by a full window, nor does it take what waits to be resent (${named})`, () => {
    // Two old messages that nobody acknowledged, and a log that went around the identifiers in between.
    const rig = new ClientRig({ version, limits: { maximumInFlight: 1_024 } });
    rig.begin();
    rig.publish("m1");
    rig.publish("m2");
    rig.world.tail = 70_000;
    rig.step({ type: "messagesAppended", tail: 70_000 });
    rig.publish("m3");
    deepEqual(rig.server.traces(), ["m1 q1 #2", "m2 q1 #3", "m3 q1 #4467"]);
    rig.drop();
    rig.crash();
    const narrow = version === 5 ? { receiveMaximum: 1 } : {};
    rig.resume(narrow);
    equal(rig.server.traces()[0], "m1 q1 #2 dup");
    rig.subscribe("t");
    deepEqual(rig.server.traces().filter((trace) => trace.startsWith("s")), ["subscribe #65535"]);
  });
}

for (
  const [sentence, filter, connack, reasonCode] of [
    ["a wildcard", "a/+", { wildcardSubscriptionAvailable: false }, 0xa2],
    ["a shared subscription", "$share/g/a", { sharedSubscriptionAvailable: false }, 0x9e],
  ] as const
) {
  Deno.test(`${sentence} is not asked for where the server has none (5.0)`, () => {
    const rig = new ClientRig();
    rig.begin({}, connack);
    const ref = rig.subscribe(filter);
    rig.server.quiet();
    deepEqual(rig.told("requestFailed"), [{ type: "requestFailed", ref, reasonCode }]);
    rig.subscribe("a");
    rig.unsubscribe(filter);
    deepEqual(rig.server.traces(), ["subscribe #65535", "unsubscribe #65534"]);
    rig.drop();
    rig.resume();
    rig.subscribe(filter);
    deepEqual(rig.server.traces(), ["subscribe #65535"]);
  });
}

Deno.test("a Subscription Identifier is not sent where the server has none, nor in 3.1.1", () => {
  const rig = new ClientRig();
  rig.begin({}, { subscriptionIdentifiersAvailable: false });
  const ref = rig.subscribe("t", 5);
  rig.server.quiet();
  deepEqual(rig.told("requestFailed"), [{ type: "requestFailed", ref, reasonCode: 0xa1 }]);
  rig.drop();
  rig.resume();
  rig.subscribe("t", 5);
  equal(rig.server.takes("subscribe").subscriptionIdentifier, 5);
  const old = new ClientRig({ version: 4 });
  old.begin();
  old.subscribe("t", 5);
  equal("subscriptionIdentifier" in old.server.takes("subscribe"), false);
});

Deno.test("SUBSCRIBE takes no identifier that the server holds for something else", () => {
  const rig = new ClientRig();
  rig.world.tail = 65_533;
  rig.crash();
  rig.begin();
  rig.publish("m1");
  rig.server.sends(answer("puback", 65_535, 0x91));
  rig.server.takesAll();
  rig.subscribe("t");
  deepEqual(rig.server.traces(), ["subscribe #65534"]);
});
