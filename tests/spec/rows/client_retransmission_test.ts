import { deepEqual, equal } from "node:assert/strict";
import { answer, type ClientRig, incoming } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

/** One message in every state: awaiting PUBACK, PUBREC and PUBCOMP, and one that was never sent. */
function fill(rig: ClientRig): void {
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.publish("m3", 2);
  rig.server.sends(answer("pubrec", 4));
}

clientRow(
  "RT-01",
  "resends once, after Clean Start 0 and Session Present 1, and at no other time [MQTT-4.4.0-1] (5.0)",
  (rig) => {
    rig.begin();
    fill(rig);
    rig.server.takesAll();
    rig.advance(24 * 3_600_000);
    rig.publish("m4");
    rig.server.sends(answer("puback", 5));
    deepEqual(rig.server.traces(), ["m4 q1 #5"]);
    rig.drop();
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #4", "m1 q1 #2 dup", "m2 q2 #3 dup"]);
    rig.advance(24 * 3_600_000);
    rig.server.quiet();
  },
);

clientRow(
  "RT-02",
  "resends when it comes back with CleanSession 0, and at no other time [MQTT-4.4.0-1] (3.1.1)",
  (rig) => {
    rig.begin();
    fill(rig);
    rig.server.takesAll();
    rig.advance(24 * 3_600_000);
    rig.server.quiet();
    rig.drop();
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #4", "m1 q1 #2 dup", "m2 q2 #3 dup"]);
    rig.advance(24 * 3_600_000);
    rig.server.quiet();
  },
  { version: 4 },
);

for (const end of ["drop", "crash"] as const) {
  clientRowInBoth("RT-03", `sends a message again with DUP 1 after a ${end}`, "MQTT-3.3.1-1", (rig) => {
    rig.begin();
    rig.publish("m1");
    rig.publish("m2", 2);
    for (let turn = 0; turn < 3; turn++) {
      rig[end]();
      rig.resume();
      deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q2 #3 dup"]);
    }
  });
}

clientRowInBoth("RT-04", "sends QoS 0 with DUP 0, also what waited for a connection", "MQTT-3.3.1-2", (rig) => {
  rig.publish("m0", 0);
  rig.begin();
  rig.publish("m1", 0);
  deepEqual(rig.server.takesAll().map((packet) => packet.type === "publish" && packet.dup), [false, false]);
}, { policy: { qos0WhileOffline: "queue" } });

clientRowInBoth("RT-06", "sends PUBREL again as it was", "MQTT-3.6.1-1", (rig) => {
  rig.begin();
  rig.publish("m1", 2);
  rig.server.takes("publish");
  rig.server.sends(answer("pubrec", 2));
  const first = rig.server.takes("pubrel");
  rig.drop();
  rig.resume();
  deepEqual(rig.server.takes("pubrel"), first);
});

clientRowInBoth("RT-07", "resends by state: PUBLISH with DUP 1, PUBREL, and with DUP 0 what was never sent", {
  5: "MQTT-4.4.0-1, MQTT-4.3.3-6",
  4: "MQTT-4.4.0-1, MQTT-4.3.3-1",
}, (rig) => {
  rig.begin();
  fill(rig);
  rig.drop();
  rig.publish("m4");
  rig.publish("m5", 2);
  rig.resume();
  deepEqual(rig.server.traces(), ["pubrel #4", "m1 q1 #2 dup", "m2 q2 #3 dup", "m4 q1 #5", "m5 q2 #6"]);
});

clientRow("RT-08", "resends nothing old at Session Present 0 [MQTT-3.2.2-5, MQTT-4.4.0-1] (5.0)", (rig) => {
  rig.begin();
  fill(rig);
  rig.drop();
  rig.begin();
  rig.server.quiet();
  rig.drop();
  rig.crash();
  rig.resume();
  rig.server.quiet();
});

