/** What waits for a client: the queue, message expiry, and QoS 0: MQ-01 to MQ-13. */
import { deepEqual, equal } from "node:assert/strict";
import { lasting, rowInBoth } from "../support/both_versions.ts";
import { resume, route, subscriber } from "../support/deliveries.ts";
import { type Client, publishPacket, read, type Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { traces } from "../support/seen.ts";

/** A publisher whose messages carry an interval. */
async function publishExpiring(
  rig: Rig,
  payload: string,
  messageExpiryInterval: number,
  qos: 0 | 1 | 2 = 1,
): Promise<void> {
  const p = await rig.connect({ clientId: "p" });
  const packet = publishPacket("t", { payload: text(payload), qos, messageExpiryInterval });
  await p.send(qos === 0 ? packet : { ...packet, packetId: 1 });
  await p.send({ type: "disconnect", reasonCode: 0 });
}

/** The payloads that came. */
function payloads(client: Client): readonly string[] {
  return client.takeAll().map((packet) => packet.type === "publish" ? read(packet.payload) : packet.type);
}

rowInBoth("MQ-01", "keeps QoS 1 and 2 for a detached session, and sends them in order, with DUP 0", {
  5: "MQTT-4.5.0-1",
  4: "MQTT-3.1.2-5",
}, async (rig, version) => {
  await (await subscriber(rig, version)).drop();
  await route(rig, 1, "m1");
  await route(rig, 2, "m2");
  await route(rig, 1, "m3");
  equal(await rig.queued(), 3);
  deepEqual(traces(await resume(rig, version)), ["m1 q1 #2", "m2 q2 #3", "m3 q1 #4"]);
});

rowInBoth(
  "MQ-02",
  "drops QoS 0 for a detached session unless told to keep it, and says so",
  "§4.1",
  async (rig, version) => {
    await (await subscriber(rig, version)).drop();
    await route(rig, 0, "m1");
    equal(await rig.queued(), 0);
    const dropped = rig.observed.filter((event) => event.type === "dropped");
    deepEqual(dropped.map((event) => event.type === "dropped" && event.reason), ["notConnected"]);
    (await resume(rig, version)).quiet();
  },
);

row("MQ-02", "keeps QoS 0 where told to, and sends it once, with DUP 0 and no identifier [§4.1]", async (rig) => {
  await (await subscriber(rig, 5)).drop();
  await route(rig, 0, "m1");
  equal(await rig.queued(), 1);
  const again = await resume(rig, 5);
  const packet = again.take("publish");
  equal(read(packet.payload), "m1");
  equal(packet.dup, false);
  equal(packet.packetId, undefined);
  await again.drop();
  (await resume(rig, 5)).quiet();
}, { queueQos0: true });

row("MQ-03", "has done with a QoS 0 message once it was handed to the transport [MQTT-4.3.1-1]", async (rig) => {
  const a = await subscriber(rig, 5);
  await route(rig, 0, "m1");
  await a.drop();
  (await resume(rig, 5)).quiet();
  await (await resume(rig, 5)).drop();
  await route(rig, 0, "m2");
  const again = await resume(rig, 5);
  deepEqual(payloads(again), ["m2"]);
  await rig.crash();
  (await resume(rig, 5)).quiet();
}, { queueQos0: true });

for (const [place, order] of [["first", 0], ["in the middle", 1], ["last", 2]] as const) {
  row("MQ-04", `deletes an expired copy that stands ${place} and sends the others [MQTT-3.3.2-5]`, async (rig) => {
    await (await subscriber(rig, 5)).drop();
    const payload = ["m1", "m2", "m3"];
    for (const [index, each] of payload.entries()) {
      if (index === order) await publishExpiring(rig, each, 5);
      else await route(rig, 1, each);
    }
    await rig.advance(6_000);
    const again = await resume(rig, 5);
    deepEqual(payloads(again), payload.filter((_, index) => index !== order));
    const dropped = rig.observed.filter((event) => event.type === "dropped");
    deepEqual(dropped.map((event) => event.type === "dropped" && event.reason), ["expired"]);
    equal(await rig.queued(), 2);
  });
}

row("MQ-04", "deletes a copy that expires while the window is full [MQTT-3.3.2-5]", async (rig) => {
  const a = await subscriber(rig, 5, { receiveMaximum: 1 });
  await route(rig, 1, "m1");
  await publishExpiring(rig, "m2", 5);
  await route(rig, 1, "m3");
  const first = a.take("publish");
  a.quiet();
  await rig.advance(5_000);
  // The first packet of QoS 1 has an identifier.
  await a.send({ type: "puback", packetId: first.packetId as number, reasonCode: 0 });
  deepEqual(payloads(a), ["m3"]);
});

for (const [waitedMs, left] of [[30_000, 70], [30_400, 70], [30_999, 70], [0, 100], [99_999, 1]] as const) {
  row("MQ-05", `forwards 100 s as ${left} s after ${waitedMs} ms [MQTT-3.3.2-6]`, async (rig) => {
    await (await subscriber(rig, 5)).drop();
    await publishExpiring(rig, "m1", 100);
    await rig.advance(waitedMs);
    equal((await resume(rig, 5)).take("publish").messageExpiryInterval, left);
  });
}

row("MQ-05", "forwards nothing at the very end of the interval [MQTT-3.3.2-6]", async (rig) => {
  await (await subscriber(rig, 5)).drop();
  await publishExpiring(rig, "m1", 100);
  await publishExpiring(rig, "m2", 101);
  equal(await rig.queued(), 2);
  await rig.advance(100_000);
  deepEqual(traces(await resume(rig, 5)), ["m2 q1 #3"]);
});

row(
  "MQ-06",
  "adds no interval where the publisher gave none, and lets such a message wait for ever [§3.3.2.3.3]",
  async (rig) => {
    const never = { sessionExpiryInterval: 0xffff_ffff };
    await (await subscriber(rig, 5, never)).drop();
    await route(rig, 1, "m1");
    await rig.advance(400 * 86_400_000);
    const packet = (await resume(rig, 5, never)).take("publish");
    equal(packet.messageExpiryInterval, undefined);
  },
);

for (const qos of [1, 2] as const) {
  row(
    "MQ-07",
    `sends a started QoS ${qos} message again although its interval has passed [MQTT-3.3.2-5]`,
    async (rig) => {
      const a = await subscriber(rig, 5);
      await publishExpiring(rig, "m1", 5, qos);
      const first = a.take("publish");
      await a.drop();
      await rig.advance(60_000);
      const again = await resume(rig, 5);
      const second = again.take("publish");
      equal(second.dup, true);
      equal(second.packetId, first.packetId);
      await again.drop();
      await rig.crash();
      await rig.advance(200_000);
      equal((await resume(rig, 5)).take("publish").packetId, first.packetId);
    },
  );
}

row("MQ-07", "keeps a released exchange although the interval has passed [MQTT-4.3.3-7]", async (rig) => {
  const a = await subscriber(rig, 5);
  await publishExpiring(rig, "m1", 5, 2);
  const packetId = a.take("publish").packetId as number;
  await a.send({ type: "pubrec", packetId, reasonCode: 0 });
  a.take("pubrel");
  await a.drop();
  await rig.advance(60_000);
  deepEqual(traces(await resume(rig, 5)), [`pubrel #${packetId}`]);
});

row("MQ-08", "gives a resend what is left of the interval, and 0 once it has passed [MQTT-3.3.2-6]", async (rig) => {
  const a = await subscriber(rig, 5);
  await publishExpiring(rig, "m1", 100);
  equal(a.take("publish").messageExpiryInterval, 100);
  await a.drop();
  await rig.advance(40_000);
  const second = await resume(rig, 5);
  equal(second.take("publish").messageExpiryInterval, 60);
  await second.drop();
  await rig.advance(100_000);
  equal((await resume(rig, 5)).take("publish").messageExpiryInterval, 0);
});

row("MQ-08", "leaves a passed interval out where policy P3 says so [MQTT-3.3.2-6]", async (rig) => {
  await (await subscriber(rig, 5)).drop();
  await publishExpiring(rig, "m1", 10);
  await (await resume(rig, 5)).drop();
  await rig.advance(100_000);
  const packet = (await resume(rig, 5)).take("publish");
  equal(packet.dup, true);
  equal(packet.messageExpiryInterval, undefined);
}, { policy: { expiryOnResend: "omitExpired" } });

for (const published of [0, 1, 2] as const) {
  for (const granted of [0, 1, 2] as const) {
    const expected = published < granted ? published : granted;
    rowInBoth("MQ-09", `delivers QoS ${published} at a grant of ${granted} as QoS ${expected}`, {
      5: "MQTT-3.8.4-8",
      4: "MQTT-3.8.4-6",
    }, async (rig, version) => {
      const a = await rig.connect(lasting(version));
      await a.subscribe("t", granted);
      await route(rig, published, "m1");
      equal(a.take("publish").qos, expected);
    });
  }
}

row("MQ-09", "fixes the level when the copy is made: a later grant does not change it [MQTT-3.8.4-8]", async (rig) => {
  const a = await rig.connect(lasting(5, { receiveMaximum: 1 }));
  await a.subscribe("t", 1);
  await route(rig, 2, "m1", "m2");
  deepEqual(traces(a), ["m1 q1 #2"]);
  deepEqual((await a.subscribe("t", 2)).reasonCodes, [2]);
  await route(rig, 2, "m3");
  await a.drop();
  deepEqual(traces(await resume(rig, 5)), ["m1 q1 #2 dup", "m2 q1 #3", "m3 q2 #4"]);
});

rowInBoth("MQ-10", "may deliver QoS 1 at a grant of 0 as often as it was published: no copy is held back", {
  5: "§3.8.4",
  4: "MQTT-3.8.4-6",
}, async (rig, version) => {
  const a = await rig.connect(lasting(version));
  await a.subscribe("t", 0);
  const p = await rig.connect(lasting(version, { clientId: "p" }));
  await p.publish("t", { qos: 1, packetId: 1 });
  await p.publish("t", { qos: 1, packetId: 1, dup: true });
  deepEqual(payloads(a), ["m", "m"]);
});

row(
  "MQ-11",
  "hands every property on unchanged, from the queue and after a crash too [MQTT-3.3.2-4] [MQTT-3.3.2-18]",
  async (rig) => {
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "text/plain; charset=utf-8",
      responseTopic: "answers/é",
      correlationData: Uint8Array.of(0, 255, 1, 254),
      userProperties: [["z", "1"], ["a", ""], ["z", "2"], ["", "x"]],
    } as const;
    const live = await rig.connect({ clientId: "live" });
    await live.subscribe("t", 1);
    await (await subscriber(rig, 5)).drop();
    const p = await rig.connect({ clientId: "p" });
    await p.publish("t", { qos: 1, packetId: 1, properties });
    deepEqual(live.take("publish").properties, properties);
    await rig.crash();
    const packet = (await resume(rig, 5)).take("publish");
    deepEqual(packet.properties, properties);
    deepEqual(packet.payload, text("m"));
  },
);

