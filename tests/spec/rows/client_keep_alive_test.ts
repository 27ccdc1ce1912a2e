import { deepEqual, equal } from "node:assert/strict";
import { nextDeadline } from "../../../src/machine/mod.ts";
import { answer, incoming } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

const PINGRESP = { type: "pingresp" } as const;

clientRowInBoth("KA-01", "sends PINGREQ when it has nothing else to send", {
  5: "MQTT-3.1.2-20",
  4: "MQTT-3.1.2-23",
}, (rig) => {
  rig.begin({ keepAlive: 10 });
  rig.advance(9_999);
  rig.server.quiet();
  rig.advance(1);
  deepEqual(rig.server.traces(), ["pingreq"]);
  rig.server.sends(PINGRESP);
  rig.advance(9_999);
  rig.server.quiet();
  rig.advance(1);
  deepEqual(rig.server.traces(), ["pingreq"]);
});

clientRowInBoth("KA-01", "counts from the last packet that it sent, not from the last that came", {
  5: "MQTT-3.1.2-20",
  4: "MQTT-3.1.2-23",
}, (rig) => {
  rig.begin({ keepAlive: 10 });
  rig.advance(6_000);
  rig.publish("m0", 0);
  rig.server.takesAll();
  rig.advance(6_000);
  rig.server.sends(incoming("i0", 0));
  rig.server.quiet();
  rig.advance(4_000);
  deepEqual(rig.server.traces(), ["pingreq"]);
  rig.server.sends(PINGRESP);
  rig.advance(5_000);
  rig.server.sends(incoming("i1", 1, { packetId: 1 }));
  deepEqual(rig.server.traces(), ["puback #1"]);
  rig.advance(9_999);
  rig.server.quiet();
});

clientRowInBoth("KA-01", "is not silent for longer while a PINGRESP is late", {
  5: "MQTT-3.1.2-20",
  4: "MQTT-3.1.2-23",
}, (rig) => {
  rig.begin({ keepAlive: 4 });
  rig.advance(4_000);
  deepEqual(rig.server.traces(), ["pingreq"]);
  rig.advance(4_000);
  deepEqual(rig.server.traces(), ["pingreq"]);
  // The wait is that for the first one.
  rig.advance(5_999);
  deepEqual([rig.server.traces(), rig.open], [["pingreq"], true]);
  rig.advance(1);
  equal(rig.open, false);
});

clientRow("KA-02", "takes Server Keep Alive in place of its own [MQTT-3.1.2-21, MQTT-3.2.2-21] (5.0)", (rig) => {
  rig.begin({ keepAlive: 60 }, { serverKeepAlive: 5 });
  rig.advance(4_999);
  rig.server.quiet();
  rig.advance(1);
  deepEqual(rig.server.traces(), ["pingreq"]);
});

clientRow("KA-02", "sends no PINGREQ at Server Keep Alive 0 [MQTT-3.1.2-21, MQTT-3.2.2-21] (5.0)", (rig) => {
  rig.begin({ keepAlive: 60 }, { serverKeepAlive: 0 });
  equal(nextDeadline(rig.session), undefined);
  rig.advance(3_600_000);
  rig.server.quiet();
  rig.drop();
  rig.begin({ keepAlive: 60 });
  rig.advance(60_000);
  deepEqual(rig.server.traces(), ["pingreq"]);
});

clientRowInBoth("KA-05", "knows no Keep Alive of 0", "§3.1.2.10", (rig) => {
  rig.begin({ keepAlive: 0 });
  equal(nextDeadline(rig.session), undefined);
  rig.advance(365 * 24 * 3_600_000);
  rig.server.quiet();
  equal(rig.open, true);
});

clientRowInBoth("KA-07", "closes when PINGRESP does not come, and keeps its session", "§3.1.2.10", (rig) => {
  rig.begin({ keepAlive: 60 });
  rig.publish("m1");
  rig.server.takesAll();
  rig.advance(60_000);
  deepEqual(rig.server.traces(), ["pingreq"]);
  rig.advance(9_999);
  equal(rig.open, true);
  rig.advance(1);
  equal(rig.open, false);
  rig.server.quiet();
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
});

clientRowInBoth("KA-08", "forgets Keep Alive with its connection", "§3.1.2.10", (rig) => {
  rig.begin({ keepAlive: 10 });
  rig.advance(10_000);
  rig.drop();
  equal(nextDeadline(rig.session), undefined);
  rig.server.takesAll();
  // A timer of the old connection that comes late.
  rig.step({ type: "timePassed" });
  rig.advance(20_000);
  rig.server.quiet();
  rig.crash();
  equal(nextDeadline(rig.session), undefined);
  rig.resume({}, { keepAlive: 10 });
  // Nor does the new one wait for the old PINGRESP.
  rig.advance(9_999);
  rig.server.quiet();
  rig.server.sends(answer("pubrel", 9));
  equal(rig.open, true);
});
