import { deepEqual, equal, throws } from "node:assert/strict";
import type { AuthPacket } from "../../../src/machine/mod.ts";
import { answer, incoming } from "../support/client_rig.ts";
import { clientRow } from "../support/client_row.ts";

const METHOD = { authenticationMethod: "SCRAM" };

function auth(reasonCode: number, authenticationMethod = "SCRAM"): AuthPacket {
  return { type: "auth", reasonCode, authenticationMethod };
}

clientRow("AU-01", "sends AUTH and DISCONNECT alone until CONNACK [MQTT-3.1.2-30] (5.0)", (rig) => {
  equal(rig.connect({ ...METHOD, keepAlive: 1 }).authenticationMethod, "SCRAM");
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.publish("m0", 0);
  rig.subscribe("t");
  rig.advance(5_000);
  rig.server.quiet();
  rig.server.sends(auth(0x18));
  rig.step({ type: "authRequested", reasonCode: 0x18 });
  deepEqual(rig.server.traces(), ["auth 0x18"]);
  rig.accept(METHOD);
  deepEqual([...rig.server.traces()].sort(), ["m0 q0", "m1 q1 #2", "m2 q2 #3", "subscribe #65535"]);
}, { policy: { qos0WhileOffline: "queue" } });

clientRow("AU-02", "goes on with 0x18, both ways [MQTT-4.12.0-2, MQTT-4.12.0-3] (5.0)", (rig) => {
  rig.connect(METHOD);
  for (const step of [1, 2, 3]) {
    const authenticationData = new Uint8Array([step]);
    rig.server.sends({ ...auth(0x18), authenticationData });
    deepEqual(rig.told("authReceived"), [{ type: "authReceived", packet: { ...auth(0x18), authenticationData } }]);
    rig.step({ type: "authRequested", reasonCode: 0x18, authenticationData });
    deepEqual(rig.server.takesAll(), [{ ...auth(0x18), authenticationData }]);
  }
  rig.accept(METHOD);
  equal(rig.session.online, true);
});

for (const code of [0x00, 0x19, 0x87]) {
  const named = `0x${code.toString(16).padStart(2, "0")}`;
  clientRow("AU-02", `closes at AUTH ${named} before CONNACK [MQTT-4.12.0-2] (5.0)`, (rig) => {
    rig.connect(METHOD);
    rig.server.sends(auth(code));
    deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
  });
}

clientRow("AU-03", "closes at AUTH with another method, before CONNACK and after [MQTT-4.12.0-5] (5.0)", (rig) => {
  rig.connect(METHOD);
  rig.server.sends(auth(0x18, "other"));
  deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
  rig.begin(METHOD, METHOD);
  rig.server.sends(auth(0x18, "other"));
  deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
});

for (const connack of [{}, { authenticationMethod: "other" }]) {
  const named = "authenticationMethod" in connack ? "with another method" : "without its method";
  clientRow("AU-03", `closes at a CONNACK ${named} [MQTT-4.12.0-5] (5.0)`, (rig) => {
    rig.connect(METHOD);
    rig.accept(connack);
    deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
    deepEqual(rig.told("connected"), []);
  });
}

clientRow(
  "AU-04",
  "closes at AUTH without a method in CONNECT, before CONNACK and after [MQTT-4.12.0-6] (5.0)",
  (rig) => {
    rig.connect();
    rig.server.sends(auth(0x18));
    deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
    rig.begin();
    rig.server.sends(auth(0x00));
    deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
  },
);

clientRow("AU-04", "takes no CONNACK with a method, and sends no AUTH, without one [MQTT-4.12.0-7] (5.0)", (rig) => {
  rig.connect();
  throws(() => rig.step({ type: "authRequested", reasonCode: 0x18 }), TypeError);
  rig.accept(METHOD);
  deepEqual([rig.server.traces(), rig.open], [["disconnect 0x82"], false]);
  rig.begin();
  throws(() => rig.step({ type: "authRequested", reasonCode: 0x19 }), TypeError);
  rig.server.quiet();
});

clientRow("AU-07", "authenticates again only once it is connected with a method [MQTT-4.12.1-1] (5.0)", (rig) => {
  rig.connect(METHOD);
  throws(() => rig.step({ type: "authRequested", reasonCode: 0x19 }), TypeError);
  rig.server.quiet();
  rig.accept(METHOD);
  rig.step({ type: "authRequested", reasonCode: 0x19 });
  deepEqual(rig.server.takesAll(), [auth(0x19)]);
  rig.server.sends(auth(0x18));
  rig.step({ type: "authRequested", reasonCode: 0x18 });
  deepEqual(rig.server.takesAll(), [auth(0x18)]);
  rig.server.sends(auth(0x00));
  deepEqual(rig.told("authReceived").map(({ packet }) => packet.reasonCode), [0x18, 0x00]);
  equal(rig.open, true);
});

clientRow(
  "AU-08",
  "closes when it is not authenticated again, and its session follows its interval [MQTT-4.12.1-2] (5.0)",
  (rig) => {
    rig.begin(METHOD, METHOD);
    rig.publish("m1");
    rig.step({ type: "authRequested", reasonCode: 0x19 });
    rig.server.sends({ type: "disconnect", reasonCode: 0x87 });
    equal(rig.open, false);
    rig.resume(METHOD, METHOD);
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  },
);

clientRow("AU-09", "goes on with all else while it authenticates again [§4.12.1] (5.0)", (rig) => {
  rig.begin(METHOD, METHOD);
  rig.publish("m1", 2);
  rig.step({ type: "authRequested", reasonCode: 0x19 });
  rig.publish("m2");
  rig.server.sends(incoming("i1", 2, { packetId: 1 }), answer("pubrec", 2), auth(0x18), answer("puback", 3));
  rig.subscribe("t");
  deepEqual(rig.server.traces(), ["m1 q2 #2", "auth 0x19", "m2 q1 #3", "pubrec #1", "pubrel #2", "subscribe #65535"]);
});