row("MQ-12", "drops the oldest at the limit, reports it, and keeps the order of the rest [§4.1.1]", async (rig) => {
  await (await subscriber(rig, 5)).drop();
  await route(rig, 1, "m1", "m2", "m3");
  equal(await rig.queued(), 2);
  const dropped = rig.observed.filter((event) => event.type === "dropped");
  deepEqual(dropped.map((event) => event.type === "dropped" && event.reason), ["queueFullOldest"]);
  deepEqual((await rig.broker.inspect("a"))?.dropped, { queueFullOldest: 1 });
  deepEqual(payloads(await resume(rig, 5)), ["m2", "m3"]);
}, { queue: { maximumMessages: 2, whenFull: "dropOldest" } });

row("MQ-12", "drops the newest where that is the policy [§4.1.1]", async (rig) => {
  await (await subscriber(rig, 5)).drop();
  await route(rig, 1, "m1", "m2", "m3");
  deepEqual((await rig.broker.inspect("a"))?.dropped, { queueFullNewest: 1 });
  deepEqual(payloads(await resume(rig, 5)), ["m1", "m2"]);
}, { queue: { maximumMessages: 2, whenFull: "dropNewest" } });

row("MQ-12", "drops QoS 0 first, and never a started message [§4.1.1]", async (rig) => {
  const a = await subscriber(rig, 5, { receiveMaximum: 1 });
  await route(rig, 1, "m1");
  deepEqual(traces(a), ["m1 q1 #2"]);
  await a.drop();
  await route(rig, 1, "m2");
  await route(rig, 0, "m3");
  await route(rig, 1, "m4");
  await route(rig, 1, "m5");
  const again = await resume(rig, 5);
  deepEqual(payloads(again), ["m1", "m4", "m5"]);
}, { queue: { maximumMessages: 3, whenFull: "dropOldest" }, queueQos0: true });

