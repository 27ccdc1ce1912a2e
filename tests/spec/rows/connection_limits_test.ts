/** Limits of a connection that touch the session: CL-01 to CL-15. 5.0 only. */
import { deepEqual, equal } from "node:assert/strict";
import { lasting } from "../support/both_versions.ts";
import { resume, route, subscriber } from "../support/deliveries.ts";
import { publishPacket, subscribePacket, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, takeFirst, traces } from "../support/seen.ts";

/**
 * The size of a 5.0 PUBLISH to topic `t` above QoS 0: fixed header 2, topic 3, identifier 2, no properties 1, payload.
 * It holds up to a payload of 119 bytes, where the remaining length still takes one byte.
 */
const OVERHEAD = 8;

/** A payload of so many bytes. */
function payload(length: number): string {
  return "x".repeat(length);
}

row("CL-01", "sends a packet as large as the client's limit, and none larger [MQTT-3.1.2-24]", async (rig) => {
  const a = await subscriber(rig, 5, { maximumPacketSize: 100 });
  await route(rig, 1, payload(100 - OVERHEAD), payload(100 - OVERHEAD + 1), "small");
  deepEqual(a.takeAll().map((packet) => packet.type === "publish" ? packet.payload.length : 0), [92, 5]);
});

row("CL-01", "counts the remaining length with its own bytes [MQTT-3.1.2-24]", async (rig) => {
  // Above 127 bytes the remaining length takes a second byte.
  const a = await subscriber(rig, 5, { maximumPacketSize: 200 });
  await route(rig, 1, payload(200 - OVERHEAD - 1), payload(200 - OVERHEAD));
  deepEqual(a.takeAll().map((packet) => packet.type === "publish" ? packet.payload.length : 0), [191]);
});

row(
  "CL-02",
  "drops what is too large as if it were delivered: no identifier, no quota, no return [MQTT-3.1.2-25]",
  async (rig) => {
    const a = await subscriber(rig, 5, { maximumPacketSize: 50, receiveMaximum: 1 });
    await route(rig, 1, payload(60), "small");
    deepEqual(traces(a), ["small q1 #3"]);
    const dropped = rig.observed.filter((event) => event.type === "dropped");
    deepEqual(dropped.map((event) => event.type === "dropped" && event.reason), ["tooLarge"]);
    await a.drop();
    deepEqual(traces(await resume(rig, 5)), ["small q1 #3 dup"]);
  },
);

row("CL-04", "refuses a Maximum Packet Size of 0 [§3.1.2.11.4]", async (rig) => {
  const refused = await rig.dial({ maximumPacketSize: 0 });
  equal(refused.take("connack").reasonCode, 0x82);
  equal(refused.closed, true);
});

row("CL-04", "announces its own limit, and closes with 0x95 on a larger packet [§3.2.2.3.6]", async (rig) => {
  const a = await rig.dial(lasting(5));
  equal(a.take("connack").maximumPacketSize, 1_000);
  await a.publish("t", { qos: 1, packetId: 1, payload: text(payload(1_000 - OVERHEAD - 1)) });
  equal(a.take("puback").packetId, 1);
  await a.publish("t", { qos: 1, packetId: 2, payload: text(payload(1_000 - OVERHEAD)) });
  closedWith(a, 5, 0x95);
  const b = await rig.connect({ clientId: "b" });
  await b.malformed(0x95);
  closedWith(b, 5, 0x95);
}, { limits: { maximumPacketSize: 1_000 } });

row(
  "CL-05",
  "treats a started message that no longer fits as delivered, and keeps its QoS 2 identifier out of use [MQTT-3.1.2-25]",
  async (rig) => {
    const a = await subscriber(rig, 5);
    await route(rig, 2, payload(60));
    await route(rig, 1, payload(60));
    deepEqual(traces(a).map((line) => line.slice(-5)), ["q2 #2", "q1 #3"]);
    await a.drop();
    const again = await resume(rig, 5, { maximumPacketSize: 50 });
    again.quiet();
    const dropped = rig.observed.filter((event) => event.type === "dropped");
    deepEqual(dropped.map((event) => event.type === "dropped" && event.reason), ["tooLarge", "tooLarge"]);
    deepEqual([...(await rig.stored())?.quarantine ?? []], [2]);
    equal(await rig.queued(), 0);
    await rig.crash();
    await resume(rig, 5);
    deepEqual([...(await rig.stored())?.quarantine ?? []], [2]);
  },
);

