/** UNSUBSCRIBE: SB-24 to SB-30. */
import { deepEqual, equal } from "node:assert/strict";
import { lasting, rowInBoth } from "../support/both_versions.ts";
import { resume, route, subscriber } from "../support/deliveries.ts";
import { text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { traces } from "../support/seen.ts";

rowInBoth("SB-24", "compares filters of UNSUBSCRIBE exactly", "MQTT-3.10.4-1", async (rig, version) => {
  const a = await rig.connect(lasting(version));
  await a.subscribe("a/b", 1);
  for (const filter of ["a/+", "a/#", "a/B", "a/b/"]) {
    await a.send({ type: "unsubscribe", packetId: 1, filters: [filter] });
    a.take("unsuback");
  }
  await rig.broker.publish({ topic: "a/b", payload: text("m1"), qos: 1 });
  await rig.settle();
  equal(traces(a).length, 1);
  await a.send({ type: "unsubscribe", packetId: 1, filters: ["a/b"] });
  a.take("unsuback");
  equal((await rig.stored())?.subscriptions.size, 0);
});

rowInBoth("SB-25", "adds no new match after UNSUBSCRIBE", "MQTT-3.10.4-2", async (rig, version) => {
  const a = await subscriber(rig, version);
  await route(rig, 0, "before");
  deepEqual(traces(a), ["before q0"]);
  await a.send({ type: "unsubscribe", packetId: 1, filters: ["t"] });
  a.take("unsuback");
  await route(rig, 0, "m0");
  await route(rig, 1, "m1");
  await route(rig, 2, "m2");
  a.quiet();
  equal(await rig.queued(), 0);
});

rowInBoth(
  "SB-26",
  "completes started deliveries after UNSUBSCRIBE, over a reconnect too",
  "MQTT-3.10.4-3",
  async (rig, version) => {
    const a = await subscriber(rig, version);
    await route(rig, 2, "m1");
    const packetId = a.take("publish").packetId as number;
    await a.send({ type: "unsubscribe", packetId: 1, filters: ["t"] });
    await a.drop();
    const again = await resume(rig, version);
    deepEqual(traces(again), [`m1 q2 #${packetId} dup`]);
    await again.send({ type: "pubrec", packetId, reasonCode: 0 });
    deepEqual(traces(again), [`pubrel #${packetId}`]);
    await again.send({ type: "pubcomp", packetId, reasonCode: 0 });
    again.quiet();
    equal(await rig.queued(), 0);
  },
);

rowInBoth("SB-27", "delivers what was buffered before UNSUBSCRIBE", "§3.10.4", async (rig, version) => {
  const a = await rig.connect(lasting(version, version === 5 ? { receiveMaximum: 1 } : {}));
  await a.subscribe("t", 1);
  await route(rig, 1, "m1", "m2");
  await a.send({ type: "unsubscribe", packetId: 1, filters: ["t"] });
  await a.drop();
  deepEqual(traces(await resume(rig, version)).map((line) => line.slice(0, 5)), ["m1 q1", "m2 q1"]);
});

rowInBoth(
  "SB-28",
  "always answers UNSUBSCRIBE, even with a full queue and no match",
  "MQTT-3.10.4-4, MQTT-3.10.4-5",
  async (rig, version) => {
    const a = await rig.connect(lasting(version, version === 5 ? { receiveMaximum: 1 } : {}));
    await a.subscribe("t", 1);
    await route(rig, 1, ...Array.from({ length: 1_100 }, (_, index) => `m${index}`));
    a.takeAll();
    await a.send({ type: "unsubscribe", packetId: 123, filters: ["never"] });
    equal(a.take("unsuback").packetId, 123);
  },
);

rowInBoth("SB-29", "answers several filters with one UNSUBACK", "MQTT-3.10.4-6", async (rig, version) => {
  const a = await rig.connect(lasting(version));
  await a.subscribe("a", 1);
  await a.subscribe("b", 1);
  await a.send({ type: "unsubscribe", packetId: 5, filters: ["a", "b", "c"] });
  const unsuback = a.take("unsuback");
  deepEqual(unsuback.reasonCodes, version === 5 ? [0, 0, 0x11] : []);
  a.quiet();
});

row("SB-30", "gives UNSUBACK codes in filter order [MQTT-3.11.3-1] [MQTT-3.11.3-2]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.subscribe("known", 1);
  await a.send({ type: "unsubscribe", packetId: 5, filters: ["unknown", "known", "known", "bad/#/x"] });
  deepEqual(a.take("unsuback").reasonCodes, [0x11, 0x00, 0x11, 0x8f]);
});
