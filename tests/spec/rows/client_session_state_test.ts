import { deepEqual, equal } from "node:assert/strict";
import { nextDeadline } from "../../../src/machine/mod.ts";
import { named } from "../support/both_versions.ts";
import { answer, ClientRig, incoming } from "../support/client_rig.ts";
import { clientRow, clientRowInBoth } from "../support/client_row.ts";

const YEAR_MS = 365 * 24 * 3_600_000;

clientRowInBoth(
  "ST-01",
  "keeps what is not fully acknowledged, out and in, and nothing else",
  { 5: "§4.1", 4: "§3.1.2.4" },
  (rig, version) => {
    rig.begin();
    rig.subscribe("t");
    rig.publish("m0", 0);
    rig.publish("m1", 1);
    rig.publish("m2", 2);
    rig.publish("m3", 2);
    rig.publish("m4", 1);
    rig.server.sends(answer("pubrec", 4), answer("puback", 5));
    const aliased = version === 5 ? { topicAlias: 1 } : {};
    rig.server.sends(
      incoming("i0", 0, aliased),
      incoming("i1", 1, { packetId: 8 }),
      incoming("i2", 2, { packetId: 7 }),
      incoming("i3", 2, { packetId: 9 }),
      answer("pubrel", 9),
    );
    const { clientId, head, incarnation, ...state } = rig.stored;
    deepEqual(state, {
      subscriptions: new Map(),
      outbound: new Map([[3, { packetId: 4, phase: "released", pubrecOrder: 0 }]]),
      quarantine: new Set(),
      inbound: new Set([7]),
    });
    deepEqual([clientId, typeof incarnation, head.connectedAt], ["c", "string", 1_700_000_000_000]);
    deepEqual(rig.log, ["m1", "m2"]);
  },
);

clientRow("ST-05", "drops nothing of its session while connected, however long that is [MQTT-4.1.0-1] (5.0)", (rig) => {
  rig.begin({ sessionExpiryInterval: 1 });
  rig.publish("m1", 2);
  rig.server.sends(incoming("i1", 2, { packetId: 7 }));
  const before = rig.stored;
  rig.advance(100 * YEAR_MS);
  equal(nextDeadline(rig.session), undefined);
  deepEqual(rig.stored, before);
  deepEqual(rig.log, ["m1"]);
  equal(rig.open, true);
});

clientRow(
  "ST-06",
  "keeps its session as long as it lives, and while it is connected [MQTT-4.1.0-1, MQTT-4.1.0-2] (3.1.1)",
  (rig) => {
    rig.begin();
    rig.publish("m1", 2);
    rig.server.sends(incoming("i1", 2, { packetId: 7 }));
    rig.advance(100 * YEAR_MS);
    deepEqual([...rig.stored.inbound], [7]);
    rig.drop();
    rig.advance(100 * YEAR_MS);
    deepEqual([...rig.stored.inbound], [7]);
    rig.resume();
    deepEqual(rig.server.traces(), ["m1 q2 #2 dup"]);
  },
  { version: 4 },
);

clientRow(
  "ST-09",
  "carries no quota and no Topic Alias over to the next connection [§4.9, MQTT-3.3.2-7, §3.1.2.11.3] (5.0)",
  (rig) => {
    rig.begin({}, { receiveMaximum: 1 });
    rig.publish("m1");
    rig.publish("m2");
    rig.publish("m3");
    deepEqual(rig.server.traces(), ["m1 q1 #2"]);
    rig.server.sends(incoming("i1", 1, { packetId: 1, topicAlias: 1 }));
    rig.drop();
    rig.resume({ receiveMaximum: 2 });
    deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q1 #3"]);
    rig.server.sends(incoming("i2", 1, { packetId: 2, topic: "", topicAlias: 1 }));
    deepEqual(rig.server.traces(), ["disconnect 0x82"]);
    equal(rig.open, false);
    deepEqual(rig.inbox, ["i1"]);
  },
);

for (const version of [5, 4] as const) {
  Deno.test(`ST-10 C: keeps one session for each Client Identifier [MQTT-3.1.3-2] (${named(version)})`, () => {
    const c = new ClientRig({ version });
    const d = new ClientRig({ version, clientId: "d" });
    c.begin();
    c.publish("m1");
    c.drop();
    equal(d.connect().clientId, "d");
    d.accept();
    d.server.quiet();
    c.server.takesAll();
    equal(c.connect().clientId, "c");
    c.accept({ sessionPresent: true });
    deepEqual(c.server.traces(), ["m1 q1 #2 dup"]);
  });
}

clientRowInBoth(
  "ST-11",
  "takes a session that it has half forgotten for one that does not exist",
  { 5: "§3.1.2.11.2", 4: "§3.1.2.4" },
  (rig, version) => {
    rig.begin();
    for (const payload of ["m1", "m2", "m3", "m4", "m5"]) rig.publish(payload);
    rig.drop();
    rig.connect();
    rig.hold();
    rig.accept();
    // That it is none that exists, and the loss of its first page.
    rig.flush(2);
    deepEqual(rig.log, ["m3", "m4", "m5"]);
    rig.crash();
    const { cleanStart } = rig.connect();
    equal(cleanStart, version === 5);
    rig.accept({ sessionPresent: version === 4 });
    rig.server.quiet();
    deepEqual(rig.log, []);
    deepEqual(rig.told("messageDropped").map(({ reason, sequence }) => `${reason} ${sequence}`), [
      "sessionLost 1",
      "sessionLost 2",
      "sessionLost 3",
      "sessionLost 4",
      "sessionLost 5",
    ]);
  },
  { limits: { pageMessages: 2 } },
);