clientRow(
  "RT-09",
  "takes Session Present 0 for a new session, and leaves the rest to the application [§4.4] (3.1.1)",
  (rig) => {
    rig.begin();
    fill(rig);
    rig.drop();
    rig.begin();
    rig.server.quiet();
    deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`).sort(), [
      "sessionLost 1",
      "sessionLost 2",
      "sessionLost 3",
    ]);
    rig.publish("m1");
    deepEqual(rig.server.traces(), ["m1 q1 #5"]);
  },
  { version: 4 },
);

clientRowInBoth(
  "RT-10",
  "never repeats SUBSCRIBE, UNSUBSCRIBE, PUBACK, PUBREC or PUBCOMP by itself",
  "MQTT-4.4.0-1",
  (rig) => {
    rig.begin();
    rig.subscribe("t");
    rig.unsubscribe("u");
    rig.server.sends(
      incoming("i1", 1, { packetId: 1 }),
      incoming("i2", 2, { packetId: 2 }),
      incoming("i3", 2, { packetId: 3 }),
      answer("pubrel", 3),
    );
    rig.drop();
    rig.resume();
    rig.server.quiet();
    rig.server.sends(incoming("i2", 2, { packetId: 2, dup: true }), answer("pubrel", 3));
    equal(rig.server.takes("pubrec").packetId, 2);
    equal(rig.server.takes("pubcomp").packetId, 3);
  },
);

clientRow(
  "RT-11",
  "resends within the new Receive Maximum, and all of it before anything new [MQTT-3.3.4-7, MQTT-4.9.0-2] (5.0)",
  (rig) => {
    rig.begin();
    for (const payload of ["m1", "m2", "m3", "m4", "m5"]) rig.publish(payload);
    rig.drop();
    rig.publish("m6");
    rig.resume({ receiveMaximum: 2 });
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q1 #3 dup"]);
    rig.server.sends(answer("puback", 3));
    deepEqual(rig.server.traces(), ["m3 q1 #4 dup"]);
    rig.server.sends(answer("puback", 2), answer("puback", 4));
    deepEqual(rig.server.traces(), ["m4 q1 #5 dup", "m5 q1 #6 dup"]);
    rig.server.sends(answer("puback", 5));
    deepEqual(rig.server.traces(), ["m6 q1 #7"]);
  },
);

clientRow("RT-12", "resends with the full topic, whatever aliases there were [MQTT-3.3.2-7] (5.0)", (rig) => {
  rig.begin({}, { topicAliasMaximum: 10 });
  rig.publish("m1");
  rig.publish("m2");
  rig.drop();
  rig.server.takesAll();
  rig.resume({ topicAliasMaximum: 10 });
  for (const packet of rig.server.takesAll()) {
    equal(packet.type === "publish" && packet.topic === "t" && packet.topicAlias === undefined && packet.dup, true);
  }
});

clientRowInBoth("RT-14", "takes a PUBLISH for sent though the connection breaks at once", "MQTT-3.3.1-1", (rig) => {
  rig.begin();
  rig.publish("m0");
  rig.hold();
  rig.publish("m1");
  // The entry is stored, and the PUBLISH handed to the transport; nobody knows whether it left.
  rig.flush(2);
  rig.drop();
  rig.flush();
  rig.resume();
  deepEqual(rig.server.traces(), ["m0 q1 #2 dup", "m1 q1 #3 dup"]);
});

clientRowInBoth("OR-01", "resends in the order of the first sending, QoS 1 and 2 together", "MQTT-4.6.0-1", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.publish("m3");
  rig.drop();
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q2 #3 dup", "m3 q1 #4 dup"]);
});

clientRowInBoth("OR-02", "sends PUBACKs in the order of the PUBLISH packets", "MQTT-4.6.0-2", (rig) => {
  rig.begin();
  rig.hold();
  for (const packetId of [3, 1, 2]) rig.server.sends(incoming("i", 1, { packetId }));
  rig.flush();
  deepEqual(rig.server.traces(), ["puback #3", "puback #1", "puback #2"]);
});

clientRowInBoth("OR-03", "sends PUBRECs in the order of the PUBLISH packets", "MQTT-4.6.0-3", (rig) => {
  rig.begin();
  rig.hold();
  for (const packetId of [3, 1, 2]) rig.server.sends(incoming("i", 2, { packetId }));
  rig.flush();
  deepEqual(rig.server.traces(), ["pubrec #3", "pubrec #1", "pubrec #2"]);
});

for (const end of ["drop", "crash"] as const) {
  clientRowInBoth("OR-04", `sends PUBRELs in the order of the PUBRECs, also after a ${end}`, "MQTT-4.6.0-4", (rig) => {
    rig.begin();
    for (const payload of ["m1", "m2", "m3", "m4"]) rig.publish(payload, 2);
    rig.server.takesAll();
    rig.server.sends(answer("pubrec", 4), answer("pubrec", 2), answer("pubrec", 3));
    deepEqual(rig.server.traces(), ["pubrel #4", "pubrel #2", "pubrel #3"]);
    rig[end]();
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #4", "pubrel #2", "pubrel #3", "m4 q2 #5 dup"]);
    rig.server.sends(answer("pubrec", 5));
    rig[end]();
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #4", "pubrel #2", "pubrel #3", "pubrel #5"]);
  });
}

clientRowInBoth("OR-07", "puts the resend set before all that is published meanwhile", {
  5: "MQTT-4.6.0-1",
  4: "MQTT-4.6.0-1",
}, (rig) => {
  rig.begin();
  for (const payload of ["m1", "m2", "m3", "m4", "m5"]) rig.publish(payload);
  rig.drop();
  rig.publish("m6");
  rig.hold();
  rig.dial();
  rig.publish("m7");
  rig.flush();
  rig.server.takesAll();
  rig.hold();
  rig.accept({ sessionPresent: true });
  rig.publish("m8");
  rig.flush();
  deepEqual(rig.server.traces(), [
    "m1 q1 #2 dup",
    "m2 q1 #3 dup",
    "m3 q1 #4 dup",
    "m4 q1 #5 dup",
    "m5 q1 #6 dup",
    "m6 q1 #7",
    "m7 q1 #8",
    "m8 q1 #9",
  ]);
}, { limits: { pageMessages: 2 } });

clientRowInBoth("OR-08", "never sends an older message after a newer one, with a window of 1", "§4.6", (rig) => {
  rig.begin();
  for (const payload of ["m1", "m2", "m3", "m4"]) rig.publish(payload);
  rig.server.sends(answer("puback", 2), answer("puback", 3));
  rig.drop();
  rig.resume();
  rig.server.sends(answer("puback", 4));
  deepEqual(rig.server.traces(), ["m3 q1 #4 dup", "m4 q1 #5"]);
}, { limits: { maximumInFlight: 1 } });
