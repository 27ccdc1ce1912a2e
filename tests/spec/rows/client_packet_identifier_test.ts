import { deepEqual, equal } from "node:assert/strict";
import { answer, incoming } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

const USED = { 5: "MQTT-2.2.1-3, MQTT-2.2.1-4", 4: "MQTT-2.3.1-2, MQTT-2.3.1-4" };

clientRowInBoth("ID-01", "gives a QoS 0 PUBLISH no identifier", { 5: "MQTT-2.2.1-2", 4: "MQTT-2.3.1-5" }, (rig) => {
  rig.begin();
  rig.publish("m0", 0);
  equal("packetId" in rig.server.takes("publish"), false);
  rig.publish("m1");
  equal(rig.server.takes("publish").packetId, 2);
});

clientRowInBoth("ID-02", "takes an identifier that is not in use for every new command, around the end of the range", {
  5: "MQTT-2.2.1-3",
  4: "MQTT-2.3.1-1, MQTT-2.3.1-2",
}, (rig) => {
  // As if so many had been published and acknowledged.
  rig.world.tail = 65_530;
  rig.crash();
  rig.begin();
  const inUse = new Set<number>();
  // Held all the time.
  rig.publish("m0", 2);
  const { packetId: held = 0 } = rig.server.takes("publish");
  equal(held, 65_532);
  inUse.add(held);
  for (let round = 0; round < 20; round++) {
    rig.publish("m", round % 2 === 0 ? 1 : 2);
    rig.subscribe("t");
    rig.unsubscribe("t");
    for (const packet of rig.server.takesAll()) {
      const packetId = "packetId" in packet ? packet.packetId ?? 0 : 0;
      equal(packetId >= 1 && packetId <= 65_535 && Number.isInteger(packetId), true);
      equal(inUse.has(packetId), false, `${packet.type} took ${packetId}, which is in use`);
      inUse.add(packetId);
    }
    equal(inUse.size, round * 3 + 4);
  }
});

clientRowInBoth("ID-04", "never gives two messages in flight one identifier, whatever their QoS", {
  5: "MQTT-4.3.2-1, MQTT-4.3.3-1",
  4: "MQTT-4.3.2-1, MQTT-4.3.3-1",
}, (rig) => {
  rig.begin();
  for (const qos of [1, 2, 2, 1, 1] as const) rig.publish("m", qos);
  const ids = rig.server.takesAll().map((packet) => packet.type === "publish" ? packet.packetId : 0);
  deepEqual([ids.length, new Set(ids).size], [5, 5]);
});

clientRow("ID-05", "takes identifiers of PUBLISH, SUBSCRIBE and UNSUBSCRIBE from one set [§2.2.1] (5.0)", (rig) => {
  // The next message would take 65 535, then 1.
  rig.world.tail = 65_533;
  rig.crash();
  rig.begin();
  rig.subscribe("t");
  rig.unsubscribe("t");
  deepEqual(rig.server.traces(), ["subscribe #65535", "unsubscribe #65534"]);
  rig.publish("m1");
  deepEqual(rig.server.traces(), ["m1 q1 #1"]);
  rig.publish("m2");
  deepEqual(rig.server.traces(), ["m2 q1 #2"]);
  rig.drop();
  // What was not the derived one is the same again.
  rig.crash();
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #1 dup", "m2 q1 #2 dup"]);
});

clientRowInBoth("ID-06", "releases identifiers at PUBACK, PUBCOMP, SUBACK and UNSUBACK, and not earlier", {
  5: "§2.2.1",
  4: "MQTT-2.3.1-3",
}, (rig, version) => {
  rig.begin();
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.subscribe("t");
  rig.unsubscribe("t");
  deepEqual(rig.server.traces(), ["m1 q1 #2", "m2 q2 #3", "subscribe #65535", "unsubscribe #65534"]);
  rig.server.sends(answer("pubrec", 3));
  rig.server.takesAll();
  rig.subscribe("u");
  deepEqual(rig.server.traces(), ["subscribe #65533"]);
  rig.server.sends(
    answer("puback", 2),
    { type: "suback", packetId: 65_535, reasonCodes: [2] },
    { type: "unsuback", packetId: 65_534, reasonCodes: version === 5 ? [0] : [] },
  );
  rig.subscribe("v");
  rig.subscribe("w");
  deepEqual(rig.server.traces(), ["subscribe #65535", "subscribe #65534"]);
  deepEqual([...rig.stored.outbound.keys()], [2]);
  rig.server.sends(answer("pubcomp", 3));
  deepEqual([...rig.stored.outbound.keys()], []);
});

