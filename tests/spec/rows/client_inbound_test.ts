import { deepEqual, equal } from "node:assert/strict";
import { answer, incoming } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

clientRowInBoth("IB-01", "answers a PUBLISH by its QoS: nothing, PUBACK, PUBREC", "MQTT-3.3.4-1", (rig) => {
  rig.begin();
  rig.server.sends(incoming("i0", 0));
  rig.server.quiet();
  equal(rig.told("messageReceived").length, 1);
  rig.server.sends(incoming("i1", 1, { packetId: 1 }), incoming("i2", 2, { packetId: 2 }));
  deepEqual(rig.server.traces(), ["puback #1", "pubrec #2"]);
});

clientRowInBoth("IB-02", "hands a QoS 1 message over, and answers once that is durable", {
  5: "MQTT-4.3.2-4",
  4: "MQTT-4.3.2-2",
}, (rig) => {
  rig.begin();
  rig.hold();
  rig.server.sends(incoming("i1", 1, { packetId: 9 }));
  rig.server.quiet();
  deepEqual(rig.inbox, []);
  rig.flush();
  deepEqual([rig.server.traces(), rig.inbox], [["puback #9"], ["i1"]]);
});

clientRowInBoth("IB-03", "takes the same identifier for a new message after PUBACK, whatever DUP says", {
  5: "MQTT-4.3.2-5",
  4: "MQTT-4.3.2-2",
}, (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 1, { packetId: 9 }), incoming("i2", 1, { packetId: 9, dup: true }));
  deepEqual([rig.server.traces(), rig.inbox], [["puback #9", "puback #9"], ["i1", "i2"]]);
});

clientRowInBoth("IB-04", "hands a QoS 2 message over with its identifier, in one commit, and then answers PUBREC", {
  5: "MQTT-4.3.3-8",
  4: "MQTT-4.3.3-2",
}, (rig) => {
  rig.begin();
  rig.hold();
  rig.server.sends(incoming("i1", 2, { packetId: 9 }));
  rig.server.quiet();
  deepEqual([rig.inbox, [...rig.stored.inbound]], [[], []]);
  rig.flush(1);
  deepEqual([rig.inbox, [...rig.stored.inbound]], [["i1"], [9]]);
  deepEqual(rig.server.traces(), ["pubrec #9"]);
});

clientRowInBoth("IB-06", "answers every repeat with PUBREC until PUBREL, and hands over once", {
  5: "MQTT-4.3.3-10",
  4: "MQTT-4.3.3-2",
}, (rig) => {
  rig.begin();
  const first = incoming("i1", 2, { packetId: 9 });
  const repeat = incoming("i1", 2, { packetId: 9, dup: true });
  rig.server.sends(first, repeat, repeat);
  deepEqual(rig.server.traces(), ["pubrec #9", "pubrec #9", "pubrec #9"]);
  rig.drop();
  rig.resume();
  rig.server.sends(repeat, repeat);
  deepEqual(rig.server.traces(), ["pubrec #9", "pubrec #9"]);
  rig.crash();
  rig.resume();
  rig.server.sends(repeat);
  deepEqual(rig.server.traces(), ["pubrec #9"]);
  deepEqual(rig.inbox, ["i1"]);
});

clientRowInBoth("IB-06", "hands over once when the repeats come before anything is durable", {
  5: "MQTT-4.3.3-10",
  4: "MQTT-4.3.3-2",
}, (rig) => {
  rig.begin();
  rig.hold();
  const repeat = incoming("i1", 2, { packetId: 9, dup: true });
  rig.server.sends(incoming("i1", 2, { packetId: 9 }), repeat, repeat);
  rig.flush();
  deepEqual([rig.server.traces(), rig.inbox], [["pubrec #9", "pubrec #9", "pubrec #9"], ["i1"]]);
});

clientRowInBoth("IB-07", "takes an unreleased identifier for a repeat although DUP is 0, and reports it", {
  5: "MQTT-4.3.3-10",
  4: "MQTT-4.3.3-2",
}, (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 9 }), incoming("i2", 2, { packetId: 9 }));
  deepEqual([rig.server.traces(), rig.inbox], [["pubrec #9", "pubrec #9"], ["i1"]]);
  equal(rig.told("diagnosed")[0]?.diagnosis, "repeatedWithoutDup");
});

clientRowInBoth("IB-07", "closes at a repeat with DUP 0, by policy", {
  5: "MQTT-4.3.3-10",
  4: "MQTT-4.3.3-2",
}, (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 9 }), incoming("i2", 2, { packetId: 9 }));
  deepEqual([rig.open, rig.inbox], [false, ["i1"]]);
}, { policy: { repeatedWithoutDup: "close" } });

clientRowInBoth("IB-08", "answers PUBREL with PUBCOMP under its identifier, and forgets it", {
  5: "MQTT-4.3.3-11",
  4: "MQTT-4.3.3-2",
}, (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 9 }), incoming("i2", 2, { packetId: 8 }), answer("pubrel", 9));
  deepEqual(rig.server.traces(), ["pubrec #9", "pubrec #8", "pubcomp #9"]);
  deepEqual([...rig.stored.inbound], [8]);
});

for (const code of [0x92, 0x00] as const) {
  clientRow("IB-09", `answers PUBREL for an unknown identifier by policy, and stays [MQTT-4.3.3-11] (5.0)`, (rig) => {
    rig.begin();
    rig.server.sends(incoming("i1", 2, { packetId: 9 }), answer("pubrel", 9), answer("pubrel", 9));
    deepEqual(rig.server.takesAll().slice(1), [
      { type: "pubcomp", packetId: 9, reasonCode: 0 },
      { type: "pubcomp", packetId: 9, reasonCode: code },
    ]);
    deepEqual([rig.open, rig.inbox], [true, ["i1"]]);
  }, { policy: { unknownPubrel: code } });
}

