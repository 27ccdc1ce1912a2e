/** Receive Maximum and send quota, both ways: FC-01 to FC-17, FC-19. */
import { deepEqual, equal } from "node:assert/strict";
import { rowInBoth } from "../support/both_versions.ts";
import { publisher, response, resume, route, subscriber } from "../support/deliveries.ts";
import { type Client, Rig } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, takeFirst, traces } from "../support/seen.ts";

/** The messages m1 to mN. */
function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `m${index + 1}`);
}

/** A 5.0 subscriber with this Receive Maximum, and so many messages routed to it. */
async function loaded(rig: Rig, receiveMaximum: number, qos: 1 | 2, count: number): Promise<Client> {
  const a = await subscriber(rig, 5, { receiveMaximum });
  await route(rig, qos, ...numbered(count));
  return a;
}

for (const qos of [1, 2] as const) {
  row(
    "FC-01",
    `sends at most as many QoS ${qos} messages as the client's Receive Maximum [MQTT-4.9.0-1]`,
    async (rig) => {
      const a = await loaded(rig, 3, qos, 5);
      deepEqual(traces(a), [`m1 q${qos} #2`, `m2 q${qos} #3`, `m3 q${qos} #4`]);
    },
  );
}

row("FC-02", "sends no further message at quota 0, and keeps it queued [MQTT-4.9.0-2]", async (rig) => {
  const a = await loaded(rig, 3, 1, 4);
  equal(traces(a).length, 3);
  equal(await rig.queued(), 4);
  await a.send(response("puback", 2));
  deepEqual(traces(a), ["m4 q1 #5"]);
});

row("FC-03", "processes and answers everything else at quota 0 [MQTT-4.9.0-3]", async (rig) => {
  const a = await loaded(rig, 2, 2, 3);
  deepEqual(traces(a), ["m1 q2 #2", "m2 q2 #3"]);
  await a.publish("elsewhere", { qos: 1, packetId: 7 });
  equal(a.take("puback").reasonCode, 0x10);
  await a.publish("elsewhere", { qos: 2, packetId: 8 });
  equal(a.take("pubrec").packetId, 8);
  await a.send(response("pubrel", 8));
  equal(a.take("pubcomp").packetId, 8);
  await a.send(response("pubrec", 2));
  equal(a.take("pubrel").packetId, 2);
  deepEqual((await a.subscribe("u", 1)).reasonCodes, [1]);
  await a.send({ type: "unsubscribe", packetId: 9, filters: ["u"] });
  deepEqual(a.take("unsuback").reasonCodes, [0]);
  await a.send({ type: "pingreq" });
  a.take("pingresp");
  a.quiet();
});

for (const reasonCode of [0x00, 0x10, 0x80, 0x87, 0x97]) {
  row("FC-04", `gives one back at PUBACK with code ${reasonCode} [§4.9]`, async (rig) => {
    const a = await loaded(rig, 1, 1, 2);
    deepEqual(traces(a), ["m1 q1 #2"]);
    await a.send(response("puback", 2, reasonCode));
    deepEqual(traces(a), ["m2 q1 #3"]);
  });
}

for (const reasonCode of [0x00, 0x92]) {
  row("FC-04", `gives one back at PUBCOMP with code ${reasonCode}, none at PUBREC below 0x80 [§4.9]`, async (rig) => {
    const a = await loaded(rig, 1, 2, 2);
    deepEqual(traces(a), ["m1 q2 #2"]);
    await a.send(response("pubrec", 2));
    deepEqual(traces(a), ["pubrel #2"]);
    await a.send(response("pubcomp", 2, reasonCode));
    deepEqual(traces(a), ["m2 q2 #3"]);
  });
}

for (const reasonCode of [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]) {
  row("FC-04", `gives one back at PUBREC with code 0x${reasonCode.toString(16)} [§4.9]`, async (rig) => {
    const a = await loaded(rig, 1, 2, 2);
    deepEqual(traces(a), ["m1 q2 #2"]);
    await a.send(response("pubrec", 2, reasonCode));
    deepEqual(traces(a), ["m2 q2 #3"]);
  });
}

row("FC-05", "never raises the quota above its first value [§4.9]", async (rig) => {
  const a = await loaded(rig, 2, 2, 1);
  deepEqual(traces(a), ["m1 q2 #2"]);
  await a.send(response("pubrec", 2));
  deepEqual(traces(a), ["pubrel #2"]);
  await a.drop();
  const again = await resume(rig, 5, { receiveMaximum: 2 });
  deepEqual(traces(again), ["pubrel #2"]);
  await again.send(response("pubcomp", 2));
  await again.send(response("pubcomp", 2), response("puback", 2), response("puback", 60_000));
  await route(rig, 1, "m2", "m3", "m4");
  deepEqual(traces(again), ["m2 q1 #3", "m3 q1 #4"]);
});