row("CL-05", "closes instead where policy P8 says so, and resends later [MQTT-4.4.0-1]", async (rig) => {
  const a = await subscriber(rig, 5);
  await route(rig, 1, payload(60));
  a.take("publish");
  await a.drop();
  const small = await resume(rig, 5, { maximumPacketSize: 50 });
  closedWith(small, 5, 0x95);
  equal(traces(await resume(rig, 5)).length, 1);
}, { policy: { oversizedInFlight: "close" } });

row("CL-06", "leaves the texts of a refusal out where they would break the limit [MQTT-3.2.2-19]", async (rig) => {
  const roomy = await rig.dial({ maximumPacketSize: 1_000 });
  equal(roomy.take("connack").reasonString?.length, 200);
  const tight = await rig.dial({ clientId: "b", maximumPacketSize: 50 });
  const connack = tight.take("connack");
  equal(connack.reasonCode, 0x87);
  equal(connack.reasonString, undefined);
}, { authenticate: () => ({ ok: false, reasonCode: 0x87, reasonString: payload(200) }) });

row(
  "CL-06",
  "still sends every acknowledgement, bare, under a tiny limit [MQTT-3.4.2-2] [MQTT-3.5.2-2]",
  async (rig) => {
    const a = await rig.dial(lasting(5, { maximumPacketSize: 40 }));
    a.take("connack");
    await a.publish("t", { qos: 1, packetId: 1 });
    deepEqual(a.take("puback"), { type: "puback", packetId: 1, reasonCode: 0x10 });
    await a.publish("t", { qos: 2, packetId: 2 });
    deepEqual(a.take("pubrec"), { type: "pubrec", packetId: 2, reasonCode: 0x10 });
    await a.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
    deepEqual(a.take("pubcomp"), { type: "pubcomp", packetId: 2, reasonCode: 0 });
  },
);

row(
  "CL-07",
  "keeps SUBACK, UNSUBACK and DISCONNECT within the limit too [MQTT-3.9.2-1] [MQTT-3.11.2-1] [MQTT-3.14.2-3]",
  async (rig) => {
    const a = await rig.dial(lasting(5, { maximumPacketSize: 40 }));
    a.take("connack");
    deepEqual(await a.subscribe("t", 1), { type: "suback", packetId: 60_000, reasonCodes: [1] });
    await a.send({ type: "unsubscribe", packetId: 3, filters: ["t"] });
    deepEqual(a.take("unsuback"), { type: "unsuback", packetId: 3, reasonCodes: [0] });
    await a.send({ type: "auth", reasonCode: 0x19 });
    deepEqual(a.take("disconnect"), { type: "disconnect", reasonCode: 0x82 });
  },
);

row("CL-07", "closes rather than leave out a packet that does not fit even bare [MQTT-3.1.2-24]", async (rig) => {
  const tiny = await rig.dial(lasting(5, { maximumPacketSize: 5 }));
  deepEqual(tiny.timeline, ["close"]);
  const a = await rig.dial(lasting(5, { maximumPacketSize: 40 }));
  equal(a.take("connack").sessionPresent, true);
  const filters = Array.from({ length: 60 }, (_, index) => ({ filter: `t/${index}`, qos: 1 as const }));
  await a.send(subscribePacket(1, filters));
  a.quiet();
  equal(a.closed, true);
});

row("CL-08", "forgets Topic Aliases with the connection [MQTT-3.3.2-7]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.publish("t", { topicAlias: 1 });
  await a.publish("", { topicAlias: 1, qos: 1, packetId: 1 });
  equal(a.take("puback").packetId, 1);
  await a.drop();
  const again = await resume(rig, 5);
  await again.publish("", { topicAlias: 1 });
  closedWith(again, 5, 0x82);
});

row(
  "CL-09",
  "uses no alias of its own, whatever the client allows: every topic is written out [MQTT-3.3.2-8]",
  async (rig) => {
    for (const topicAliasMaximum of [0, 10]) {
      const a = await rig.connect({ clientId: "a", topicAliasMaximum });
      await a.subscribe("t", 1);
      await route(rig, 1, "m1", "m2");
      for (const _ of [1, 2]) {
        const packet = a.take("publish");
        equal(packet.topic, "t");
        equal(packet.topicAlias, undefined);
      }
    }
  },
);

