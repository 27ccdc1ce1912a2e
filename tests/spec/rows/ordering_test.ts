/** Ordering: OR-05 to OR-09, OR-05 at random in ordering_property_test. What the server does as a sender of 3.1.1 too, where the rules of clients bind it. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { memoryStore } from "@edge-mqtt/session/memory";
import { keyValueStore } from "@edge-mqtt/session/key-value";
import { faultyStore, mapDriver, random } from "@edge-mqtt/session/testing";
import { lasting, rowInBoth } from "../support/both_versions.ts";
import { publisher, response, resume, route, subscriber } from "../support/deliveries.ts";
import { type Client, read, Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { idOf, takeFirst, trace, traces } from "../support/seen.ts";

// The memory store gives entries back as they were put; one of ordered keys gives them back by sequence.
const STORES = {
  "a memory store": memoryStore,
  "a key-value store": () => {
    const capabilities = { fencing: "strict", durability: "process", consistency: "strong", watch: "none" } as const;
    return keyValueStore(mapDriver(), { capabilities, newId: random(1).id });
  },
};

for (const [name, open] of Object.entries(STORES)) {
  row(
    "OR-05",
    `resends PUBLISH in the order sent, PUBREL in that of the PUBRECs, from ${name} [MQTT-4.6.0-6] (3.1.1)`,
    async () => {
      const rig = new Rig({ store: open() });
      const a = await subscriber(rig, 4);
      await route(rig, 2, "m1");
      await route(rig, 1, "m2");
      await route(rig, 2, "m3", "m4", "m5");
      await route(rig, 1, "m6");
      const ids = a.takeAll().map((packet) => packet.type === "publish" ? idOf(packet) : 0);
      await a.send(response("pubrec", ids[3] ?? 0), response("pubrec", ids[0] ?? 0), response("pubrec", ids[2] ?? 0));
      deepEqual(traces(a), [`pubrel #${ids[3]}`, `pubrel #${ids[0]}`, `pubrel #${ids[2]}`]);
      for (const end of ["drop", "crash"]) {
        if (end === "drop") await a.drop();
        else await rig.crash();
        deepEqual(traces(await resume(rig, 4)), [
          `pubrel #${ids[3]}`,
          `pubrel #${ids[0]}`,
          `pubrel #${ids[2]}`,
          `m2 q1 #${ids[1]} dup`,
          `m5 q2 #${ids[4]} dup`,
          `m6 q1 #${ids[5]} dup`,
        ]);
      }
    },
  );
}

rowInBoth("OR-06", "treats every topic as ordered, without being asked to", {
  5: "MQTT-4.6.0-6",
  4: "MQTT-4.6.0-5",
}, async (rig, version) => {
  const a = await rig.connect(lasting(version));
  await a.subscribe("#", 1);
  const topics = ["x", "x/y", "z"];
  const p = await publisher(rig, version);
  const other = await publisher(rig, version, { clientId: "p2" });
  for (let count = 1; count <= 12; count++) {
    const from = count % 2 === 0 ? p : other;
    const topic = topics[count % 3] ?? "x";
    // All of one topic at one QoS.
    if (topic === "z") await from.publish(topic, { payload: text(`m${count}`) });
    else await from.publish(topic, { qos: 1, packetId: count, payload: text(`m${count}`) });
  }
  const came = a.takeAll().map((packet) => packet.type === "publish" ? [packet.topic, read(packet.payload)] : []);
  const of = (topic: string) => came.flatMap(([name, payload]) => name === topic ? [payload] : []);
  deepEqual(of("x"), ["m3", "m6", "m9", "m12"]);
  deepEqual(of("x/y"), ["m1", "m4", "m7", "m10"]);
  deepEqual(of("z"), ["m2", "m5", "m8", "m11"]);
});

// What waits may have been read already, or may not.
for (const pageMessages of [64, 1]) {
  rowInBoth(
    "OR-06",
    `lets QoS 0 that comes now not pass QoS 0 that waits in the queue, ${pageMessages} read at a time`,
    {
      5: "MQTT-4.6.0-6",
      4: "MQTT-4.6.0-5",
    },
    async (_, version) => {
      const rig = new Rig({ queueQos0: true, limits: { maximumInFlight: 1, pageMessages } });
      const a = await subscriber(rig, version);
      await a.drop();
      await route(rig, 1, "m1", "m2");
      await route(rig, 0, "m3", "m4");
      const again = await resume(rig, version);
      const first = takeFirst(again, "m1", 1);
      await route(rig, 0, "m5");
      again.quiet();
      await again.send(response("puback", first));
      const second = takeFirst(again, "m2", 1);
      deepEqual(traces(again), ["m3 q0", "m4 q0", "m5 q0"]);
      await again.send(response("puback", second));
      again.quiet();
    },
  );
}

rowInBoth("OR-07", "sends the resend set first, then the queue, then what was routed meanwhile", {
  5: "MQTT-4.6.0-1, MQTT-4.6.0-5",
  4: "MQTT-4.6.0-1, MQTT-4.6.0-6",
}, async (_, version) => {
  const faulty = faultyStore(memoryStore());
  const rig = new Rig({ store: faulty.store, limits: { maximumInFlight: 2 } });
  const a = await subscriber(rig, version);
  await route(rig, 1, "m1");
  await route(rig, 2, "m2");
  await route(rig, 1, "m3");
  const first = takeFirst(a, "m1", 1);
  const second = takeFirst(a, "m2", 2);
  await a.drop();
  await route(rig, 1, "m4");
  // One message comes between CONNECT and CONNACK, one while the resend set is not out yet.
  faulty.inject({ call: "acquire", fault: "answersLate" });
  const again = await rig.dial(lasting(version));
  again.quiet();
  await route(rig, 1, "m5");
  faulty.release();
  await rig.settle();
  equal(again.take("connack").sessionPresent, true);
  await route(rig, 1, "m6");
  deepEqual(traces(again), [`m1 q1 #${first} dup`, `m2 q2 #${second} dup`]);
  await again.send(response("pubrec", second), response("pubcomp", second));
  deepEqual(again.takeAll().map(trace).map((line) => line.split(" ")[0]), ["pubrel", "m3"]);
  let waiting = first;
  for (const payload of ["m4", "m5", "m6"]) {
    await again.send(response("puback", waiting));
    waiting = takeFirst(again, payload, 1);
  }
  again.quiet();
});

rowInBoth("OR-07", "sends a resend set that does not fit the window at once before anything new", {
  5: "MQTT-4.6.0-1, MQTT-4.6.0-5",
  4: "MQTT-4.6.0-1, MQTT-4.6.0-6",
}, async (rig, version) => {
  const a = await subscriber(rig, version);
  await route(rig, 1, "m1", "m2", "m3");
  const ids = a.takeAll().map((packet) => packet.type === "publish" ? idOf(packet) : 0);
  await rig.crash({ limits: { maximumInFlight: 1 } });
  const again = await resume(rig, version);
  await route(rig, 1, "m4");
  for (const [index, id] of ids.entries()) {
    deepEqual(traces(again), [`m${index + 1} q1 #${id} dup`]);
    await again.send(response("puback", id));
  }
  takeFirst(again, "m4", 1);
  again.quiet();
});

rowInBoth(
  "OR-08",
  "lets no older message come after a newer one with a window of 1 on both sides",
  "§4.6",
  async (_, version) => {
    const rig = new Rig({ limits: { receiveMaximum: 1, maximumInFlight: 1 } });
    const window = version === 5 ? { receiveMaximum: 1 } : {};
    const came: string[] = [];
    const note = (client: Client): number => {
      const packet = client.take("publish");
      came.push(read(packet.payload));
      client.quiet();
      return idOf(packet);
    };
    const a = await subscriber(rig, version, window);
    const p = await publisher(rig, version);
    for (const payload of ["1", "2", "3"]) await p.publish("t", { qos: 1, packetId: 1, payload: text(payload) });
    await a.send(response("puback", note(a)));
    await a.send(response("puback", note(a)));
    const third = note(a);
    // The acknowledgement of 3 is lost, and so is that of 4 to its publisher.
    await a.drop();
    await p.publish("t", { qos: 1, packetId: 1, payload: text("4") });
    await p.drop();
    const republisher = await resume(rig, version, { clientId: "p" });
    await republisher.publish("t", { qos: 1, packetId: 1, payload: text("4"), dup: true });
    const again = await resume(rig, version, window);
    equal(note(again), third);
    await again.send(response("puback", third));
    await again.send(response("puback", note(again)));
    await again.send(response("puback", note(again)));
    again.quiet();
    deepEqual(came, ["1", "2", "3", "3", "4", "4"]);
  },
);

row(
  "OR-09",
  "promises no order between QoS levels: QoS 0 passes what waits for an acknowledgement [§4.6] (5.0)",
  async () => {
    const rig = new Rig({ limits: { maximumInFlight: 1 } });
    const a = await subscriber(rig, 5);
    const p = await publisher(rig, 5);
    await p.publish("t", { qos: 1, packetId: 1, payload: text("m1") });
    await p.publish("t", { qos: 1, packetId: 2, payload: text("m2") });
    await p.publish("t", { payload: text("m3") });
    await p.publish("t", { qos: 2, packetId: 3, payload: text("m4") });
    const seen: string[] = [];
    for (let packet = a.received.at(-1); packet !== undefined;) {
      const left = a.takeAll();
      seen.push(...left.map(trace).filter((line) => line.startsWith("m")).map((line) => line.split(" ")[0] ?? ""));
      packet = left.at(-1);
      for (const each of left) {
        if (each.type === "publish" && each.qos > 0) {
          await a.send(response(each.qos === 1 ? "puback" : "pubrec", idOf(each)));
        }
        if (each.type === "pubrel") await a.send(response("pubcomp", each.packetId));
      }
    }
    // Each level keeps its own order, and nothing is lost; more is not asserted.
    deepEqual(seen.filter((payload) => payload !== "m3" && payload !== "m4"), ["m1", "m2"]);
    ok(seen.includes("m3") && seen.includes("m4"));
    equal(seen.length, 4);
  },
);