row("FC-06", "begins every connection with the quota of its own CONNECT [§4.9]", async (rig) => {
  const a = await loaded(rig, 2, 1, 12);
  deepEqual(traces(a), ["m1 q1 #2", "m2 q1 #3"]);
  await a.drop();
  const more = await resume(rig, 5, { receiveMaximum: 10 });
  const sent = traces(more);
  equal(sent.length, 10);
  deepEqual(sent.slice(0, 3), ["m1 q1 #2 dup", "m2 q1 #3 dup", "m3 q1 #4"]);
  await more.drop();
  const one = await resume(rig, 5, { receiveMaximum: 1 });
  deepEqual(traces(one), ["m1 q1 #2 dup"]);
});

row("FC-07", "takes an absent Receive Maximum as 65 535 [§3.1.2.11.3]", async (rig) => {
  const a = await subscriber(rig, 5);
  await route(rig, 1, ...numbered(1_000));
  equal(traces(a).length, 1_000);
}, { queue: { maximumMessages: 10_000 } });

row("FC-07", "refuses a CONNECT with Receive Maximum 0 [§3.1.2.11.3]", async (rig) => {
  const refused = await rig.dial({ receiveMaximum: 0 });
  const connack = refused.take("connack");
  equal(connack.reasonCode, 0x82);
  equal(connack.sessionPresent, false);
  refused.quiet();
  equal(refused.closed, true);
  equal(await rig.stored(), undefined);
});

row(
  "FC-09",
  "keeps within the client's Receive Maximum over any order of answers and reconnects [MQTT-3.3.4-9]",
  async (rig) => {
    let a = await loaded(rig, 4, 1, 30);
    let open: number[] = [];
    // A fixed walk through answers in every order and some reconnects with another limit.
    for (let turn = 0; turn < 40; turn++) {
      const limit = turn < 20 ? 4 : 2;
      for (const packet of a.takeAll()) if (packet.type === "publish") open.push(packet.packetId as number);
      equal(open.length <= limit, true, `${open.length} are open at turn ${turn}`);
      if (turn % 10 === 9) {
        await a.drop();
        open = [];
        a = await resume(rig, 5, { receiveMaximum: turn < 19 ? 4 : 2 });
        continue;
      }
      const [packetId] = open.splice(turn * 7 % Math.max(1, open.length), 1);
      if (packetId !== undefined) await a.send(response("puback", packetId));
    }
  },
);

row("FC-10", "never holds back what is not a PUBLISH [MQTT-3.3.4-10]", async (rig) => {
  const a = await loaded(rig, 1, 2, 2);
  deepEqual(traces(a), ["m1 q2 #2"]);
  await a.send(response("pubrec", 2), response("pubrec", 2), { type: "pingreq" });
  deepEqual(traces(a), ["pubrel #2", "pubrel #2", "pingresp"]);
});

for (const qos of [1, 2] as const) {
  row("FC-11", `closes with 0x93 when the client sends more QoS ${qos} than it may [§3.3.4]`, async (rig) => {
    const p = await publisher(rig, 5);
    const w = await rig.connect({ clientId: "w" });
    await w.subscribe("t", 1);
    const publish = { type: "publish", topic: "t", retain: false, dup: false, properties: {}, qos } as const;
    const payload = new Uint8Array(1);
    await p.send({ ...publish, payload, packetId: 1 }, { ...publish, payload, packetId: 2 });
    const codes = p.takeAll().map((packet) => packet.type === "disconnect" ? packet.reasonCode : packet.type);
    equal(codes.at(-1), 0x93);
    equal(p.closed, true);
    equal(w.takeAll().length, 1);
  }, { limits: { receiveMaximum: 1 } });
}

row("FC-12", "counts QoS 1 and QoS 2 against one quota [MQTT-4.9.0-2]", async (rig) => {
  const a = await subscriber(rig, 5, { receiveMaximum: 2 });
  await route(rig, 1, "m1");
  await route(rig, 2, "m2");
  await route(rig, 1, "m3");
  deepEqual(traces(a), ["m1 q1 #2", "m2 q2 #3"]);
});