row("CL-10", "takes aliases within its own maximum, and resolves them per direction [MQTT-3.3.2-10]", async (rig) => {
  const a = await rig.dial(lasting(5));
  equal(a.take("connack").topicAliasMaximum, 3);
  const w = await rig.connect({ clientId: "w" });
  await w.subscribe("#", 0);
  await a.publish("x", { topicAlias: 1 });
  await a.publish("y", { topicAlias: 3 });
  await a.publish("", { topicAlias: 1 });
  await a.publish("z", { topicAlias: 1 });
  await a.publish("", { topicAlias: 1 });
  const topics = w.takeAll().flatMap((packet) => packet.type === "publish" ? [packet.topic] : []);
  deepEqual(topics, ["x", "y", "x", "z", "z"]);
}, { limits: { topicAliasMaximum: 3 } });

for (
  const [topic, topicAlias, code] of [["x", 0, 0x94], ["x", 4, 0x94], ["", 2, 0x82], ["", undefined, 0x90]] as const
) {
  row(
    "CL-10",
    `closes with 0x${code.toString(16)} on topic "${topic}" with alias ${topicAlias} [MQTT-3.3.2-12]`,
    async (rig) => {
      const a = await rig.connect(lasting(5));
      await a.publish(topic, topicAlias === undefined ? {} : { topicAlias });
      closedWith(a, 5, code);
    },
    { limits: { topicAliasMaximum: 3 } },
  );
}

row("CL-10", "allows none where its maximum is 0 [MQTT-3.3.2-10]", async (rig) => {
  const a = await rig.dial(lasting(5));
  equal(a.take("connack").topicAliasMaximum, undefined);
  await a.publish("x", { topicAlias: 1 });
  closedWith(a, 5, 0x94);
}, { limits: { topicAliasMaximum: 0 } });

for (const maximumQoS of [0, 1] as const) {
  row(
    "CL-11",
    `announces Maximum QoS ${maximumQoS}, and closes with 0x9B on a higher one [MQTT-3.2.2-9]`,
    async (rig) => {
      const a = await rig.dial(lasting(5));
      equal(a.take("connack").maximumQoS, maximumQoS);
      const qos = maximumQoS === 0 ? 1 : 2;
      await a.send(publishPacket("t", { qos, packetId: 1 }));
      closedWith(a, 5, 0x9b);
    },
    { limits: { maximumQoS } },
  );
}

// The row binds the client; this is the server's side of it.
row("CL-14", "announces Retain Available 0, and closes with 0x9A on RETAIN 1 [MQTT-3.2.2-14]", async (rig) => {
  const w = await subscriber(rig, 5, { clientId: "w" });
  for (const qos of [0, 1, 2] as const) {
    const a = await rig.dial({ clientId: "a" });
    equal(a.take("connack").retainAvailable, false);
    await a.send(publishPacket("t", { retain: true, qos, ...(qos === 0 ? {} : { packetId: 1 }) }));
    closedWith(a, 5, 0x9a);
  }
  w.quiet();
});

row("CL-13", "takes a SUBSCRIBE for any level where it cannot receive one [MQTT-3.2.2-10]", async (rig) => {
  const a = await rig.connect(lasting(5));
  deepEqual((await a.subscribe("t", 2)).reasonCodes, [2]);
  await route(rig, 2, "m1");
  takeFirst(a, "m1", 2);
}, { limits: { maximumQoS: 0 } });

row(
  "CL-15",
  "sends no Reason String and no User Property where Request Problem Information is 0 [MQTT-3.1.2-29]",
  async (rig) => {
    const a = await rig.dial(lasting(5, { requestProblemInformation: false }));
    a.take("connack");
    await a.publish("secret", { qos: 1, packetId: 1 });
    deepEqual(a.take("puback"), { type: "puback", packetId: 1, reasonCode: 0x87 });
    await a.publish("secret", { qos: 2, packetId: 2 });
    deepEqual(a.take("pubrec"), { type: "pubrec", packetId: 2, reasonCode: 0x87 });
    deepEqual(await a.subscribe("secret", 1), { type: "suback", packetId: 60_000, reasonCodes: [0x87] });
    await a.send({ type: "unsubscribe", packetId: 3, filters: ["secret"] });
    deepEqual(a.take("unsuback"), { type: "unsuback", packetId: 3, reasonCodes: [0x11] });
  },
  { authorize: ({ topic }) => topic !== "secret" },
);
