/** Packet Identifiers: ID-01 to ID-16, but for those that only show when all are out. */
import { deepEqual, equal } from "node:assert/strict";
import type { ClientPacket } from "../../../src/mqtt/packet.ts";
import { lasting, rowInBoth } from "../support/both_versions.ts";
import { publisher, response, resume, route, subscriber } from "../support/deliveries.ts";
import { publishPacket, Rig, subscribePacket, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, idOf, stillOpen, takeFirst, traces } from "../support/seen.ts";

rowInBoth("ID-01", "sends QoS 0 without a Packet Identifier, at once and from the queue", {
  5: "MQTT-2.2.1-2",
  4: "MQTT-2.3.1-5",
}, async (_, version) => {
  const rig = new Rig({ queueQos0: true });
  const a = await subscriber(rig, version);
  const p = await publisher(rig, version);
  await p.publish("t");
  equal(Object.hasOwn(a.take("publish"), "packetId"), false);
  await a.drop();
  await p.publish("t");
  const again = await resume(rig, version);
  equal(Object.hasOwn(again.take("publish"), "packetId"), false);
});

rowInBoth("ID-01", "takes no identifier for QoS 0 from those of QoS 1 and 2", {
  5: "MQTT-2.2.1-2",
  4: "MQTT-2.3.1-5",
}, async (_, version) => {
  const rig = new Rig({ limits: { maximumInFlight: 1 } });
  const a = await subscriber(rig, version);
  await route(rig, 1, "m1", "m2");
  const id = takeFirst(a, "m1", 1);
  await route(rig, 0, "now");
  deepEqual(traces(a), ["now q0"]);
  await a.send(response("puback", id));
  takeFirst(a, "m2", 1);
  a.quiet();
});

rowInBoth("ID-04", "never has two messages in flight under one identifier, whatever their topics and QoS", {
  5: "MQTT-4.3.2-1, MQTT-4.3.3-1",
  4: "MQTT-4.3.2-1, MQTT-4.3.3-1",
}, async (rig, version) => {
  const a = await rig.connect(lasting(version));
  await a.subscribe("#", 2);
  for (let count = 0; count < 40; count++) {
    const qos = count % 3 === 0 ? 1 : 2;
    await rig.broker.publish({ topic: `t${count % 2}`, payload: text(`m${count}`), qos });
  }
  await rig.settle();
  const packets = a.takeAll().map((packet) => packet.type === "publish" ? { ...packet, id: idOf(packet) } : undefined);
  equal(new Set(packets.map((packet) => packet?.id)).size, 40);
  // Half of them are acknowledged, each in its way, and new ones come in.
  for (const packet of packets.slice(0, 20)) {
    if (packet !== undefined) await a.send(response(packet.qos === 1 ? "puback" : "pubrec", packet.id));
  }
  const released = packets.slice(0, 20).flatMap((packet) => packet?.qos === 2 ? [packet.id] : []);
  deepEqual(traces(a), released.map((id) => `pubrel #${id}`));
  await rig.broker.publish({ topic: "t0", payload: text("new"), qos: 1 });
  await rig.broker.publish({ topic: "t1", payload: text("new"), qos: 2 });
  await rig.settle();
  const fresh = [takeFirst(a, "new", 1), takeFirst(a, "new", 2)];
  const taken = [...released, ...packets.slice(20).map((packet) => packet?.id)];
  equal(new Set([...fresh, ...taken]).size, taken.length + 2);
});

rowInBoth("ID-07", "has one number in flight both ways at once, and finishes both", {
  5: "§2.2.1",
  4: "§2.3.1",
}, async (rig, version) => {
  const a = await subscriber(rig, version);
  const b = await rig.connect(lasting(version, { clientId: "b" }));
  await b.subscribe("other", 2);
  await route(rig, 2, "out");
  const id = takeFirst(a, "out", 2);
  await a.publish("other", { qos: 2, packetId: id, payload: text("in") });
  deepEqual(traces(a), [`pubrec #${id}`]);
  equal(traces(b).length, 1);
  await a.drop();
  await rig.crash();
  const again = await resume(rig, version);
  deepEqual(traces(again), [`out q2 #${id} dup`]);
  await again.send(response("pubrec", id));
  await again.publish("other", { qos: 2, packetId: id, payload: text("in"), dup: true });
  deepEqual(traces(again), [`pubrel #${id}`, `pubrec #${id}`]);
  await again.send(response("pubrel", id));
  deepEqual(traces(again), [`pubcomp #${id}`]);
  await again.send(response("pubcomp", id));
  again.quiet();
  stillOpen(again);
  const left = await rig.stored();
  deepEqual([left?.outbound, left?.inbound], [new Map(), new Set()]);
  equal(await rig.queued("b"), 1);
  await rig.crash();
  (await resume(rig, version)).quiet();
});

rowInBoth("ID-08", "answers under the identifier of the PUBLISH, and releases under it", {
  5: "MQTT-2.2.1-5",
  4: "MQTT-2.3.1-6",
}, async (rig, version) => {
  const a = await subscriber(rig, version);
  const p = await publisher(rig, version);
  await p.publish("t", { qos: 1, packetId: 65_535 });
  await p.publish("t", { qos: 2, packetId: 1 });
  await p.publish("t", { qos: 2, packetId: 40_000 });
  await p.send(response("pubrel", 40_000), response("pubrel", 1));
  deepEqual(traces(p), ["puback #65535", "pubrec #1", "pubrec #40000", "pubcomp #40000", "pubcomp #1"]);
  takeFirst(a, "m", 1);
  const second = takeFirst(a, "m", 2);
  const third = takeFirst(a, "m", 2);
  await a.send(response("pubrec", third), response("pubrec", second));
  deepEqual(traces(a), [`pubrel #${third}`, `pubrel #${second}`]);
});

