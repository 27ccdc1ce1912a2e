import { deepEqual, equal } from "node:assert/strict";
import { answer, type ClientRig, incoming } from "../support/client_rig.ts";
import { clientRow } from "../support/client_row.ts";

function publishAll(rig: ClientRig, qos: 1 | 2, ...payloads: readonly string[]): void {
  for (const payload of payloads) rig.publish(payload, qos);
}

clientRow("FC-01", "sends no more at first than the server's Receive Maximum [MQTT-4.9.0-1] (5.0)", (rig) => {
  publishAll(rig, 1, "m1", "m2", "m3", "m4");
  rig.begin({}, { receiveMaximum: 3 });
  deepEqual(rig.server.traces(), ["m1 q1 #2", "m2 q1 #3", "m3 q1 #4"]);
});

clientRow("FC-02", "sends no further message at quota 0, and keeps it queued [MQTT-4.9.0-2] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 3 });
  publishAll(rig, 2, "m1", "m2", "m3", "m4");
  deepEqual(rig.server.traces(), ["m1 q2 #2", "m2 q2 #3", "m3 q2 #4"]);
  deepEqual(rig.log, ["m1", "m2", "m3", "m4"]);
  rig.server.sends(answer("pubrec", 2));
  deepEqual(rig.server.traces(), ["pubrel #2"]);
  rig.server.sends(answer("pubcomp", 2));
  deepEqual(rig.server.traces(), ["m4 q2 #5"]);
});

clientRow("FC-03", "takes and answers all other packets at quota 0 [MQTT-4.9.0-3] (5.0)", (rig) => {
  rig.begin({ keepAlive: 10 }, { receiveMaximum: 1 });
  publishAll(rig, 2, "m1", "m2");
  rig.server.takesAll();
  rig.server.sends(incoming("i1", 1, { packetId: 1 }), incoming("i2", 2, { packetId: 2 }), answer("pubrel", 2));
  deepEqual(rig.server.traces(), ["puback #1", "pubrec #2", "pubcomp #2"]);
  rig.server.sends(answer("pubrec", 2));
  deepEqual(rig.server.traces(), ["pubrel #2"]);
  rig.subscribe("t");
  deepEqual(rig.server.traces(), ["subscribe #65535"]);
  rig.advance(10_000);
  deepEqual(rig.server.traces(), ["pingreq"]);
  rig.server.sends({ type: "suback", packetId: 65_535, reasonCodes: [2] });
  equal(rig.told("requestAnswered").length, 1);
});

for (
  const [name, qos, answers, opens] of [
    ["PUBACK 0x00", 1, [answer("puback", 2)], true],
    ["PUBACK 0x80", 1, [answer("puback", 2, 0x80)], true],
    ["PUBREC 0x00", 2, [answer("pubrec", 2)], false],
    ["PUBREC 0x10", 2, [answer("pubrec", 2, 0x10)], false],
    ["PUBREC 0x80", 2, [answer("pubrec", 2, 0x80)], true],
    ["PUBCOMP 0x00", 2, [answer("pubrec", 2), answer("pubcomp", 2)], true],
    ["PUBCOMP 0x92", 2, [answer("pubrec", 2), answer("pubcomp", 2, 0x92)], true],
  ] as const
) {
  clientRow("FC-04", `${opens ? "gets its quota back" : "gets nothing back"} by ${name} [§4.9] (5.0)`, (rig) => {
    rig.begin({}, { receiveMaximum: 1 });
    publishAll(rig, qos, "m1", "m2");
    rig.server.takes("publish");
    rig.server.sends(...answers);
    equal(rig.server.traces().includes(`m2 q${qos} #3`), opens);
  });
}

clientRow("FC-05", "never has more quota than at first [§4.9] (5.0)", (rig) => {
  rig.begin();
  publishAll(rig, 2, "m1");
  rig.server.sends(answer("pubrec", 2));
  rig.drop();
  rig.resume({ receiveMaximum: 1 });
  rig.server.sends(answer("pubcomp", 2));
  publishAll(rig, 1, "m2", "m3");
  deepEqual(rig.server.traces(), ["pubrel #2", "m2 q1 #3"]);
});

clientRow("FC-06", "begins every connection with a new quota [§4.9, §3.1.2.11.3] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 2 });
  publishAll(rig, 1, "m1", "m2", "m3", "m4", "m5");
  deepEqual(rig.server.traces(), ["m1 q1 #2", "m2 q1 #3"]);
  rig.drop();
  rig.resume({ receiveMaximum: 4 });
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q1 #3 dup", "m3 q1 #4", "m4 q1 #5"]);
});

