import { deepEqual, equal, throws } from "node:assert/strict";
import { answer, incoming } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

clientRowInBoth("LC-01", "sends nothing before CONNECT", "MQTT-3.1.0-1", (rig) => {
  rig.publish("m1");
  rig.subscribe("t");
  rig.server.quiet();
  rig.dial();
  equal(rig.server.traces()[0]?.startsWith("connect"), true);
  rig.server.quiet();
  rig.accept();
  deepEqual(rig.server.traces(), ["subscribe #65535", "m1 q1 #2"]);
});

clientRow("LC-03", "clears both sets when it sends Clean Start 1 [MQTT-3.1.2-4] (5.0)", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.server.sends(answer("pubrec", 3), incoming("i1", 2, { packetId: 7 }));
  rig.drop();
  rig.server.takesAll();
  rig.hold();
  rig.dial({ cleanStart: true });
  rig.server.quiet();
  rig.flush();
  deepEqual(rig.server.traces(), ["connect clean"]);
  deepEqual([rig.stored.outbound.size, rig.stored.inbound.size], [0, 0]);
  rig.accept();
  rig.server.quiet();
  deepEqual(rig.log, []);
  deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`).sort(), [
    "sessionLost 1",
    "sessionLost 2",
  ]);
  rig.server.sends(incoming("i2", 2, { packetId: 7 }));
  deepEqual(rig.inbox, ["i1", "i2"]);
});

clientRow("LC-06", "keeps the session of CleanSession 0 after disconnecting [MQTT-3.1.2-4] (3.1.1)", (rig) => {
  equal(rig.connect().cleanStart, false);
  rig.accept();
  rig.publish("m1");
  rig.server.sends(incoming("i1", 2, { packetId: 7 }));
  rig.disconnect();
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  rig.server.sends(incoming("i1", 2, { packetId: 7, dup: true }));
  deepEqual(rig.inbox, ["i1"]);
}, { version: 4 });

clientRow("LC-08", "lets nothing of a CleanSession 1 turn up in a later session [MQTT-3.1.2-6] (3.1.1)", (rig) => {
  rig.begin({ cleanStart: true });
  rig.publish("m1");
  rig.server.sends(incoming("i1", 2, { packetId: 7 }));
  rig.drop();
  deepEqual([...rig.stored.inbound], []);
  equal(rig.connect().cleanStart, false);
  rig.accept();
  rig.server.quiet();
  deepEqual(rig.told("messageDropped").map(({ reason }) => reason), ["sessionLost"]);
  rig.server.sends(incoming("i2", 2, { packetId: 7 }));
  deepEqual(rig.inbox, ["i1", "i2"]);
}, { version: 4 });

clientRow(
  "LC-09",
  "keeps both sets when the connection closes, for an interval above 0 [MQTT-3.1.2-23] (5.0)",
  (rig) => {
    rig.begin({ sessionExpiryInterval: 60 });
    rig.publish("m1");
    rig.publish("m2", 2);
    rig.server.sends(answer("pubrec", 3), incoming("i1", 2, { packetId: 7 }));
    rig.drop();
    rig.advance(59_999);
    deepEqual([rig.log, [...rig.stored.outbound.keys()], [...rig.stored.inbound]], [["m1"], [2], [7]]);
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #3", "m1 q1 #2 dup"]);
  },
);

clientRow("LC-12", "closes when it has no session and Session Present is 1 [MQTT-3.2.2-4] (5.0)", (rig) => {
  rig.connect();
  rig.accept({ sessionPresent: true });
  equal(rig.open, false);
  deepEqual(rig.told("connected"), []);
  equal(rig.connect({ cleanStart: true }).cleanStart, true);
  rig.accept();
  equal(rig.session.online, true);
});

clientRow("LC-12", "closes when it asked for a clean start and Session Present is 1 [MQTT-3.2.2-4] (5.0)", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.drop();
  rig.connect({ cleanStart: true });
  rig.accept({ sessionPresent: true });
  equal(rig.open, false);
  equal(rig.session.online, false);
});

clientRow("LC-12", "stays when its session is there and has nothing in it [MQTT-3.2.2-4] (5.0)", (rig) => {
  rig.begin();
  rig.drop();
  rig.crash();
  rig.resume();
  equal(rig.open, true);
});

clientRow("LC-13", "discards its state when Session Present is 0 [MQTT-3.2.2-5] (5.0)", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.publish("m3", 2);
  rig.server.sends(answer("pubrec", 4), incoming("i1", 2, { packetId: 7 }));
  rig.drop();
  rig.connect();
  rig.accept();
  rig.server.quiet();
  equal(rig.told("connected")[1]?.sessionPresent, false);
  deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`).sort(), [
    "sessionLost 1",
    "sessionLost 2",
    "sessionLost 3",
  ]);
  deepEqual([rig.log, rig.stored.outbound.size, rig.stored.inbound.size], [[], 0, 0]);
  rig.server.sends(incoming("i2", 2, { packetId: 7 }));
  deepEqual(rig.inbox, ["i1", "i2"]);
  rig.drop();
  rig.resume();
  rig.server.quiet();
});

