import { deepEqual, equal, throws } from "node:assert/strict";
import { answer, incoming, subscription } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

/** A PUBLISH of QoS 1 in 5.0 to `t` with a payload of 1 byte takes so many bytes: 2 + 3 + 2 + 1 + 1. */
const SMALL = 9;

clientRow(
  "CL-03",
  "sends what has the size of the server's limit, and rejects a byte more [MQTT-3.2.2-15] (5.0)",
  (rig) => {
    rig.begin({}, { maximumPacketSize: SMALL });
    rig.publish("x");
    const ref = rig.publish("xy");
    const qos0 = rig.publish("xyza", 0);
    deepEqual(rig.server.traces(), ["x q1 #2"]);
    deepEqual(rig.told("publishRejected"), [
      { type: "publishRejected", ref, reasonCode: 0x95 },
      { type: "publishRejected", ref: qos0, reasonCode: 0x95 },
    ]);
    deepEqual(rig.log, ["x"]);
    // It has taken no identifier either.
    rig.publish("z");
    deepEqual(rig.server.traces(), ["z q1 #3"]);
  },
);

clientRow("CL-03", "looks again after CONNACK at what was published before [MQTT-3.2.2-15] (5.0)", (rig) => {
  for (const payload of ["xy", "a", "much too large", "b"]) rig.publish(payload);
  rig.begin({}, { maximumPacketSize: SMALL, receiveMaximum: 2 });
  deepEqual(rig.server.traces(), ["a q1 #3", "b q1 #5"]);
  deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`), [
    "tooLarge 1",
    "tooLarge 3",
  ]);
  deepEqual(rig.log, ["a", "b"]);
});

clientRow("CL-03", "sends no SUBSCRIBE that is too large [MQTT-3.2.2-15] (5.0)", (rig) => {
  rig.begin({}, { maximumPacketSize: 9 });
  rig.subscribe("t");
  const ref = rig.subscribe("tt");
  deepEqual(rig.server.traces(), ["subscribe #65535"]);
  deepEqual(rig.told("requestFailed"), [{ type: "requestFailed", ref, reasonCode: 0x95 }]);
});

clientRow("CL-04", "closes at a Maximum Packet Size of 0 [§3.2.2.3.6] (5.0)", (rig) => {
  rig.connect();
  rig.accept({ maximumPacketSize: 0 });
  deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
});

clientRow("CL-04", "closes with 0x95 at a packet beyond its own limit [§3.1.2.11.4] (5.0)", (rig) => {
  equal(rig.connect().maximumPacketSize, SMALL);
  rig.accept();
  rig.server.sends(incoming("x", 1, { packetId: 1 }));
  deepEqual(rig.server.traces(), ["puback #1"]);
  rig.server.sends(incoming("xy", 1, { packetId: 2 }));
  deepEqual([rig.server.traces(), rig.open, rig.inbox], [["disconnect 0x95"], false, ["x"]]);
  rig.resume();
  rig.step({ type: "packetMalformed", reasonCode: 0x95 });
  deepEqual([rig.server.traces(), rig.open], [["disconnect 0x95"], false]);
}, { limits: { maximumPacketSize: SMALL } });

clientRow("CL-05", "fails what was sent and has become too large [MQTT-3.1.2-25, MQTT-4.4.0-1] (5.0)", (rig) => {
  rig.begin();
  rig.publish("large", 1);
  rig.publish("LARGE", 2);
  rig.publish("x", 1);
  rig.publish("released", 2);
  rig.server.sends(answer("pubrec", 5));
  rig.drop();
  rig.resume({ maximumPacketSize: SMALL });
  deepEqual(rig.server.traces(), ["pubrel #5", "x q1 #4 dup"]);
  deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`), [
    "tooLarge 1",
    "tooLarge 2",
  ]);
  // The server may still hold the identifier of the one of QoS 2: it is taken no more in this session.
  rig.server.sends(answer("puback", 4), answer("pubcomp", 5));
  rig.drop();
  rig.world.tail = 65_535;
  rig.crash();
  rig.resume();
  rig.publish("a");
  rig.publish("b");
  rig.publish("c");
  deepEqual(rig.server.traces(), ["a q1 #2", "b q1 #4", "c q1 #5"]);
});

clientRow("CL-05", "takes such an identifier again once the server has another session [§2.2.1] (5.0)", (rig) => {
  rig.begin();
  rig.publish("LARGE", 2);
  rig.drop();
  rig.resume({ maximumPacketSize: SMALL });
  rig.drop();
  // A server that did not answer may have the session still.
  rig.connect({ cleanStart: true });
  deepEqual([...rig.stored.quarantine], [2]);
  rig.drop();
  rig.begin();
  deepEqual([...rig.stored.quarantine], []);
  rig.crash();
  rig.resume();
  deepEqual([...rig.stored.quarantine], []);
});