row("FC-13", "keeps the limits of the two directions apart [§3.1.2.11.3]", async (rig) => {
  const a = await subscriber(rig, 5, { receiveMaximum: 1 });
  await route(rig, 1, "m1", "m2");
  deepEqual(traces(a), ["m1 q1 #2"]);
  for (const packetId of [1, 2, 3, 4, 5]) await a.publish("elsewhere", { qos: 2, packetId });
  deepEqual(traces(a).length, 5);
  equal(a.closed, false);
  await a.publish("elsewhere", { qos: 2, packetId: 6 });
  closedWith(a, 5, 0x93);
}, { limits: { receiveMaximum: 5 } });

row("FC-14", "sends QoS 0 at quota 0 [§4.9]", async (rig) => {
  const a = await loaded(rig, 1, 1, 2);
  deepEqual(traces(a), ["m1 q1 #2"]);
  await route(rig, 0, "now");
  deepEqual(traces(a), ["now q0"]);
});

row(
  "FC-15",
  "does not count ids carried over against its own Receive Maximum, but a repeat of one [§4.9]",
  async (rig) => {
    const p = await publisher(rig, 5);
    await p.publish("t", { qos: 2, packetId: 1 });
    p.take("pubrec");
    await p.drop();
    const again = await rig.connect({ clientId: "p", cleanStart: false, sessionExpiryInterval: 3_600 }, true);
    await again.publish("t", { qos: 1, packetId: 2 });
    equal(again.take("puback").packetId, 2);
    await again.publish("t", { qos: 2, packetId: 1, dup: true });
    equal(again.take("pubrec").packetId, 1);
    await again.publish("t", { qos: 1, packetId: 3 });
    closedWith(again, 5, 0x93);
  },
  { limits: { receiveMaximum: 1 } },
);

row("FC-15", "has room again once the repeated id is complete [§4.9]", async (rig) => {
  const p = await publisher(rig, 5);
  await p.publish("t", { qos: 2, packetId: 1 });
  p.take("pubrec");
  await p.send(response("pubrel", 1));
  p.take("pubcomp");
  await p.publish("t", { qos: 1, packetId: 3 });
  equal(p.take("puback").packetId, 3);
}, { limits: { receiveMaximum: 1 } });

/** A client with a Receive Maximum of 2 that resumes: m1 and m2 are released, m3 to m5 wait for PUBACK. */
async function resumedWithTwoReleased(rig: Rig): Promise<Client> {
  const a = await subscriber(rig, 5);
  await route(rig, 2, "m1", "m2");
  await route(rig, 1, "m3", "m4", "m5");
  for (const packetId of [2, 3]) await a.send(response("pubrec", packetId));
  await a.drop();
  return resume(rig, 5, { receiveMaximum: 2 });
}

row("FC-16", "spends nothing on a resent PUBREL and one on a resent PUBLISH [§4.9]", async (rig) => {
  const again = await resumedWithTwoReleased(rig);
  deepEqual(traces(again), ["pubrel #2", "pubrel #3", "m3 q1 #4 dup", "m4 q1 #5 dup"]);
});

row("FC-17", "gives no credit for the PUBCOMP of a resent PUBREL [MQTT-3.3.4-9]", async (rig) => {
  const again = await resumedWithTwoReleased(rig);
  equal(traces(again).length, 4);
  await again.send(response("pubcomp", 2));
  await again.send(response("pubcomp", 3));
  again.quiet();
  await again.send(response("puback", 4));
  deepEqual(traces(again), ["m5 q1 #6 dup"]);
});

row("FC-17", "gives it where policy P10 takes the text by its letter [§4.9]", async (rig) => {
  const a = await subscriber(rig, 5);
  await route(rig, 2, "m1");
  await route(rig, 1, "m2", "m3");
  await a.send(response("pubrec", 2));
  await a.drop();
  const again = await resume(rig, 5, { receiveMaximum: 1 });
  deepEqual(traces(again), ["pubrel #2", "m2 q1 #3 dup"]);
  await again.send(response("pubcomp", 2));
  deepEqual(traces(again), ["m3 q1 #4 dup"]);
}, { policy: { creditForResentPubrel: true } });

rowInBoth(
  "FC-19",
  "holds a 3.1.1 client to the local window, and PUBREL never waits for it",
  "§4.6",
  async (_, version) => {
    // The row is about 3.1.1; 5.0 is held to the same local window on top of its own limit.
    const rig = new Rig({ limits: { maximumInFlight: 2 } });
    const a = await subscriber(rig, version);
    await route(rig, 2, "m1", "m2", "m3");
    const first = takeFirst(a, "m1", 2);
    takeFirst(a, "m2", 2);
    a.quiet();
    await a.send(response("pubrec", first));
    deepEqual(traces(a), [`pubrel #${first}`]);
    await a.send(response("pubcomp", first));
    takeFirst(a, "m3", 2);
  },
);