rowInBoth("ID-09", "answers SUBSCRIBE and UNSUBSCRIBE under their identifiers", {
  5: "MQTT-2.2.1-6",
  4: "MQTT-2.3.1-7",
}, async (rig, version) => {
  const a = await rig.connect(lasting(version));
  await a.send(
    subscribePacket(65_535, [{ filter: "a", qos: 1 }]),
    { type: "unsubscribe", packetId: 7, filters: ["none"] },
    subscribePacket(3, [{ filter: "b", qos: 0 }]),
    { type: "unsubscribe", packetId: 65_535, filters: ["a"] },
  );
  equal(a.take("suback").packetId, 65_535);
  equal(a.take("unsuback").packetId, 7);
  equal(a.take("suback").packetId, 3);
  equal(a.take("unsuback").packetId, 65_535);
  a.quiet();
});

for (const end of ["drop", "crash"] as const) {
  rowInBoth("ID-10", `sends again under the original identifiers after a ${end}, PUBLISH and PUBREL`, {
    5: "MQTT-4.4.0-1",
    4: "MQTT-2.3.1-3, MQTT-4.4.0-1",
  }, async (rig, version) => {
    const a = await subscriber(rig, version);
    await route(rig, 2, "m1");
    await route(rig, 1, "m2");
    await route(rig, 2, "m3");
    const ids = [takeFirst(a, "m1", 2), takeFirst(a, "m2", 1), takeFirst(a, "m3", 2)];
    await a.send(response("pubrec", ids[0] ?? 0));
    if (end === "drop") await a.drop();
    else await rig.crash();
    const again = await resume(rig, version);
    deepEqual(traces(again), [`pubrel #${ids[0]}`, `m2 q1 #${ids[1]} dup`, `m3 q2 #${ids[2]} dup`]);
  });
}

row(
  "ID-14",
  "answers a QoS 1 PUBLISH under an unreleased identifier with PUBACK 0x91, and delivers nothing (5.0)",
  async (rig) => {
    const b = await subscriber(rig, 5);
    const p = await publisher(rig, 5);
    await p.publish("t", { qos: 2, packetId: 9, payload: text("first") });
    takeFirst(b, "first", 2);
    await p.publish("t", { qos: 1, packetId: 9, payload: text("second") });
    deepEqual(traces(p), ["pubrec #9", "puback #9 0x91"]);
    b.quiet();
    await p.send(response("pubrel", 9));
    deepEqual(traces(p), ["pubcomp #9"]);
    await p.publish("t", { qos: 1, packetId: 9, payload: text("third") });
    deepEqual(traces(p), ["puback #9"]);
    takeFirst(b, "third", 1);
  },
);

row("ID-15", "never closes for 0x92, in PUBREL and PUBCOMP, known or unknown (5.0)", async (rig) => {
  const a = await subscriber(rig, 5);
  const p = await publisher(rig, 5);
  await p.publish("t", { qos: 2, packetId: 5 });
  const id = takeFirst(a, "m", 2);
  await p.send(response("pubrel", 5, 0x92), response("pubrel", 5, 0x92));
  deepEqual(traces(p), ["pubrec #5", "pubcomp #5", "pubcomp #5 0x92"]);
  await a.send(response("pubrec", id), response("pubcomp", id, 0x92), response("pubcomp", id, 0x92));
  deepEqual(traces(a), [`pubrel #${id}`]);
  stillOpen(a);
  stillOpen(p);
  await a.drop();
  (await resume(rig, 5)).quiet();
});

for (const type of ["puback", "pubrec"] as const) {
  row("ID-15", `closes for 0x92 in ${type}, which may not carry it [MQTT-4.13.1-1] (5.0)`, async (rig) => {
    const a = await subscriber(rig, 5);
    await route(rig, type === "puback" ? 1 : 2, "m1");
    const id = takeFirst(a, "m1", type === "puback" ? 1 : 2);
    await a.send(response(type, id, 0x92));
    closedWith(a, 5, 0x82);
  });
}

const WITHOUT_IDENTIFIER: Readonly<Record<string, ClientPacket>> = {
  "PUBLISH of QoS 1": publishPacket("t", { qos: 1, packetId: 0 }),
  "PUBLISH of QoS 2": publishPacket("t", { qos: 2, packetId: 0 }),
  "PUBLISH of QoS 1 without any": publishPacket("t", { qos: 1 }),
  "PUBACK": response("puback", 0),
  "PUBREC": response("pubrec", 0),
  "PUBREL": response("pubrel", 0),
  "PUBCOMP": response("pubcomp", 0),
  "SUBSCRIBE": subscribePacket(0, [{ filter: "x", qos: 1 }]),
  "UNSUBSCRIBE": { type: "unsubscribe", packetId: 0, filters: ["t"] },
};

for (const [name, packet] of Object.entries(WITHOUT_IDENTIFIER)) {
  rowInBoth("ID-16", `closes for the identifier 0: ${name}`, {
    5: "MQTT-2.2.1-3",
    4: "MQTT-2.3.1-1",
  }, async (rig, version) => {
    const b = await subscriber(rig, version, { clientId: "b" });
    const a = await subscriber(rig, version);
    await a.send(packet);
    closedWith(a, version, 0x82);
    b.quiet();
    deepEqual([...(await rig.stored())?.subscriptions.keys() ?? []], ["t"]);
  });
}
