/** Outbound delivery, the server as the sender: OB-01 to OB-19; what does not fit stands in unexpected_acknowledgement_test. */
import { deepEqual, equal } from "node:assert/strict";
import { rowInBoth } from "../support/both_versions.ts";
import { publisher, response, resume, route, subscriber } from "../support/deliveries.ts";
import { Rig } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { stillOpen, takeFirst, traces } from "../support/seen.ts";

const HOUR_MS = 3_600_000;

rowInBoth("OB-01", "sends QoS 0 once, with DUP 0, and keeps nothing of it", "MQTT-4.3.1-1", async (rig, version) => {
  const a = await subscriber(rig, version);
  await route(rig, 0, "m1");
  deepEqual(traces(a), ["m1 q0"]);
  equal(await rig.queued(), 0);
  await a.drop();
  const again = await resume(rig, version);
  again.quiet();
  await rig.crash();
  const afterCrash = await resume(rig, version);
  afterCrash.quiet();
});

rowInBoth("OB-02", "sends QoS 1 first with DUP 0 and an unused identifier, and then awaits PUBACK", {
  5: "MQTT-4.3.2-2",
  4: "MQTT-4.3.2-1",
}, async (rig, version) => {
  const a = await subscriber(rig, version);
  await route(rig, 1, "m1", "m2");
  const first = takeFirst(a, "m1", 1);
  const second = takeFirst(a, "m2", 1);
  a.quiet();
  equal(first === second, false);
  await a.send(response("puback", second));
  await a.drop();
  deepEqual(traces(await resume(rig, version)), [`m1 q1 #${first} dup`]);
});

rowInBoth("OB-03", "keeps a QoS 1 message unacknowledged until its own PUBACK, however long that takes", {
  5: "MQTT-4.3.2-3",
  4: "MQTT-4.3.2-1",
}, async (rig, version) => {
  const never = version === 5 ? { sessionExpiryInterval: 0xffff_ffff } : {};
  const a = await subscriber(rig, version, never);
  await route(rig, 1, "m1");
  const id = takeFirst(a, "m1", 1);
  await rig.advance(HOUR_MS);
  await a.send(response("puback", id % 65_535 + 1));
  a.quiet();
  await a.drop();
  await rig.advance(1_000 * HOUR_MS);
  const again = await resume(rig, version, never);
  deepEqual(traces(again), [`m1 q1 #${id} dup`]);
  await again.send(response("puback", id));
  await again.drop();
  (await resume(rig, version, never)).quiet();
});

rowInBoth("OB-04", "sends QoS 2 first with DUP 0 and an unused identifier, and then awaits PUBREC", {
  5: "MQTT-4.3.3-2",
  4: "MQTT-4.3.3-1",
}, async (rig, version) => {
  const a = await subscriber(rig, version);
  await route(rig, 2, "m1", "m2");
  const first = takeFirst(a, "m1", 2);
  const second = takeFirst(a, "m2", 2);
  a.quiet();
  equal(first === second, false);
  await a.send(response("pubrec", first));
  deepEqual(traces(a), [`pubrel #${first}`]);
});

rowInBoth("OB-05", "sends a QoS 2 message again with DUP 1 when the connection breaks before its PUBREC", {
  5: "MQTT-4.3.3-3",
  4: "MQTT-4.3.3-1",
}, async (rig, version) => {
  const a = await subscriber(rig, version);
  await route(rig, 2, "m1");
  const id = takeFirst(a, "m1", 2);
  await a.drop();
  const again = await resume(rig, version);
  deepEqual(traces(again), [`m1 q2 #${id} dup`]);
  await again.send(response("pubrec", id));
  deepEqual(traces(again), [`pubrel #${id}`]);
});