clientRow("ID-06", "releases the identifier of a QoS 2 message at PUBREC 0x80 [§2.2.1] (5.0)", (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.server.sends(answer("pubrec", 2, 0x80));
  rig.server.takesAll();
  rig.server.sends(answer("pubrec", 2));
  deepEqual(rig.server.traces(), ["pubrel #2 0x92"]);
});

clientRowInBoth("ID-07", "has one identifier in flight both ways at once", { 5: "§2.2.1", 4: "§2.3.1" }, (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.server.takesAll();
  rig.server.sends(incoming("i1", 2, { packetId: 2 }));
  deepEqual(rig.server.traces(), ["pubrec #2"]);
  rig.server.sends(answer("pubrec", 2), answer("pubrel", 2));
  deepEqual(rig.server.traces(), ["pubrel #2", "pubcomp #2"]);
  rig.server.sends(answer("pubcomp", 2));
  deepEqual(rig.told("deliveryCompleted").map(({ sequence }) => sequence), [1]);
  deepEqual([rig.inbox, rig.stored.outbound.size, rig.stored.inbound.size], [["i1"], 0, 0]);
});

clientRowInBoth(
  "ID-08",
  "answers every packet with its own identifier",
  { 5: "MQTT-2.2.1-5", 4: "MQTT-2.3.1-6" },
  (rig) => {
    rig.begin();
    rig.server.sends(incoming("i1", 1, { packetId: 11 }), incoming("i2", 2, { packetId: 65_535 }));
    deepEqual(rig.server.traces(), ["puback #11", "pubrec #65535"]);
    rig.server.sends(answer("pubrel", 65_535));
    deepEqual(rig.server.traces(), ["pubcomp #65535"]);
    rig.publish("m1", 2);
    rig.server.sends(answer("pubrec", 2));
    deepEqual(rig.server.traces(), ["m1 q2 #2", "pubrel #2"]);
  },
);

clientRowInBoth("ID-10", "resends under the identifier that it had", {
  5: "MQTT-4.4.0-1",
  4: "MQTT-2.3.1-3, MQTT-4.4.0-1",
}, (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.publish("m3", 2);
  rig.server.sends(answer("pubrec", 4));
  rig.drop();
  rig.crash();
  rig.resume();
  deepEqual(rig.server.traces(), ["pubrel #4", "m1 q1 #2 dup", "m2 q2 #3 dup"]);
});

clientRowInBoth("ID-11", "gives new commands no identifier of what it took over, PUBREL included", USED, (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.publish("m2");
  rig.server.sends(answer("pubrec", 2));
  rig.crash();
  // The identifiers after these come around to 2 and 3.
  rig.world.tail = 65_535;
  rig.crash();
  rig.resume();
  deepEqual(rig.server.traces(), ["pubrel #2", "m2 q1 #3 dup"]);
  rig.publish("m3");
  rig.publish("m4");
  const ids = rig.server.takesAll().map((packet) => packet.type === "publish" ? packet.packetId : 0);
  deepEqual(ids, [4, 5]);
});

clientRowInBoth("ID-11", "gives a SUBSCRIBE no identifier of a message that waits to be sent again", USED, (rig) => {
  rig.world.tail = 65_532;
  rig.crash();
  rig.begin();
  rig.publish("m1");
  rig.publish("m2");
  deepEqual(rig.server.traces(), ["m1 q1 #65534", "m2 q1 #65535"]);
  rig.crash();
  rig.connect();
  rig.subscribe("t");
  rig.hold();
  rig.accept({ sessionPresent: true });
  // The log has not been read yet.
  rig.flush(1);
  const { packetId } = rig.server.takes("subscribe");
  equal(packetId === 65_534 || packetId === 65_535, false);
  rig.flush();
  deepEqual(rig.server.traces(), ["m1 q1 #65534 dup", "m2 q1 #65535 dup"]);
});

