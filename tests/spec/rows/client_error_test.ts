import { deepEqual, equal, throws } from "node:assert/strict";
import { fromMqttPacket, reasonCodeOfParserError } from "../../../src/hosts/mqtt_packet.ts";
import type { ClientEvent, ServerPacket } from "../../../src/machine/mod.ts";
import { parse } from "../../support/mqtt_packet_codec.ts";
import { answer, type ClientRig, incoming } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

/** Bytes as a client takes them in: through the real codec, which may find that they are no packet. */
function receiveBytes(rig: ClientRig, bytes: readonly number[]): void {
  const { packets, errors } = parse(new Uint8Array(bytes), rig.version);
  for (const parsed of packets) {
    const taken = fromMqttPacket(parsed);
    // What is fed in is a server's.
    if (taken.ok) rig.receive(taken.packet as ServerPacket);
    else rig.step({ type: "packetMalformed", reasonCode: taken.reasonCode });
  }
  for (const error of errors) rig.step({ type: "packetMalformed", reasonCode: reasonCodeOfParserError(error) });
}

const LATE: readonly ClientEvent[] = [
  { type: "packetReceived", packet: incoming("i1", 1, { packetId: 1 }) },
  { type: "packetReceived", packet: answer("pubrec", 9) },
  { type: "packetMalformed", reasonCode: 0x81 },
  { type: "timePassed" },
  { type: "connectionClosed" },
  { type: "disconnectRequested" },
];

clientRowInBoth("ER-02", "sends nothing after DISCONNECT, and closes", {
  5: "MQTT-3.14.4-1, MQTT-3.14.4-2",
  4: "MQTT-3.14.4-2, MQTT-3.14.4-1",
}, (rig) => {
  rig.begin({ keepAlive: 10 });
  rig.disconnect();
  deepEqual([rig.server.traces(), rig.open], [["disconnect"], false]);
  const before = rig.stored;
  for (const event of LATE) {
    const { changes, effects, requests } = rig.step(event);
    deepEqual([changes, effects, requests], [[], [], []]);
  }
  deepEqual([rig.stored, rig.inbox], [before, []]);
});

clientRow("ER-03", "sends DISCONNECT with the codes of a client alone [MQTT-3.14.2-1] (5.0)", (rig) => {
  const legal = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
  rig.begin();
  for (let code = 0; code <= 0xff; code++) {
    if (!legal.includes(code)) {
      throws(() => rig.disconnect({ reasonCode: code }), RangeError);
      rig.server.quiet();
      continue;
    }
    rig.disconnect({ reasonCode: code });
    equal(rig.server.takes("disconnect").reasonCode, code);
    rig.resume();
  }
});

for (const code of [0x04, 0x01, 0x10, 0x85, 0x91, 0xff]) {
  const named = `0x${code.toString(16).padStart(2, "0")}`;
  clientRow("ER-03", `does not take DISCONNECT ${named} of a server for one [MQTT-3.14.2-1] (5.0)`, (rig) => {
    rig.begin();
    rig.server.sends({ type: "disconnect", reasonCode: code });
    deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
    deepEqual(rig.told("serverDisconnected"), []);
  });
}

clientRow("ER-04", "takes a DISCONNECT without a code for 0x00 [§3.14.2.1] (5.0)", (rig) => {
  rig.begin();
  receiveBytes(rig, [0xe0, 0]);
  rig.server.quiet();
  deepEqual(rig.told("serverDisconnected").map(({ packet }) => packet.reasonCode), [0]);
  equal(rig.open, false);
});

for (const code of [0x00, 0x80, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x98, 0x9c, 0x9d, 0xa0]) {
  const named = `0x${code.toString(16).padStart(2, "0")}`;
  clientRow("ER-05", `closes at the server's DISCONNECT ${named}, and keeps its session [§3.14.4] (5.0)`, (rig) => {
    rig.begin();
    rig.publish("m1");
    rig.server.takesAll();
    rig.server.sends({ type: "disconnect", reasonCode: code });
    rig.server.quiet();
    equal(rig.open, false);
    equal(rig.told("serverDisconnected")[0]?.packet.reasonCode, code);
    rig.resume();
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  });
}