clientRow("CL-05", "closes where what was sent has become too large, by policy [MQTT-3.1.2-25] (5.0)", (rig) => {
  rig.begin();
  rig.publish("large", 1);
  rig.drop();
  rig.resume({ maximumPacketSize: 200 });
  rig.drop();
  rig.connect();
  rig.accept({ sessionPresent: true, maximumPacketSize: SMALL });
  deepEqual([rig.server.traces(), rig.open, rig.log], [["disconnect 0x95"], false, ["large"]]);
}, { policy: { oversizedInFlight: "close" } });

clientRow(
  "CL-06",
  "sends acknowledgements bare, so that the tightest limit lets them through [MQTT-3.4.2-2, MQTT-3.5.2-2, MQTT-3.6.2-2, MQTT-3.7.2-2] (5.0)",
  (rig) => {
    rig.publish("m1", 2);
    rig.begin();
    rig.server.takes("publish");
    rig.drop();
    rig.resume({ maximumPacketSize: 12 });
    rig.server.takes("publish");
    const explained = { reasonString: "x".repeat(1_000), userProperties: [["a", "b"]] } as const;
    rig.server.sends(
      incoming("i1", 1, { packetId: 1 }),
      incoming("i2", 2, { packetId: 2 }),
      { type: "pubrel", packetId: 2, reasonCode: 0, ...explained },
      { type: "pubrec", packetId: 2, reasonCode: 0, ...explained },
    );
    deepEqual(rig.server.takesAll(), [
      { type: "puback", packetId: 1, reasonCode: 0 },
      { type: "pubrec", packetId: 2, reasonCode: 0 },
      { type: "pubcomp", packetId: 2, reasonCode: 0 },
      { type: "pubrel", packetId: 2, reasonCode: 0 },
    ]);
  },
);

clientRow(
  "CL-07",
  "sends DISCONNECT bare, so that the tightest limit lets it through [MQTT-3.14.2-3, MQTT-3.14.2-4] (5.0)",
  (rig) => {
    rig.begin({}, { maximumPacketSize: 4 });
    rig.disconnect({ reasonCode: 0x04 });
    deepEqual(rig.server.takesAll(), [{ type: "disconnect", reasonCode: 4 }]);
    rig.resume({ maximumPacketSize: 4 });
    rig.server.sends(answer("puback", 0));
    deepEqual(rig.server.takesAll(), [{ type: "disconnect", reasonCode: 0x82 }]);
  },
);

clientRow("CL-08", "forgets Topic Aliases with the connection [MQTT-3.3.2-7] (5.0)", (rig) => {
  rig.begin();
  rig.server.sends(
    incoming("i1", 1, { packetId: 1, topicAlias: 1 }),
    incoming("i2", 1, { packetId: 2, topic: "", topicAlias: 1 }),
  );
  deepEqual(rig.world.inbox.map(({ message }) => message.topic), ["t", "t"]);
  rig.drop();
  rig.resume();
  rig.server.sends(incoming("i3", 1, { packetId: 3, topic: "", topicAlias: 1 }));
  deepEqual([rig.server.traces(), rig.inbox], [["disconnect 0x82"], ["i1", "i2"]]);
});

clientRow(
  "CL-09",
  "sends no Topic Alias, whatever the server takes [MQTT-3.3.2-8, MQTT-3.1.2-26, MQTT-3.2.2-17] (5.0)",
  (rig) => {
    rig.begin({}, { topicAliasMaximum: 10 });
    rig.publish("m1");
    rig.drop();
    const first = rig.server.takes("publish");
    rig.resume();
    for (const packet of [first, rig.server.takes("publish")]) {
      deepEqual([packet.topic, "topicAlias" in packet], ["t", false]);
    }
  },
);

for (
  const [name, topic, topicAlias, code] of [
    ["Topic Alias 0", "t", 0, 0x94],
    ["a Topic Alias above its maximum", "t", 3, 0x94],
    ["an unknown Topic Alias without a topic", "", 2, 0x82],
    ["no topic and no Topic Alias", "", undefined, 0x90],
  ] as const
) {
  clientRow("CL-10", `closes at ${name} [MQTT-3.3.2-10, MQTT-3.3.2-12, §3.3.4] (5.0)`, (rig) => {
    equal(rig.connect().topicAliasMaximum, 2);
    rig.accept({ topicAliasMaximum: 10 });
    rig.server.sends(incoming("i1", 1, { packetId: 1, topicAlias: 2 }));
    rig.drop();
    rig.resume();
    rig.server.sends(incoming("i2", 1, { packetId: 1, topicAlias: 1 }));
    rig.server.takesAll();
    const aliased = topicAlias === undefined ? {} : { topicAlias };
    rig.server.sends(incoming("i3", 1, { packetId: 1, topic, ...aliased }));
    deepEqual(rig.server.traces(), [`disconnect 0x${code.toString(16)}`]);
    deepEqual(rig.inbox, ["i1", "i2"]);
  }, { limits: { topicAliasMaximum: 2 } });
}

