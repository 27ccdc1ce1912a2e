import { deepEqual, equal } from "node:assert/strict";
import { answer } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

const HOUR_MS = 3_600_000;

clientRowInBoth("OB-01", "sends QoS 0 once, with DUP 0, and keeps nothing of it", "MQTT-4.3.1-1", (rig) => {
  rig.begin();
  rig.publish("m0", 0);
  deepEqual(rig.server.traces(), ["m0 q0"]);
  deepEqual(rig.log, []);
  rig.drop();
  rig.resume();
  rig.server.quiet();
});

clientRowInBoth("OB-02", "sends QoS 1 first with DUP 0 and an unused identifier", {
  5: "MQTT-4.3.2-2",
  4: "MQTT-4.3.2-1",
}, (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.publish("m2");
  deepEqual(rig.server.traces(), ["m1 q1 #2", "m2 q1 #3"]);
  rig.drop();
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q1 #3 dup"]);
});

clientRowInBoth("OB-03", "keeps a QoS 1 message unacknowledged until its own PUBACK, however long that takes", {
  5: "MQTT-4.3.2-3",
  4: "MQTT-4.3.2-1",
}, (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.advance(HOUR_MS);
  rig.server.sends(answer("puback", 9));
  deepEqual([rig.log, rig.told("deliveryCompleted")], [["m1"], []]);
  rig.drop();
  rig.advance(1_000 * HOUR_MS);
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  rig.server.sends(answer("puback", 2));
  deepEqual(rig.told("deliveryCompleted"), [{ type: "deliveryCompleted", sequence: 1, reasonCode: 0 }]);
  deepEqual(rig.log, []);
  rig.drop();
  rig.resume();
  rig.server.quiet();
}, { interval: 0xffff_ffff });

clientRowInBoth("OB-04", "sends QoS 2 first with DUP 0 and an unused identifier, and then awaits PUBREC", {
  5: "MQTT-4.3.3-2",
  4: "MQTT-4.3.3-1",
}, (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.publish("m2", 2);
  deepEqual(rig.server.traces(), ["m1 q2 #2", "m2 q2 #3"]);
  rig.server.sends(answer("pubrec", 2));
  deepEqual(rig.server.traces(), ["pubrel #2"]);
});

clientRowInBoth("OB-05", "sends a QoS 2 message again with DUP 1 when the connection breaks before its PUBREC", {
  5: "MQTT-4.3.3-3",
  4: "MQTT-4.3.3-1",
}, (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.drop();
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q2 #2 dup"]);
  rig.server.sends(answer("pubrec", 2));
  deepEqual(rig.server.traces(), ["pubrel #2"]);
});

for (const reasonCode of [0x00, 0x10]) {
  const named = `0x${reasonCode.toString(16).padStart(2, "0")}`;
  clientRow("OB-06", `answers PUBREC ${named} with PUBREL [MQTT-4.3.3-4] (5.0)`, (rig) => {
    rig.begin();
    rig.publish("m1", 2);
    rig.server.takes("publish");
    rig.server.sends(answer("pubrec", 2, reasonCode));
    deepEqual(rig.server.takesAll(), [{ type: "pubrel", packetId: 2, reasonCode: 0 }]);
    deepEqual(rig.told("deliveryCompleted"), []);
    rig.drop();
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #2"]);
  });
}

clientRow("OB-07", "answers every PUBREC with PUBREL [MQTT-4.3.3-1] (3.1.1)", (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.publish("m2", 2);
  rig.server.takesAll();
  rig.server.sends(answer("pubrec", 3), answer("pubrec", 2), answer("pubrec", 3));
  deepEqual(rig.server.traces(), ["pubrel #3", "pubrel #2", "pubrel #3"]);
}, { version: 4 });

clientRowInBoth("OB-08", "sends PUBREL again, and it alone, when the connection breaks before its PUBCOMP", {
  5: "MQTT-4.3.3-5",
  4: "MQTT-4.3.3-1",
}, (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.server.sends(answer("pubrec", 2));
  rig.drop();
  rig.resume();
  deepEqual(rig.server.traces(), ["pubrel #2"]);
  rig.server.sends(answer("pubcomp", 2));
  deepEqual(rig.told("deliveryCompleted"), [{ type: "deliveryCompleted", sequence: 1, reasonCode: 0 }]);
  rig.drop();
  rig.resume();
  rig.server.quiet();
});