const FAULTS: readonly (readonly [name: string, packet: ServerPacket])[] = [
  ["a second CONNACK", { type: "connack", sessionPresent: false, reasonCode: 0 }],
  ["PUBACK without an identifier", answer("puback", 0)],
  ["PUBREL without an identifier", answer("pubrel", 0)],
  ["SUBACK that nothing asked for", { type: "suback", packetId: 5, reasonCodes: [0] }],
  ["QoS 0 with DUP 1", incoming("i0", 0, { dup: true })],
];

for (const [name, packet] of FAULTS) {
  clientRow("ER-08", `says DISCONNECT 0x82 and closes at ${name}, and keeps its session [§4.13.1] (5.0)`, (rig) => {
    rig.begin();
    rig.publish("m1");
    rig.server.takesAll();
    rig.server.sends(packet);
    deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
    rig.resume();
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  });

  clientRow("ER-11", `closes at ${name}, and keeps its session [MQTT-4.8.0-1, MQTT-4.8.0-2] (3.1.1)`, (rig) => {
    rig.begin();
    rig.publish("m1");
    rig.server.takesAll();
    rig.server.sends(packet);
    deepEqual([rig.server.traces(), rig.open], [[], false]);
    rig.resume();
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  }, { version: 4 });
}

clientRow("LC-18", "closes with 0x82 at a second CONNACK [MQTT-3.2.0-2] (5.0)", (rig) => {
  rig.begin();
  rig.accept();
  deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
});

clientRow(
  "ER-08",
  "says DISCONNECT and closes at a packet before CONNACK, and keeps its session [§4.13.1] (5.0)",
  (rig) => {
    rig.begin();
    rig.publish("m1");
    rig.drop();
    rig.connect();
    rig.server.sends(incoming("i1", 1, { packetId: 1 }));
    deepEqual([rig.server.traces(), rig.open, rig.inbox], [["disconnect 0x82"], false, []]);
    rig.resume();
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  },
);

for (const code of [0x80, 0x84, 0x85, 0x86, 0x87, 0x88, 0x97, 0x9c, 0x9f]) {
  const named = `0x${code.toString(16)}`;
  clientRow("ER-09", `closes at CONNACK ${named}, and its session is as it was [MQTT-4.13.2-1] (5.0)`, (rig) => {
    rig.begin();
    rig.publish("m1");
    rig.drop();
    const before = rig.stored;
    rig.connect();
    rig.accept({ reasonCode: code });
    rig.server.quiet();
    equal(rig.open, false);
    equal(rig.told("connectRefused")[0]?.connack.reasonCode, code);
    deepEqual([rig.stored, rig.log], [before, ["m1"]]);
  });
}

clientRow("ER-09", "closes at DISCONNECT 0x80 and above, and after its own [MQTT-4.13.2-1] (5.0)", (rig) => {
  rig.begin();
  rig.server.sends({ type: "disconnect", reasonCode: 0x8b });
  deepEqual([rig.server.traces(), rig.open], [[], false]);
  rig.resume();
  rig.disconnect({ reasonCode: 0x80 });
  deepEqual([rig.server.traces(), rig.open], [["disconnect 0x80"], false]);
});

clientRow("ER-10", "lets an acknowledgement of 0x80 and above concern its own packet alone [§4.13.2] (5.0)", (rig) => {
  rig.begin();
  for (const payload of ["m1", "m2", "m3"]) rig.publish(payload);
  rig.server.takesAll();
  rig.server.sends(answer("puback", 3, 0x80));
  deepEqual([rig.open, rig.log], [true, ["m1", "m3"]]);
  deepEqual(rig.told("deliveryCompleted").map(({ sequence, reasonCode }) => [sequence, reasonCode]), [[2, 0x80]]);
  rig.server.sends({ type: "suback", packetId: 5, reasonCodes: [0] });
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m3 q1 #4 dup"]);
});

clientRowInBoth(
  "ER-12",
  "closes the connection for an error, while its session goes on by its own rules",
  "§4.13",
  (rig) => {
    rig.begin();
    rig.publish("m1");
    rig.server.sends(incoming("i1", 2, { packetId: 7 }), answer("pubrel", 0));
    equal(rig.open, false);
    rig.resume();
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
    rig.server.sends(incoming("i1", 2, { packetId: 7, dup: true }));
    deepEqual(rig.inbox, ["i1"]);
  },
);