clientRow("LC-14", "goes on as new with a session that it does not know, by policy [§3.2.2.2] (3.1.1)", (rig) => {
  rig.connect();
  rig.accept({ sessionPresent: true });
  equal(rig.session.online, true);
  rig.publish("m1");
  deepEqual(rig.server.traces(), ["m1 q1 #2"]);
}, { version: 4 });

clientRow("LC-14", "goes on as new where the server has its session no more, by policy [§3.2.2.2] (3.1.1)", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.drop();
  rig.begin();
  rig.server.quiet();
  deepEqual(rig.told("messageDropped").map(({ reason }) => reason), ["sessionLost"]);
}, { version: 4 });

clientRow("LC-14", "closes at an unexpected Session Present, by policy [§3.2.2.2] (3.1.1)", (rig) => {
  rig.connect();
  rig.accept({ sessionPresent: true });
  equal(rig.open, false);
  rig.begin();
  rig.publish("m1");
  rig.drop();
  rig.connect();
  rig.accept();
  equal(rig.open, false);
  deepEqual(rig.log, ["m1"]);
  // Both ends are reset by connecting once with CleanSession 1.
  rig.begin({ cleanStart: true });
  deepEqual(rig.log, []);
}, { version: 4, policy: { unexpectedNewSession: "close" } });

clientRowInBoth("LC-26", "holds what is published back until CONNACK", "§3.1.4", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.drop();
  rig.connect();
  rig.publish("m2");
  rig.publish("m3", 2);
  rig.server.quiet();
  rig.accept({ sessionPresent: true });
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q1 #3", "m3 q2 #4"]);
});

clientRowInBoth("LC-26", "resends nothing old at Session Present 0, and sends what was never sent", "§3.1.4", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.drop();
  rig.connect();
  rig.publish("m2");
  rig.accept();
  deepEqual(rig.server.traces(), ["m2 q1 #3"]);
});

clientRow(
  "LC-30",
  "resumes with Clean Start 0 what began with Clean Start 1 [MQTT-3.1.2-4, MQTT-3.1.2-23] (5.0)",
  (rig) => {
    rig.begin({ cleanStart: true, sessionExpiryInterval: 60 });
    rig.publish("m1");
    rig.drop();
    rig.resume({}, { sessionExpiryInterval: 60 });
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  },
);

clientRowInBoth(
  "LC-31",
  "repeats a clean start that may not have arrived until one succeeds",
  { 5: "MQTT-3.1.2-4, MQTT-3.2.2-4", 4: "§3.1.2.4" },
  (rig, version) => {
    rig.begin();
    rig.drop();
    equal(rig.connect({ cleanStart: true }).cleanStart, true);
    rig.drop();
    equal(rig.connect().cleanStart, true);
    rig.server.sends({ type: "connack", sessionPresent: false, reasonCode: version === 5 ? 0x88 : 3 });
    equal(rig.open, false);
    equal(rig.connect().cleanStart, true);
    rig.crash();
    equal(rig.connect().cleanStart, true);
    rig.accept();
    rig.drop();
    equal(rig.connect().cleanStart, false);
  },
);

clientRow("LC-31", "takes a repeated clean start for one that ends with its connection [§3.1.2.4] (3.1.1)", (rig) => {
  rig.connect({ cleanStart: true });
  rig.drop();
  equal(rig.connect().cleanStart, true);
  rig.accept();
  rig.publish("m1");
  rig.server.sends(incoming("i1", 2, { packetId: 7 }));
  rig.drop();
  deepEqual([...rig.stored.inbound], []);
}, { version: 4 });

clientRowInBoth("LC-32", "gives up when CONNACK does not come in time, and its session is as it was", "§3.2", (rig) => {
  rig.begin();
  rig.publish("m1");
  rig.drop();
  rig.connect();
  const before = rig.stored;
  rig.advance(9_999);
  equal(rig.open, true);
  rig.advance(1);
  equal(rig.open, false);
  rig.server.quiet();
  deepEqual([rig.stored, rig.log], [before, ["m1"]]);
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
});

clientRowInBoth("CI-01", "always sends a Client Identifier", "MQTT-3.1.3-3, MQTT-3.1.3-4", (rig) => {
  equal(rig.connect().clientId, "c");
  rig.drop();
  equal(rig.connect({ cleanStart: true, clientId: "" }).clientId, "");
});

clientRow("CI-05", "refuses to send an empty Client Identifier with CleanSession 0 [MQTT-3.1.3-7] (3.1.1)", (rig) => {
  throws(() => rig.dial({ clientId: "" }), RangeError);
  rig.server.quiet();
  const { clientId, cleanStart } = rig.connect({ clientId: "", cleanStart: true });
  deepEqual([clientId, cleanStart], ["", true]);
}, { version: 4 });

clientRow(
  "CI-09",
  "comes back with the Client Identifier that it was assigned [§3.2.2.3.7, MQTT-3.1.3-2] (5.0)",
  (rig) => {
    equal(rig.connect({ clientId: "" }).clientId, "");
    rig.accept({ assignedClientIdentifier: "x" });
    deepEqual(rig.told("clientIdentifierAssigned").map(({ clientId }) => clientId), ["x"]);
    rig.publish("m1");
    rig.drop();
    equal(rig.connect({ clientId: "" }).clientId, "x");
    rig.accept({ sessionPresent: true });
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  },
);