clientRowInBoth("OB-09", "never sends a PUBLISH after its PUBREL, over connections and crashes", {
  5: "MQTT-4.3.3-6",
  4: "MQTT-4.3.3-1",
}, (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.server.sends(answer("pubrec", 2));
  for (let turn = 0; turn < 5; turn++) {
    if (turn % 2 === 0) rig.drop();
    else rig.crash();
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #2"]);
  }
  rig.server.sends(answer("pubcomp", 2));
  rig.publish("m2", 2);
  deepEqual(rig.server.traces(), ["m2 q2 #3"]);
});

for (const [type, qos] of [["puback", 1], ["pubrec", 2]] as const) {
  clientRow("OB-10", `takes ${type} 0x87 for an acknowledgement, and never resends [MQTT-4.4.0-2] (5.0)`, (rig) => {
    rig.begin();
    rig.publish("m1", qos);
    rig.server.sends(answer(type, 2, 0x87));
    deepEqual(rig.told("deliveryCompleted"), [{ type: "deliveryCompleted", sequence: 1, reasonCode: 0x87 }]);
    deepEqual(rig.log, []);
    rig.drop();
    rig.resume();
    rig.server.quiet();
  });
}

clientRow(
  "OB-11",
  "ends the exchange at PUBREC 0x97: no PUBREL, quota back [§2.2.1, MQTT-4.3.3-4, §4.9] (5.0)",
  (rig) => {
    rig.begin({}, { receiveMaximum: 1 });
    rig.publish("m1", 2);
    rig.publish("m2", 2);
    deepEqual(rig.server.traces(), ["m1 q2 #2"]);
    rig.server.sends(answer("pubrec", 2, 0x97));
    deepEqual(rig.server.traces(), ["m2 q2 #3"]);
    deepEqual(rig.told("deliveryCompleted"), [{ type: "deliveryCompleted", sequence: 1, reasonCode: 0x97 }]);
    // The identifier is free: an answer to it finds nothing.
    rig.server.sends(answer("pubcomp", 2));
    equal(rig.told("diagnosed")[0]?.diagnosis, "unknownPacketIdentifier");
  },
);

clientRow("OB-12", "takes 0x10 for a success [§3.4.2.1, §3.5.2.1] (5.0)", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.server.takesAll();
  rig.server.sends(answer("puback", 2, 0x10), answer("pubrec", 3, 0x10));
  deepEqual(rig.server.traces(), ["pubrel #3"]);
  rig.server.sends(answer("pubcomp", 3));
  deepEqual(rig.told("deliveryCompleted").map(({ sequence, reasonCode }) => [sequence, reasonCode]), [[1, 0], [2, 0]]);
});

clientRow("OB-13", "ends the exchange at PUBCOMP 0x92 as at any other [§4.9, §3.7.2.1] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 1 });
  rig.publish("m1", 2);
  rig.publish("m2", 2);
  rig.server.sends(answer("pubrec", 2));
  rig.server.takesAll();
  rig.server.sends(answer("pubcomp", 2, 0x92));
  deepEqual(rig.server.traces(), ["m2 q2 #3"]);
  deepEqual(rig.told("deliveryCompleted"), [{ type: "deliveryCompleted", sequence: 1, reasonCode: 0 }]);
  equal(rig.stored.outbound.size, 0);
});

clientRow("OB-14", "answers PUBREC for an unknown identifier with PUBREL 0x92, and stays [§3.6.2.1] (5.0)", (rig) => {
  rig.begin();
  const before = rig.stored;
  rig.server.sends(answer("pubrec", 9));
  deepEqual(rig.server.takesAll(), [{ type: "pubrel", packetId: 9, reasonCode: 0x92 }]);
  deepEqual([rig.open, rig.stored], [true, before]);
});