clientRow("ER-12", "ends with the connection what an interval of 0 keeps no longer [§4.13] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 0 });
  rig.server.sends(incoming("i1", 2, { packetId: 7 }), answer("pubrel", 0));
  equal(rig.stored.inbound.size, 0);
  rig.begin();
});

clientRowInBoth("ER-13", "closes at a PUBREL with wrong fixed-header bits, and the identifier stays unreleased", {
  5: "MQTT-3.6.1-1",
  4: "MQTT-3.6.1-1",
}, (rig, version) => {
  rig.begin();
  rig.server.sends(incoming("i1", 2, { packetId: 7 }));
  for (const first of [0x60, 0x61, 0x63, 0x66, 0x6a]) {
    rig.server.takesAll();
    receiveBytes(rig, [first, 2, 0, 7]);
    deepEqual([rig.server.traces(), rig.open], [version === 5 ? ["disconnect 0x81"] : [], false]);
    rig.resume();
    rig.server.sends(incoming("i1", 2, { packetId: 7, dup: true }));
    deepEqual(rig.inbox, ["i1"]);
  }
  rig.server.takesAll();
  receiveBytes(rig, [0x62, 2, 0, 7]);
  deepEqual(rig.server.traces(), ["pubcomp #7"]);
});

clientRow("ER-13", "does not take a DISCONNECT with wrong fixed-header bits for one [MQTT-3.14.1-1] (5.0)", (rig) => {
  rig.begin();
  for (const first of [0xe1, 0xe2, 0xe4, 0xe8]) {
    receiveBytes(rig, [first, 0]);
    deepEqual([rig.server.traces(), rig.open], [["disconnect 0x81"], false]);
    deepEqual(rig.told("serverDisconnected"), []);
    rig.resume();
  }
});

clientRow(
  "ER-14",
  "says that coming back at once would only take turns, at DISCONNECT 0x8E [§3.14.2.1] (5.0)",
  (rig) => {
    rig.begin();
    rig.server.sends({ type: "disconnect", reasonCode: 0x8e });
    rig.resume();
    rig.server.sends({ type: "disconnect", reasonCode: 0x8b });
    deepEqual(rig.told("serverDisconnected").map(({ mayReconnect }) => mayReconnect), [false, true]);
  },
);

for (const how of ["CONNACK", "DISCONNECT"] as const) {
  clientRow(
    "ER-15",
    `lets Session Present of the new server decide after a redirect in ${how} [§4.11] (5.0)`,
    (rig) => {
      rig.begin();
      rig.publish("m1");
      const redirect = { reasonCode: 0x9c, serverReference: "other" } as const;
      if (how === "DISCONNECT") {
        rig.server.sends({ type: "disconnect", ...redirect });
        equal(rig.told("serverDisconnected")[0]?.packet.serverReference, "other");
      } else {
        rig.drop();
        rig.connect();
        rig.accept(redirect);
        equal(rig.told("connectRefused")[0]?.connack.serverReference, "other");
      }
      deepEqual(rig.log, ["m1"]);
      rig.begin();
      rig.server.quiet();
      deepEqual(rig.log, []);
      deepEqual(rig.told("messageDropped").map(({ reason }) => reason), ["sessionLost"]);
    },
  );
}

for (const type of ["suback", "unsuback"] as const) {
  clientRowInBoth("ER-16", `takes ${type} that nothing asked for as an error, and touches no message`, {
    5: "MQTT-2.2.1-6",
    4: "MQTT-2.3.1-7",
  }, (rig, version) => {
    rig.begin();
    rig.publish("m1");
    rig.server.takesAll();
    rig.server.sends({ type, packetId: 2, reasonCodes: type === "unsuback" && version === 4 ? [] : [0] });
    deepEqual([rig.server.traces(), rig.open], [version === 5 ? ["disconnect 0x82"] : [], false]);
    deepEqual(rig.log, ["m1"]);
    rig.resume();
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  });
}