clientRow("FC-07", "takes an absent Receive Maximum for 65 535 [§3.2.2.3.3] (5.0)", (rig) => {
  rig.world.fill(65_536);
  rig.crash();
  rig.begin();
  equal(rig.server.takesAll().length, 65_535);
}, { limits: { maximumInFlight: 65_535 } });

clientRow("FC-07", "closes at a Receive Maximum of 0 [§3.2.2.3.3] (5.0)", (rig) => {
  rig.connect();
  rig.accept({ receiveMaximum: 0 });
  deepEqual(rig.server.traces(), ["disconnect 0x82"]);
  deepEqual([rig.open, rig.told("connected")], [false, []]);
});

clientRow(
  "FC-08",
  "keeps within the server's Receive Maximum, whatever is answered and cut [MQTT-3.3.4-7] (5.0)",
  (rig) => {
    const open = new Set<number>();
    const released = new Set<number>();
    const sent = new Map<number, number>();
    let state = 20_261;
    const random = (below: number): number => (state = state * 48_271 % 2_147_483_647) % below;
    rig.begin({}, { receiveMaximum: 3 });
    for (let turn = 0; turn < 600; turn++) {
      if (random(3) > 0) rig.publish("m", random(2) === 0 ? 1 : 2);
      const [first] = open;
      const [owed] = released;
      if (random(20) === 0) {
        if (random(2) === 0) rig.drop();
        else rig.crash();
        open.clear();
        released.clear();
        rig.resume({ receiveMaximum: 3 });
      } else if (owed !== undefined && random(2) === 0) {
        released.delete(owed);
        open.delete(owed);
        rig.server.sends(answer("pubcomp", owed));
      } else if (first !== undefined && !released.has(first)) {
        const entry = sent.get(first);
        if (entry === 1) {
          open.delete(first);
          rig.server.sends(answer("puback", first));
        } else {
          rig.server.sends(answer("pubrec", first));
        }
      }
      for (const packet of rig.server.takesAll()) {
        if (packet.type === "pubrel") released.add(packet.packetId);
        if (packet.type !== "publish" || packet.packetId === undefined) continue;
        open.add(packet.packetId);
        sent.set(packet.packetId, packet.qos);
      }
      equal(open.size <= 3, true, `${open.size} are unanswered in turn ${turn}`);
    }
  },
);

clientRow("FC-10", "holds no SUBSCRIBE back at quota 0 [MQTT-3.3.4-8, MQTT-3.3.4-10] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 1 });
  publishAll(rig, 1, "m1", "m2");
  rig.server.takesAll();
  rig.subscribe("t");
  rig.unsubscribe("u");
  deepEqual(rig.server.traces(), ["subscribe #65535", "unsubscribe #65534"]);
});

clientRow("FC-10", "holds no SUBSCRIBE back for what waits to be resent [MQTT-3.3.4-8, MQTT-3.3.4-10] (5.0)", (rig) => {
  rig.begin();
  publishAll(rig, 1, "m1", "m2", "m3");
  rig.drop();
  rig.resume({ receiveMaximum: 1 });
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  rig.subscribe("t");
  deepEqual(rig.server.traces(), ["subscribe #65535"]);
});

for (const qos of [1, 2] as const) {
  clientRow("FC-11", `closes with 0x93 at more QoS ${qos} than it allowed [§3.3.4] (5.0)`, (rig) => {
    equal(rig.connect().receiveMaximum, 1);
    rig.accept();
    rig.hold();
    rig.server.sends(incoming("i1", qos, { packetId: 1 }), incoming("i2", qos, { packetId: 2 }));
    rig.flush();
    deepEqual(rig.server.traces(), [qos === 1 ? "puback #1" : "pubrec #1", "disconnect 0x93"]);
    deepEqual([rig.open, rig.inbox], [false, ["i1"]]);
  }, { limits: { receiveMaximum: 1 } });
}

clientRow("FC-11", "takes one after another, however many, where each is answered [§3.3.4] (5.0)", (rig) => {
  rig.begin();
  for (const packetId of [1, 2, 3]) {
    rig.server.sends(incoming("i", 1, { packetId }), incoming("i", 2, { packetId }), answer("pubrel", packetId));
  }
  deepEqual([rig.open, rig.inbox.length], [true, 6]);
}, { limits: { receiveMaximum: 1 } });