clientRow("CL-11", "rejects what is above the server's Maximum QoS [MQTT-3.2.2-9, MQTT-3.2.2-11] (5.0)", (rig) => {
  rig.begin({}, { maximumQoS: 1 });
  const ref = rig.publish("m2", 2);
  rig.publish("m1", 1);
  deepEqual(rig.told("publishRejected"), [{ type: "publishRejected", ref, reasonCode: 0x9b }]);
  deepEqual(rig.server.traces(), ["m1 q1 #2"]);
});

clientRow(
  "CL-12",
  "fails stored messages above the server's new Maximum QoS [MQTT-3.2.2-11, MQTT-4.4.0-1] (5.0)",
  (rig) => {
    rig.begin();
    rig.publish("m1", 2);
    rig.publish("m2", 1);
    rig.drop();
    rig.publish("m3", 2);
    rig.resume({ maximumQoS: 1 });
    deepEqual(rig.server.traces(), ["m2 q1 #3 dup"]);
    deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`), [
      "notSupported 1",
      "notSupported 3",
    ]);
    deepEqual(rig.log, ["m2"]);
  },
);

clientRow("CL-12", "goes on with PUBREL though Maximum QoS is 1 [MQTT-3.2.2-11, MQTT-4.4.0-1] (5.0)", (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.server.sends(answer("pubrec", 2));
  rig.drop();
  rig.resume({ maximumQoS: 1 });
  deepEqual(rig.server.traces(), ["pubrel #2"]);
});

clientRow("CL-14", "publishes nothing to be retained where the server retains nothing [MQTT-3.2.2-14] (5.0)", (rig) => {
  rig.publish("m1", 1, { retain: true });
  rig.publish("m2");
  rig.begin({}, { retainAvailable: false });
  deepEqual(rig.server.traces(), ["m2 q1 #3"]);
  deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`), ["notSupported 1"]);
  const refs = [rig.publish("m3", 1, { retain: true }), rig.publish("m4", 0, { retain: true })];
  deepEqual(rig.told("publishRejected"), refs.map((ref) => ({ type: "publishRejected", ref, reasonCode: 0x9a })));
  rig.server.quiet();
  rig.drop();
  rig.resume();
  rig.publish("m5", 1, { retain: true });
  deepEqual(rig.server.traces(), ["m2 q1 #3 dup", "m5 q1 #4"]);
});

clientRow("SB-18", "publishes without a Subscription Identifier [MQTT-3.3.4-6] (5.0)", (rig) => {
  rig.begin();
  rig.subscribe("t", 5);
  rig.server.sends(incoming("i1", 1, { packetId: 1, subscriptionIdentifiers: [5, 9] }));
  deepEqual(rig.world.inbox.map(({ subscriptionIdentifiers }) => subscriptionIdentifiers), [[5, 9]]);
  rig.server.takesAll();
  // What came is published again.
  const { message } = rig.world.inbox[0] ?? {};
  rig.publish("i1", 1, message);
  equal("subscriptionIdentifiers" in rig.server.takes("publish"), false);
});

clientRow("SB-18", "closes at Subscription Identifier 0, and sends none that is none [§3.8.2.1.2] (5.0)", (rig) => {
  rig.begin();
  for (const identifier of [0, -1, 1.5, 268_435_456]) throws(() => rig.subscribe("t", identifier), RangeError);
  rig.server.quiet();
  rig.server.sends(incoming("i1", 1, { packetId: 1, subscriptionIdentifiers: [0] }));
  deepEqual([rig.server.traces(), rig.inbox], [["disconnect 0x82"], []]);
});

clientRow("SB-21", "keeps no Subscription Identifier, and says when the session is a new one [§3.8.4] (5.0)", (rig) => {
  rig.begin();
  rig.subscribe([subscription("t")], 5);
  rig.server.sends({ type: "suback", packetId: 65_535, reasonCodes: [2] });
  equal(rig.stored.subscriptions.size, 0);
  rig.drop();
  rig.resume();
  // They are those of the server, whatever the application knows.
  rig.server.sends(incoming("i1", 1, { packetId: 1, subscriptionIdentifiers: [5] }));
  rig.drop();
  rig.begin();
  deepEqual(rig.told("connected").map(({ sessionPresent }) => sessionPresent), [false, true, false]);
});

clientRowInBoth(
  "SB-34",
  "takes and acknowledges messages that it has no subscription for any more",
  "§4.5",
  (rig, version) => {
    rig.begin();
    rig.unsubscribe("t");
    rig.server.sends({ type: "unsuback", packetId: 65_535, reasonCodes: version === 5 ? [0] : [] });
    rig.server.takesAll();
    rig.server.sends(incoming("i0", 0), incoming("i1", 1, { packetId: 1 }), incoming("i2", 2, { packetId: 2 }));
    deepEqual(rig.server.traces(), ["puback #1", "pubrec #2"]);
    deepEqual([rig.told("messageReceived").length, rig.inbox], [1, ["i1", "i2"]]);
  },
);