clientRow("IB-10", "answers PUBREL for an unknown identifier with PUBCOMP [MQTT-4.3.3-2] (3.1.1)", (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 9 }), answer("pubrel", 9), answer("pubrel", 9));
  deepEqual(rig.server.traces(), ["pubrec #9", "pubcomp #9", "pubcomp #9"]);
  deepEqual([rig.open, rig.inbox], [true, ["i1"]]);
}, { version: 4 });

clientRowInBoth("IB-11", "takes the same identifier for a new message after PUBCOMP", {
  5: "MQTT-4.3.3-12",
  4: "MQTT-4.3.3-2",
}, (rig) => {
  rig.begin();
  for (const payload of ["i1", "i2"]) {
    rig.server.sends(incoming(payload, 2, { packetId: 9 }), answer("pubrel", 9));
    deepEqual(rig.server.traces(), ["pubrec #9", "pubcomp #9"]);
  }
  deepEqual(rig.inbox, ["i1", "i2"]);
});

clientRow("IB-12", "completes the handshake though the message has expired [MQTT-4.3.3-13] (5.0)", (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 9, messageExpiryInterval: 1 }));
  rig.server.takesAll();
  rig.advance(10_000);
  rig.server.sends(incoming("i1", 2, { packetId: 9, dup: true, messageExpiryInterval: 0 }), answer("pubrel", 9));
  deepEqual(rig.server.traces(), ["pubrec #9", "pubcomp #9"]);
  deepEqual(rig.inbox, ["i1"]);
});

for (const end of ["drop", "crash"] as const) {
  clientRowInBoth("IB-13", `keeps unreleased identifiers over a ${end}, and forgets them with a clean start`, {
    5: "§4.1",
    4: "§3.1.2.4",
  }, (rig) => {
    rig.begin();
    rig.server.sends(incoming("i1", 2, { packetId: 9 }));
    rig[end]();
    rig.resume();
    rig.server.quiet();
    rig.server.sends(incoming("i1", 2, { packetId: 9, dup: true }));
    deepEqual([rig.server.traces(), rig.inbox], [["pubrec #9"], ["i1"]]);
    rig[end]();
    rig.begin({ cleanStart: true });
    rig.server.sends(incoming("i2", 2, { packetId: 9 }));
    deepEqual([rig.server.traces(), rig.inbox], [["pubrec #9"], ["i1", "i2"]]);
  });
}

clientRowInBoth("IB-15", "acknowledges what it has no subscription for", "MQTT-4.5.0-2", (rig) => {
  rig.begin();
  rig.server.sends(
    incoming("i1", 1, { packetId: 1, topic: "never/asked/for" }),
    incoming("i2", 2, { packetId: 2, topic: "$SYS/never" }),
  );
  deepEqual(rig.server.traces(), ["puback #1", "pubrec #2"]);
});

clientRow(
  "IB-16",
  "finds what is wrong with a message before PUBREC, and refuses nothing at PUBREL [§4.4] (5.0)",
  (rig) => {
    rig.begin();
    rig.server.sends(incoming("i1", 2, { packetId: 9, topic: "a/#" }));
    deepEqual(rig.server.traces(), ["disconnect 0x90"]);
    deepEqual([rig.inbox, rig.stored.inbound.size], [[], 0]);
    rig.resume();
    rig.server.sends(incoming("i2", 2, { packetId: 9 }));
    deepEqual(rig.inbox, ["i2"]);
    rig.server.sends(answer("pubrel", 9));
    deepEqual(rig.server.takesAll(), [
      { type: "pubrec", packetId: 9, reasonCode: 0 },
      { type: "pubcomp", packetId: 9, reasonCode: 0 },
    ]);
  },
);

clientRow("IB-17", "hands over at the first PUBLISH, and at nothing after it [§4.3.3] (3.1.1)", (rig) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 9 }));
  deepEqual(rig.inbox, ["i1"]);
  rig.server.sends(incoming("i1", 2, { packetId: 9, dup: true }), answer("pubrel", 9), answer("pubrel", 9));
  deepEqual(rig.inbox, ["i1"]);
}, { version: 4 });

for (const qos of [1, 2] as const) {
  clientRowInBoth("IB-21", `takes a first PUBLISH of QoS ${qos} with DUP 1 for what it is`, "§3.3.1.1", (rig) => {
    rig.begin();
    rig.server.sends(incoming("i1", qos, { packetId: 9, dup: true }));
    deepEqual(rig.inbox, ["i1"]);
  });

  clientRowInBoth("IB-22", `acknowledges QoS ${qos} on no other connection than that of the PUBLISH`, {
    5: "MQTT-4.3.2-4, MQTT-4.3.3-8",
    4: "MQTT-4.3.2-2, MQTT-4.3.3-2",
  }, (rig) => {
    rig.begin();
    rig.hold();
    rig.server.sends(incoming("i1", qos, { packetId: 9 }));
    rig.drop();
    rig.dial();
    // The message is handed over after the next connection was asked for.
    rig.flush();
    rig.server.takes("connect");
    rig.accept({ sessionPresent: true });
    rig.server.quiet();
    deepEqual(rig.inbox, ["i1"]);
    rig.server.sends(incoming("i1", qos, { packetId: 9, dup: true }));
    deepEqual(rig.server.traces(), [qos === 1 ? "puback #9" : "pubrec #9"]);
    deepEqual(rig.inbox, qos === 1 ? ["i1", "i1"] : ["i1"]);
  });
}
