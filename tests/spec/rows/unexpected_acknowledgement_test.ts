/** Acknowledgements that are unknown, repeated or of the wrong kind: OB-14 to OB-16, OB-20, OB-21. */
import { deepEqual, equal } from "node:assert/strict";
import { rowInBoth } from "../support/both_versions.ts";
import { response, resume, route, subscriber } from "../support/deliveries.ts";
import { Rig } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, stillOpen, takeFirst, traces } from "../support/seen.ts";

row(
  "OB-14",
  "answers PUBREC for an unknown identifier with PUBREL 0x92, keeps nothing, stays connected (5.0)",
  async (rig) => {
    const a = await subscriber(rig, 5);
    await a.send(response("pubrec", 4_711));
    deepEqual(a.take("pubrel"), { type: "pubrel", packetId: 4_711, reasonCode: 0x92 });
    await a.send(response("pubcomp", 4_711, 0x92));
    a.quiet();
    stillOpen(a);
    deepEqual((await rig.stored())?.outbound, new Map());
    await a.drop();
    (await resume(rig, 5)).quiet();
  },
);

row("OB-15", "answers PUBREC for an unknown identifier with PUBREL, and stays connected (3.1.1)", async (rig) => {
  const a = await subscriber(rig, 4);
  await a.send(response("pubrec", 4_711));
  deepEqual(a.take("pubrel"), { type: "pubrel", packetId: 4_711, reasonCode: 0 });
  await a.send(response("pubcomp", 4_711));
  a.quiet();
  stillOpen(a);
  await a.drop();
  (await resume(rig, 4)).quiet();
});

rowInBoth("OB-16", "answers a repeated PUBREC with PUBREL again: one completion, and no quota for it", {
  5: "MQTT-4.3.3-4",
  4: "MQTT-4.3.3-1",
}, async (_, version) => {
  const rig = new Rig({ limits: { maximumInFlight: 1 } });
  const a = await subscriber(rig, version);
  await route(rig, 2, "m1", "m2");
  const id = takeFirst(a, "m1", 2);
  await a.send(response("pubrec", id));
  await a.send(response("pubrec", id));
  await a.send(response("pubrec", id));
  deepEqual(traces(a), [`pubrel #${id}`, `pubrel #${id}`, `pubrel #${id}`]);
  await a.send(response("pubcomp", id));
  takeFirst(a, "m2", 2);
  a.quiet();
  equal(rig.observed.filter((event) => event.type === "delivered").length, 1);
});

for (
  const { wrong, qos, given } of [
    { wrong: "puback", qos: 2, given: "PUBREC is awaited" },
    { wrong: "pubcomp", qos: 2, given: "PUBREC is awaited" },
    { wrong: "pubrec", qos: 1, given: "PUBACK is awaited" },
    { wrong: "pubcomp", qos: 1, given: "PUBACK is awaited" },
  ] as const
) {
  rowInBoth(
    "OB-20",
    `closes on ${wrong} where ${given}, and sends the entry again on resume`,
    "§4.3.2, §4.3.3",
    async (rig, version) => {
      const a = await subscriber(rig, version);
      await route(rig, qos, "m1");
      const id = takeFirst(a, "m1", qos);
      await a.send(response(wrong, id));
      closedWith(a, version, 0x82);
      deepEqual(traces(await resume(rig, version)), [`m1 q${qos} #${id} dup`]);
    },
  );
}

rowInBoth(
  "OB-20",
  "closes on puback where PUBCOMP is awaited, and sends PUBREL again on resume",
  "§4.3.3",
  async (rig, version) => {
    const a = await subscriber(rig, version);
    await route(rig, 2, "m1");
    const id = takeFirst(a, "m1", 2);
    await a.send(response("pubrec", id));
    deepEqual(traces(a), [`pubrel #${id}`]);
    await a.send(response("puback", id));
    closedWith(a, version, 0x82);
    deepEqual(traces(await resume(rig, version)), [`pubrel #${id}`]);
  },
);

rowInBoth(
  "OB-21",
  "ignores PUBACK and PUBCOMP for an unknown identifier, reports them, and gives no quota for them",
  "§4.3.2",
  async (_, version) => {
    const rig = new Rig({ limits: { maximumInFlight: 2 } });
    const a = await subscriber(rig, version);
    await a.send(response("puback", 4_711), response("pubcomp", 4_712), response("puback", 4_711));
    await route(rig, 1, "m1", "m2", "m3");
    const first = takeFirst(a, "m1", 1);
    takeFirst(a, "m2", 1);
    await a.send(response("puback", first), response("puback", first), response("pubcomp", 4_711));
    takeFirst(a, "m3", 1);
    a.quiet();
    stillOpen(a);
    await route(rig, 1, "m4");
    a.quiet();
    const reported = rig.observed.flatMap((event) => event.type === "diagnosed" ? [event.packetId] : []);
    deepEqual(reported, [4_711, 4_712, 4_711, first, 4_711]);
  },
);