for (const reasonCode of [0x00, 0x10]) {
  row(
    "OB-06",
    `answers PUBREC 0x${reasonCode.toString(16).padStart(2, "0")} with PUBREL [MQTT-4.3.3-4] (5.0)`,
    async (rig) => {
      const a = await subscriber(rig, 5);
      await route(rig, 2, "m1");
      const id = takeFirst(a, "m1", 2);
      await a.send(response("pubrec", id, reasonCode));
      deepEqual(a.take("pubrel"), { type: "pubrel", packetId: id, reasonCode: 0 });
      await a.drop();
      deepEqual(traces(await resume(rig, 5)), [`pubrel #${id}`]);
    },
  );
}

row("OB-07", "answers every PUBREC with PUBREL [MQTT-4.3.3-1] (3.1.1)", async (rig) => {
  const a = await subscriber(rig, 4);
  await route(rig, 2, "m1", "m2");
  const first = takeFirst(a, "m1", 2);
  const second = takeFirst(a, "m2", 2);
  await a.send(response("pubrec", second), response("pubrec", first), response("pubrec", second));
  deepEqual(traces(a), [`pubrel #${second}`, `pubrel #${first}`, `pubrel #${second}`]);
});

rowInBoth("OB-08", "sends PUBREL again, and it alone, when the connection breaks before its PUBCOMP", {
  5: "MQTT-4.3.3-5",
  4: "MQTT-4.3.3-1",
}, async (rig, version) => {
  const a = await subscriber(rig, version);
  await route(rig, 2, "m1");
  const id = takeFirst(a, "m1", 2);
  await a.send(response("pubrec", id));
  await a.drop();
  const again = await resume(rig, version);
  deepEqual(traces(again), [`pubrel #${id}`]);
  await again.send(response("pubcomp", id));
  await again.drop();
  (await resume(rig, version)).quiet();
});

rowInBoth("OB-09", "never sends the PUBLISH again once PUBREL was sent, over any number of reconnects and crashes", {
  5: "MQTT-4.3.3-6",
  4: "MQTT-4.3.3-1",
}, async (rig, version) => {
  let a = await subscriber(rig, version);
  await route(rig, 2, "m1");
  const id = takeFirst(a, "m1", 2);
  await a.send(response("pubrec", id));
  deepEqual(traces(a), [`pubrel #${id}`]);
  for (const end of ["drop", "crash", "takeover", "disconnect", "drop", "crash"]) {
    if (end === "drop") await a.drop();
    if (end === "crash") await rig.crash();
    if (end === "disconnect") await a.send({ type: "disconnect", reasonCode: 0 });
    a = await resume(rig, version);
    deepEqual(traces(a), [`pubrel #${id}`]);
  }
  await a.send(response("pubcomp", id));
  await rig.crash();
  (await resume(rig, version)).quiet();
});

for (const [type, qos] of [["puback", 1], ["pubrec", 2]] as const) {
  row("OB-10", `counts ${type} 0x87 as acknowledged, and never sends again [MQTT-4.4.0-2] (5.0)`, async (rig) => {
    const a = await subscriber(rig, 5);
    await route(rig, qos, "m1");
    const id = takeFirst(a, "m1", qos);
    await a.send(response(type, id, 0x87));
    a.quiet();
    const told = rig.observed.filter((event) => event.type === "delivered");
    deepEqual(told, [{ type: "delivered", clientId: "a", sequence: 1, reasonCode: 0x87 }]);
    await a.drop();
    const again = await resume(rig, 5);
    await rig.crash();
    const afterCrash = await resume(rig, 5);
    again.quiet();
    afterCrash.quiet();
    equal(await rig.queued(), 0);
  });
}

row("OB-11", "ends an exchange on PUBREC 0x97: no PUBREL, and the quota is back [MQTT-4.3.3-4] (5.0)", async (rig) => {
  const a = await subscriber(rig, 5, { receiveMaximum: 1 });
  await route(rig, 2, "m1", "m2");
  const first = takeFirst(a, "m1", 2);
  a.quiet();
  await a.send(response("pubrec", first, 0x97));
  const second = takeFirst(a, "m2", 2);
  a.quiet();
  // The identifier is not in use any more: a PUBREC for it is one for an unknown identifier.
  await a.send(response("pubrec", first));
  deepEqual(traces(a), [`pubrel #${first} 0x92`]);
  await a.drop();
  deepEqual(traces(await resume(rig, 5)), [`m2 q2 #${second} dup`]);
});