clientRow("OB-15", "answers PUBREC for an unknown identifier with PUBREL [MQTT-4.3.3-1] (3.1.1)", (rig) => {
  rig.begin();
  const before = rig.stored;
  rig.server.sends(answer("pubrec", 9));
  deepEqual(rig.server.takesAll(), [{ type: "pubrel", packetId: 9, reasonCode: 0 }]);
  deepEqual([rig.open, rig.stored], [true, before]);
}, { version: 4 });

clientRowInBoth("OB-16", "answers a repeated PUBREC with PUBREL again, and changes nothing", {
  5: "MQTT-4.3.3-4",
  4: "MQTT-4.3.3-1",
}, (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.server.sends(answer("pubrec", 2));
  const before = rig.stored;
  rig.server.takesAll();
  rig.server.sends(answer("pubrec", 2));
  deepEqual(rig.server.traces(), ["pubrel #2"]);
  deepEqual(rig.stored, before);
  rig.server.sends(answer("pubcomp", 2));
  equal(rig.told("deliveryCompleted").length, 1);
});

clientRow("OB-16", "gets no quota back by a repeated PUBREC [MQTT-4.3.3-4] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 1 });
  rig.publish("m1", 2);
  rig.publish("m2", 2);
  rig.server.sends(answer("pubrec", 2), answer("pubrec", 2));
  deepEqual(rig.server.traces(), ["m1 q2 #2", "pubrel #2", "pubrel #2"]);
});

clientRow("OB-17", "resends a QoS 2 message that has expired since it was sent [MQTT-4.3.3-7] (5.0)", (rig) => {
  rig.begin();
  rig.publish("m1", 2, { expiresAt: rig.now + 5_000 });
  equal(rig.server.takes("publish").messageExpiryInterval, 5);
  rig.drop();
  rig.advance(60_000);
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q2 #2 dup"]);
});

clientRowInBoth("OB-18", "sends further messages while acknowledgements are awaited", "§4.3.2, §4.3.3", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.publish("m3");
  deepEqual(rig.server.traces(), ["m1 q1 #2", "m2 q2 #3", "m3 q1 #4"]);
});

clientRowInBoth("OB-19", "keeps no payload after PUBREC", "Figure 4.3", (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  deepEqual(rig.log, ["m1"]);
  rig.server.sends(answer("pubrec", 2));
  deepEqual(rig.log, []);
  deepEqual([...rig.stored.outbound], [[1, { packetId: 2, phase: "released", pubrecOrder: 0 }]]);
});

for (const [type, qos] of [["puback", 2], ["pubrec", 1], ["pubcomp", 1], ["pubcomp", 2]] as const) {
  clientRowInBoth("OB-20", `closes at ${type} for a message of QoS ${qos} that awaits another answer`, {
    5: "§4.3.2",
    4: "§4.3.2",
  }, (rig, version) => {
    rig.begin();
    rig.publish("m1", qos);
    rig.server.takesAll();
    rig.server.sends(answer(type, 2));
    deepEqual(rig.server.traces(), version === 5 ? ["disconnect 0x82"] : []);
    equal(rig.open, false);
    rig.resume();
    deepEqual(rig.server.traces(), [`m1 q${qos} #2 dup`]);
  });
}

for (const type of ["puback", "pubcomp"] as const) {
  clientRowInBoth("OB-21", `ignores ${type} for an unknown identifier, and reports it`, "§4.3.2", (rig) => {
    rig.begin();
    rig.publish("m1");
    rig.server.takesAll();
    rig.server.sends(answer(type, 9));
    rig.server.quiet();
    equal(rig.open, true);
    deepEqual(rig.told("diagnosed").map(({ diagnosis, packetId }) => `${diagnosis} ${packetId}`), [
      "unknownPacketIdentifier 9",
    ]);
    deepEqual(rig.log, ["m1"]);
  });
}

clientRow("OB-21", "gets no quota by an answer to an unknown identifier [§4.3.2] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 1 });
  rig.server.sends(answer("puback", 9), answer("pubcomp", 10));
  rig.publish("m1");
  rig.publish("m2");
  deepEqual(rig.server.traces(), ["m1 q1 #2"]);
});