for (const qos of [1, 2] as const) {
  row("MQ-12", `refuses QoS ${qos} with 0x97 where nobody can take it, and takes the next [§3.4.2.1]`, async (rig) => {
    await (await subscriber(rig, 5)).drop();
    await route(rig, 1, "m1");
    const p = await rig.connect({ clientId: "p" });
    await p.publish("t", { qos, packetId: 1, payload: text("m2") });
    equal(p.take(qos === 1 ? "puback" : "pubrec").reasonCode, 0x97);
    const again = await resume(rig, 5);
    const first = again.take("publish");
    await again.send({ type: "puback", packetId: first.packetId as number, reasonCode: 0 });
    // The identifier is free: this is a new message, not a repeat.
    await p.publish("t", { qos, packetId: 1, payload: text("m3") });
    equal(p.take(qos === 1 ? "puback" : "pubrec").reasonCode, 0);
    deepEqual(payloads(again), ["m3"]);
  }, { queue: { maximumMessages: 1, whenFull: "reject" } });
}

rowInBoth("MQ-13", "does not let what was routed to an ended session reach its successor", {
  5: "MQTT-3.1.2-4",
  4: "MQTT-3.1.2-6",
}, async (rig, version) => {
  await (await subscriber(rig, version)).drop();
  const stale = await rig.store.matchSubscriptions(["t"]);
  await rig.connect(lasting(version, { cleanStart: true }));
  const [match] = stale[0] ?? [];
  equal(match?.clientId, "a");
  const late = await rig.store.commit([{
    id: "late",
    changes: [],
    deliveries: [{
      message: {
        topic: "t",
        payload: text("m"),
        qos: 1,
        retain: false,
        properties: {},
        publisher: "p",
        publishedAt: 0,
      },
      receivers: [{
        clientId: "a",
        incarnation: match?.incarnation ?? "",
        qos: 1,
        retain: false,
        subscriptionIdentifiers: [],
      }],
    }],
    limits: { maximumMessages: 10, maximumBytes: 1_000, whenFull: "dropOldest" },
    now: rig.now,
  }]);
  const [result] = late;
  deepEqual(result?.outcome === "committed" && result.deliveries[0]?.map((each) => each.outcome), ["ended"]);
  equal(await rig.queued(), 0);
  await route(rig, 1, "m2");
  equal(await rig.queued(), 0);
});

row("MQ-04", "does not take ever more messages for started, one takeover after another [MQTT-3.3.2-5]", async (rig) => {
  let a = await subscriber(rig, 5);
  for (const payload of ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"]) await publishExpiring(rig, payload, 5);
  deepEqual(traces(a), ["m1 q1 #2", "m2 q1 #3"]);
  for (let takeover = 0; takeover < 3; takeover++) {
    a = await resume(rig, 5);
    deepEqual(traces(a), ["m1 q1 #2 dup", "m2 q1 #3 dup"]);
  }
  await a.drop();
  await rig.advance(60_000);
  const again = await resume(rig, 5);
  deepEqual(traces(again), ["m1 q1 #2 dup", "m2 q1 #3 dup"]);
  await again.send({ type: "puback", packetId: 2, reasonCode: 0 }, { type: "puback", packetId: 3, reasonCode: 0 });
  again.quiet();
  equal(await rig.queued(), 0);
}, { limits: { maximumInFlight: 2 } });