row(
  "OB-12",
  "takes No matching subscribers for a success, which only a server tells, as PUBACK and as PUBREC (5.0)",
  async (rig) => {
    const p = await publisher(rig, 5);
    await p.publish("nobody", { qos: 1, packetId: 1 });
    await p.publish("nobody", { qos: 2, packetId: 2 });
    deepEqual(traces(p), ["puback #1 0x10", "pubrec #2 0x10"]);
    await p.publish("nobody", { qos: 2, packetId: 2, dup: true });
    await p.send(response("pubrel", 2));
    deepEqual(traces(p), ["pubrec #2", "pubcomp #2"]);

    const old = await publisher(rig, 4, { clientId: "p4" });
    await old.publish("nobody", { qos: 1, packetId: 1 });
    await old.publish("nobody", { qos: 2, packetId: 2 });
    deepEqual(traces(old), ["puback #1", "pubrec #2"]);
  },
);

for (const reasonCode of [0x00, 0x92]) {
  row(
    "OB-13",
    `ends an exchange on PUBCOMP 0x${reasonCode.toString(16).padStart(2, "0")}, and the quota is back once (5.0)`,
    async (rig) => {
      const a = await subscriber(rig, 5, { receiveMaximum: 1 });
      await route(rig, 2, "m1", "m2", "m3");
      const first = takeFirst(a, "m1", 2);
      await a.send(response("pubrec", first));
      deepEqual(traces(a), [`pubrel #${first}`]);
      await a.send(response("pubcomp", first, reasonCode), response("pubcomp", first, reasonCode));
      const second = takeFirst(a, "m2", 2);
      a.quiet();
      stillOpen(a);
      await a.drop();
      deepEqual(traces(await resume(rig, 5, { receiveMaximum: 1 })), [`m2 q2 #${second} dup`]);
    },
  );
}

row(
  "OB-17",
  "sends a started QoS 2 message again although its interval has passed [MQTT-4.3.3-7] (5.0)",
  async (rig) => {
    const a = await subscriber(rig, 5);
    const p = await publisher(rig, 5);
    await p.publish("t", { qos: 2, packetId: 1, messageExpiryInterval: 5 });
    const id = takeFirst(a, "m", 2);
    await a.drop();
    await rig.advance(60_000);
    const again = await resume(rig, 5);
    deepEqual(traces(again), [`m q2 #${id} dup`]);
    await again.send(response("pubrec", id));
    await again.send(response("pubcomp", id));
    deepEqual(traces(again), [`pubrel #${id}`]);
  },
);

rowInBoth(
  "OB-18",
  "sends further messages under other identifiers while acknowledgements are pending",
  "§4.3.2, §4.3.3",
  async (_, version) => {
    const rig = new Rig({ limits: { maximumInFlight: 3 } });
    const a = await subscriber(rig, version);
    await route(rig, 1, "m1");
    await route(rig, 2, "m2");
    await route(rig, 1, "m3", "m4");
    const ids = [takeFirst(a, "m1", 1), takeFirst(a, "m2", 2), takeFirst(a, "m3", 1)];
    a.quiet();
    equal(new Set(ids).size, 3);
  },
);

rowInBoth("OB-19", "drops the payload on PUBREC and keeps the identifier", "Figure 4.3", async (rig, version) => {
  const a = await subscriber(rig, version);
  await route(rig, 2, "m1");
  const id = takeFirst(a, "m1", 2);
  equal(await rig.queued(), 1);
  await a.send(response("pubrec", id));
  equal(await rig.queued(), 0);
  equal((await rig.store.directory.inspect("a"))?.queuedBytes, 0);
  const marks = [...(await rig.stored())?.outbound.values() ?? []];
  deepEqual(marks.map(({ packetId, phase }) => ({ packetId, phase })), [{ packetId: id, phase: "released" }]);
});
