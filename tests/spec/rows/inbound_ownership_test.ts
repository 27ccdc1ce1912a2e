/** When the server takes a message over: before its acknowledgement, for every subscriber, once: IB-14, IB-18, IB-22. */
import { deepEqual, equal } from "node:assert/strict";
import { memoryStore } from "@edge-mqtt/session/memory";
import { faultyStore } from "@edge-mqtt/session/testing";
import { fleeting, lasting, rowInBoth } from "../support/both_versions.ts";
import { publisher, resume, subscriber } from "../support/deliveries.ts";
import { Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { takeFirst, traces } from "../support/seen.ts";

for (const qos of [1, 2] as const) {
  const answer = qos === 1 ? "puback #1" : "pubrec #1";

  rowInBoth(
    "IB-14",
    `loses no copy of QoS ${qos} in a crash after the acknowledgement, attached or not`,
    "MQTT-4.5.0-1",
    async (rig, version) => {
      await subscriber(rig, version);
      const b = await subscriber(rig, version, { clientId: "b" });
      await b.drop();
      const c = await rig.connect(lasting(version, { clientId: "c" }));
      await c.subscribe("elsewhere", 2);
      const p = await publisher(rig, version);
      await p.publish("t", { qos, packetId: 1 });
      deepEqual(traces(p), [answer]);
      await rig.crash();
      for (const clientId of ["a", "b"]) {
        const back = await resume(rig, version, { clientId });
        deepEqual(traces(back).map((line) => line.split(" ").slice(0, 2).join(" ")), [`m q${qos}`]);
      }
      (await resume(rig, version, { clientId: "c" })).quiet();
    },
  );

  rowInBoth("IB-14", `acknowledges QoS ${qos} only when the copies are stored`, "MQTT-4.5.0-1", async (_, version) => {
    const faulty = faultyStore(memoryStore());
    const rig = new Rig({ store: faulty.store });
    const a = await subscriber(rig, version);
    const p = await publisher(rig, version);
    faulty.inject({ call: "commit", fault: "startsLate" });
    await p.publish("t", { qos, packetId: 1 });
    equal(faulty.held(), 1);
    p.quiet();
    a.quiet();
    faulty.release();
    await rig.settle();
    deepEqual(traces(p), [answer]);
    takeFirst(a, "m", qos);
  });

  rowInBoth("IB-14", `does not acknowledge QoS ${qos} when the store fails`, "MQTT-4.5.0-1", async (_, version) => {
    const faulty = faultyStore(memoryStore());
    const rig = new Rig({ store: faulty.store });
    await subscriber(rig, version);
    const p = await publisher(rig, version);
    faulty.inject({ call: "commit", fault: "neverStarts", times: Infinity });
    await p.publish("t", { qos, packetId: 1 });
    await rig.time.advance(20_000, () => rig.settle());
    p.quiet();
    faulty.heal();
    await rig.crash();
    (await resume(rig, version)).quiet();
    // The client sends it again, and then it counts.
    const again = await resume(rig, version, { clientId: "p" });
    await again.publish("t", { qos, packetId: 1, dup: true });
    deepEqual(traces(again), [answer]);
    equal(await rig.queued("a"), 1);
  });

  for (const end of ["drop", "takeover"] as const) {
    rowInBoth("IB-22", `acknowledges QoS ${qos} on no other connection than that of the PUBLISH, after a ${end}`, {
      5: qos === 1 ? "MQTT-4.3.2-4" : "MQTT-4.3.3-8",
      4: qos === 1 ? "MQTT-4.3.2-2" : "MQTT-4.3.3-2",
    }, async (_, version) => {
      const verdicts: ((allowed: boolean) => void)[] = [];
      const rig = new Rig({
        authorize: ({ action }) => action === "subscribe" || new Promise((resolve) => verdicts.push(resolve)),
      });
      await subscriber(rig, version);
      const p = await publisher(rig, version);
      await p.publish("t", { qos, packetId: 1 });
      if (end === "drop") await p.drop();
      const again = await rig.dial(lasting(version, { clientId: "p" }));
      // The verdict comes when the connection that it was asked for is gone.
      verdicts[0]?.(true);
      await rig.settle();
      equal(again.take("connack").sessionPresent, true);
      again.quiet();
      equal(traces(p).includes(answer), false);
      await again.publish("t", { qos, packetId: 1, dup: true });
      verdicts[1]?.(true);
      await rig.settle();
      deepEqual(traces(again), [answer]);
      if (qos === 2) equal(await rig.queued("a"), 1);
    });
  }
}

rowInBoth("IB-22", "sends no late acknowledgement when the commit ends after the connection", {
  5: "MQTT-4.3.2-4, MQTT-4.3.3-8",
  4: "MQTT-4.3.2-2, MQTT-4.3.3-2",
}, async (_, version) => {
  const faulty = faultyStore(memoryStore());
  const rig = new Rig({ store: faulty.store });
  const a = await subscriber(rig, version);
  const p = await publisher(rig, version);
  faulty.inject({ call: "commit", fault: "answersLate" });
  await p.publish("t", { qos: 2, packetId: 1, payload: text("m1") });
  await p.drop();
  const dialled = rig.dial(lasting(version, { clientId: "p" }));
  await rig.settle();
  faulty.release();
  const again = await dialled;
  await rig.settle();
  equal(again.take("connack").sessionPresent, true);
  again.quiet();
  p.quiet();
  await again.publish("t", { qos: 2, packetId: 1, payload: text("m1"), dup: true });
  deepEqual(traces(again), ["pubrec #1"]);
  takeFirst(a, "m1", 2);
  a.quiet();
});

for (const end of ["drop", "crash", "DISCONNECT", "takeover"] as const) {
  row(
    "IB-18",
    `routes once what PUBREC took over although the session ends before PUBREL, by a ${end} [MQTT-4.3.3-8, MQTT-4.5.0-1] (5.0)`,
    async (rig) => {
      const a = await subscriber(rig, 5);
      await a.drop();
      const p = await rig.connect(fleeting(5, { clientId: "p" }));
      await p.publish("t", { qos: 2, packetId: 1 });
      deepEqual(traces(p), ["pubrec #1"]);
      if (end === "drop") await p.drop();
      if (end === "DISCONNECT") await p.send({ type: "disconnect", reasonCode: 0 });
      if (end === "takeover") await rig.connect(fleeting(5, { clientId: "p" }));
      if (end === "crash") {
        await rig.crash();
        await rig.advance(600_000);
      }
      if (end !== "takeover") equal(await rig.stored("p"), undefined);
      const back = await resume(rig, 5);
      takeFirst(back, "m", 2);
      back.quiet();
    },
  );
}