clientRow("FC-12", "has one quota for QoS 1 and QoS 2 [MQTT-3.3.4-7, MQTT-4.9.0-2] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 2 });
  rig.publish("m1", 1);
  rig.publish("m2", 2);
  rig.publish("m3", 1);
  deepEqual(rig.server.traces(), ["m1 q1 #2", "m2 q2 #3"]);
});

clientRow("FC-13", "counts both directions apart [§3.1.2.11.3, §3.2.2.3.3] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 5 });
  rig.server.sends(incoming("i1", 2, { packetId: 1 }));
  publishAll(rig, 2, "m1", "m2", "m3", "m4", "m5", "m6");
  equal(rig.server.traces().filter((trace) => trace.startsWith("m")).length, 5);
  rig.server.sends(answer("pubrel", 1), incoming("i2", 2, { packetId: 2 }));
  deepEqual([rig.open, rig.inbox], [true, ["i1", "i2"]]);
}, { limits: { receiveMaximum: 1 } });

clientRow("FC-14", "sends QoS 0 at quota 0 [§3.1.2.11.3, §4.9] (5.0)", (rig) => {
  rig.begin({}, { receiveMaximum: 1 });
  publishAll(rig, 1, "m1", "m2");
  rig.publish("m0", 0);
  deepEqual(rig.server.traces(), ["m1 q1 #2", "m0 q0"]);
});

clientRow("FC-15", "counts what came on this connection, not what it took over [§4.9] (5.0)", (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 7 }));
  rig.drop();
  rig.resume();
  rig.server.sends(incoming("i2", 1, { packetId: 8 }));
  deepEqual(rig.server.traces(), ["puback #8"]);
  // A repeat counts until PUBCOMP.
  rig.server.sends(incoming("i1", 2, { packetId: 7, dup: true }), incoming("i3", 1, { packetId: 9 }));
  deepEqual(rig.server.traces(), ["pubrec #7", "disconnect 0x93"]);
  deepEqual(rig.inbox, ["i1", "i2"]);
}, { limits: { receiveMaximum: 1 } });

clientRow("FC-16", "pays nothing for a resent PUBREL, and 1 for a resent PUBLISH [§4.9] (5.0)", (rig) => {
  rig.begin();
  publishAll(rig, 2, "m1", "m2");
  publishAll(rig, 1, "m3", "m4");
  rig.server.sends(answer("pubrec", 2), answer("pubrec", 3));
  rig.drop();
  rig.publish("m5");
  rig.resume({ receiveMaximum: 2 });
  deepEqual(rig.server.traces(), ["pubrel #2", "pubrel #3", "m3 q1 #4 dup", "m4 q1 #5 dup"]);
});

clientRow("FC-17", "gets no credit by PUBCOMP for what it never paid for [§4.9, MQTT-3.3.4-7] (5.0)", (rig) => {
  rig.begin();
  publishAll(rig, 2, "m1", "m2");
  publishAll(rig, 1, "m3", "m4", "m5");
  rig.server.sends(answer("pubrec", 2), answer("pubrec", 3));
  rig.drop();
  rig.resume({ receiveMaximum: 2 });
  deepEqual(rig.server.traces(), ["pubrel #2", "pubrel #3", "m3 q1 #4 dup", "m4 q1 #5 dup"]);
  rig.server.sends(answer("pubcomp", 2), answer("pubcomp", 3));
  rig.server.quiet();
  rig.server.sends(answer("puback", 4));
  deepEqual(rig.server.traces(), ["m5 q1 #6 dup"]);
});

clientRow("FC-18", "sends no QoS 1 or 2 before CONNACK has told the limit [§3.3.4] (5.0)", (rig) => {
  rig.connect();
  publishAll(rig, 1, "m1", "m2");
  publishAll(rig, 2, "m3");
  rig.server.quiet();
  rig.accept({ receiveMaximum: 1 });
  deepEqual(rig.server.traces(), ["m1 q1 #2"]);
});

clientRow(
  "FC-19",
  "has a window of its own, which holds no acknowledgement and no PUBREL back [§4.6] (3.1.1)",
  (rig) => {
    rig.begin();
    publishAll(rig, 2, "m1", "m2", "m3");
    deepEqual(rig.server.traces(), ["m1 q2 #2", "m2 q2 #3"]);
    rig.server.sends(incoming("i1", 1, { packetId: 1 }), answer("pubrec", 2), answer("pubrec", 3));
    deepEqual(rig.server.traces(), ["puback #1", "pubrel #2", "pubrel #3"]);
    rig.drop();
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #2", "pubrel #3", "m3 q2 #4"]);
  },
  { version: 4, limits: { maximumInFlight: 2 } },
);