clientRowInBoth("ID-12", "lets new commands wait while all identifiers are in use", USED, (rig) => {
  rig.world.fill(65_535);
  rig.crash();
  rig.begin();
  equal(new Set(rig.server.takesAll().map((packet) => "packetId" in packet ? packet.packetId : 0)).size, 65_535);
  rig.publish("last");
  rig.subscribe("t");
  rig.server.quiet();
  rig.server.sends(answer("puback", 7));
  deepEqual(rig.server.traces(), ["last q1 #7"]);
  rig.server.sends(answer("puback", 9));
  deepEqual(rig.server.traces(), ["subscribe #9"]);
}, { limits: { maximumInFlight: 65_535 } });

clientRowInBoth("ID-13", "lets open requests fail when the connection closes, and frees their identifiers", {
  5: "§2.2.1, §4.1, MQTT-4.4.0-1",
  4: "§3.1.2.4, MQTT-4.4.0-1",
}, (rig) => {
  rig.begin();
  const subscribed = rig.subscribe("t");
  const unsubscribed = rig.unsubscribe("u");
  rig.drop();
  deepEqual(rig.told("requestFailed"), [
    { type: "requestFailed", ref: subscribed, reasonCode: 0x80 },
    { type: "requestFailed", ref: unsubscribed, reasonCode: 0x80 },
  ]);
  rig.resume();
  rig.server.quiet();
  rig.subscribe("t");
  deepEqual(rig.server.traces(), ["subscribe #65535"]);
});

clientRow("ID-14", "answers QoS 1 under an unreleased identifier with 0x91 [§2.4, §3.4.2.1] (5.0)", (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 7 }), incoming("i2", 1, { packetId: 7 }));
  deepEqual(rig.server.traces(), ["pubrec #7", "puback #7 0x91"]);
  deepEqual(rig.inbox, ["i1"]);
});

for (const [type, qos] of [["puback", 1], ["pubrec", 2]] as const) {
  clientRow("ID-14", `takes an identifier out of circulation at ${type} 0x91 [§2.4, §3.5.2.1] (5.0)`, (rig) => {
    rig.begin();
    rig.publish("m1", qos);
    rig.server.sends(answer(type, 2, 0x91));
    deepEqual(rig.told("deliveryCompleted").map(({ reasonCode }) => reasonCode), [0x91]);
    equal(rig.told("diagnosed")[0]?.diagnosis, "stateMismatch");
    rig.drop();
    rig.world.tail = 65_535;
    rig.crash();
    rig.resume();
    rig.publish("m2");
    deepEqual(rig.server.traces(), ["m2 q1 #3"]);
  });
}

clientRow("ID-15", "never closes at 0x92 [§3.6.2.1, §3.7.2.1] (5.0)", (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.server.sends(answer("pubrec", 2));
  rig.drop();
  rig.resume();
  rig.server.sends(answer("pubcomp", 2, 0x92), answer("pubrel", 9, 0x92));
  deepEqual(rig.server.traces(), ["pubrel #2", "pubcomp #9 0x92"]);
  equal(rig.open, true);
});

for (
  const packet of [incoming("i1", 1, { packetId: 0 }), incoming("i1", 2), answer("pubrel", 0), answer("puback", 0)]
) {
  const named = packet.type === "publish" ? `PUBLISH of QoS ${packet.qos}` : packet.type.toUpperCase();
  clientRowInBoth("ID-16", `closes at a ${named} without an identifier`, {
    5: "MQTT-2.2.1-3",
    4: "MQTT-2.3.1-1",
  }, (rig, version) => {
    rig.begin();
    rig.server.sends(packet);
    deepEqual(rig.server.traces(), version === 5 ? ["disconnect 0x82"] : []);
    deepEqual([rig.open, rig.inbox], [false, []]);
  });
}
