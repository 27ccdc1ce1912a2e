import { deepEqual, equal, throws } from "node:assert/strict";
import { nextDeadline } from "../../../src/machine/mod.ts";
import { answer, type ClientRig, incoming } from "../support/client_rig.ts";
import { clientRow } from "../support/client_row.ts";

/** One message that is not acknowledged, one that is released, and one inbound identifier that is not. */
function fill(rig: ClientRig): void {
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.server.sends(answer("pubrec", 3), incoming("i1", 2, { packetId: 7 }));
}

function isKept(rig: ClientRig): boolean {
  const { outbound, inbound } = rig.stored;
  equal(outbound.size, inbound.size);
  return outbound.size === 1;
}

/** The next connection finds nothing of the session, and the application has been told what was lost. */
function isOver(rig: ClientRig): void {
  equal(isKept(rig), false);
  rig.begin();
  rig.server.quiet();
  deepEqual(rig.log, []);
  deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`).sort(), [
    "sessionLost 1",
    "sessionLost 2",
  ]);
  rig.server.sends(incoming("i2", 2, { packetId: 7 }));
  deepEqual(rig.inbox, ["i1", "i2"]);
}

/** The next connection goes on with it. */
function isGoingOn(rig: ClientRig): void {
  equal(isKept(rig), true);
  rig.resume();
  deepEqual(rig.server.traces(), ["pubrel #3", "m1 q1 #2 dup"]);
}

for (const interval of ["absent", 0] as const) {
  clientRow(
    "SE-01",
    `ends its session with the connection when the interval is ${interval} [§3.1.2.11.2] (5.0)`,
    (rig) => {
      equal(rig.connect().sessionExpiryInterval ?? 0, 0);
      rig.accept();
      fill(rig);
      rig.drop();
      isOver(rig);
    },
    { interval },
  );
}

clientRow("SE-02", "never ends a session of 0xFFFFFFFF by its own clock [§3.1.2.11.2] (5.0)", (rig) => {
  rig.begin();
  fill(rig);
  rig.drop();
  equal(nextDeadline(rig.session), undefined);
  rig.advance(200 * 365 * 24 * 3_600_000);
  isGoingOn(rig);
}, { interval: 0xffff_ffff });

clientRow("SE-07", "ends its session with the connection when CONNACK says 0 [§3.2.2.3.2] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 60 }, { sessionExpiryInterval: 0 });
  fill(rig);
  rig.drop();
  isOver(rig);
});

clientRow("SE-07", "keeps its session when CONNACK says more than CONNECT [§3.2.2.3.2] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 0 }, { sessionExpiryInterval: 60 });
  fill(rig);
  rig.drop();
  isGoingOn(rig);
});

clientRow("SE-08", "leaves the interval as it is with a DISCONNECT that names none [§3.14.2.2.2] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 60 });
  fill(rig);
  rig.server.takesAll();
  rig.disconnect();
  deepEqual(rig.server.takesAll(), [{ type: "disconnect", reasonCode: 0 }]);
  rig.advance(59_999);
  isGoingOn(rig);
});

clientRow("SE-08", "ends its session at once with a DISCONNECT of interval 0 [§3.14.2.2.2] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 60 });
  fill(rig);
  rig.server.takesAll();
  rig.disconnect({ sessionExpiryInterval: 0 });
  deepEqual(rig.server.takesAll(), [{ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 }]);
  isOver(rig);
});

clientRow("SE-08", "lets a DISCONNECT replace the interval [§3.14.2.2.2] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 60 });
  fill(rig);
  rig.server.takesAll();
  rig.disconnect({ sessionExpiryInterval: 5 });
  deepEqual(rig.server.takesAll(), [{ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 5 }]);
  rig.advance(5_000);
  equal(rig.connect().cleanStart, true);
  deepEqual([rig.stored.outbound.size, rig.stored.inbound.size], [0, 0]);
});

clientRow("SE-10", "refuses a DISCONNECT that would raise the interval from 0 [§3.14.2.2.2] (5.0)", (rig) => {
  // What the server put in its place does not count.
  rig.begin({ sessionExpiryInterval: 0 }, { sessionExpiryInterval: 300 });
  fill(rig);
  rig.server.takesAll();
  throws(() => rig.disconnect({ sessionExpiryInterval: 10 }), RangeError);
  rig.server.quiet();
  equal(rig.session.online, true);
  rig.disconnect({ sessionExpiryInterval: 0 });
  deepEqual(rig.server.traces(), ["disconnect"]);
});

clientRow(
  "SE-12",
  "closes at a server's DISCONNECT with an interval, and keeps its own [MQTT-3.14.2-2] (5.0)",
  (rig) => {
    rig.begin({ sessionExpiryInterval: 60 });
    fill(rig);
    rig.server.takesAll();
    rig.server.sends({ type: "disconnect", reasonCode: 0x8b, sessionExpiryInterval: 0 });
    deepEqual(rig.server.traces(), ["disconnect 0x82"]);
    equal(rig.open, false);
    rig.advance(59_999);
    isGoingOn(rig);
  },
);

clientRow(
  "SE-13",
  "closes with 0x82 at a packet that has the interval twice [§3.1.2.11.2, §3.2.2.3.2, §3.14.2.2.2] (5.0)",
  (rig) => {
    rig.begin();
    fill(rig);
    rig.server.takesAll();
    rig.step({ type: "packetMalformed", reasonCode: 0x82 });
    deepEqual(rig.server.traces(), ["disconnect 0x82"]);
    equal(rig.open, false);
    isGoingOn(rig);
  },
);

clientRow("SE-14", "clears its state before it connects once its own clock says so [§3.1.2.11.2] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 60 });
  fill(rig);
  rig.drop();
  rig.advance(60_000);
  equal(isKept(rig), true);
  rig.hold();
  rig.dial();
  rig.server.takesAll();
  rig.flush();
  deepEqual(rig.server.traces(), ["connect clean"]);
  equal(isKept(rig), false);
  rig.accept();
  rig.server.quiet();
  deepEqual(rig.log, []);
});

clientRow("SE-14", "knows the end of its session after a crash too [§3.1.2.11.2] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 60 });
  fill(rig);
  rig.drop();
  rig.crash();
  rig.advance(60_000);
  equal(rig.connect().cleanStart, true);
  equal(isKept(rig), false);
});

clientRow("SE-14", "leaves the end of its session to the server, by policy [§3.1.2.11.2] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 60 });
  fill(rig);
  rig.drop();
  rig.advance(60_000);
  isGoingOn(rig);
}, { policy: { ownExpiry: "ignore" } });

clientRow("SE-16", "takes CleanSession 0 for a session that never ends [§3.1.2.11.2] (3.1.1)", (rig) => {
  const connect = rig.connect();
  deepEqual([connect.cleanStart, connect.sessionExpiryInterval], [false, undefined]);
  rig.accept();
  equal(rig.stored.head.sessionExpiryInterval, 0xffff_ffff);
  fill(rig);
  rig.drop();
  isGoingOn(rig);
}, { version: 4 });

clientRow("SE-16", "takes CleanSession 1 for Clean Start 1 with an interval of 0 [§3.1.2.11.2] (3.1.1)", (rig) => {
  rig.begin({ cleanStart: true });
  equal(rig.stored.head.sessionExpiryInterval, 0);
  fill(rig);
  rig.drop();
  isOver(rig);
}, { version: 4 });
