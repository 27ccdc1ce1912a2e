/** SUBSCRIBE and what it brings: SB-01 to SB-23 and SB-31 to SB-33, without retained messages. */
import { deepEqual, equal } from "node:assert/strict";
import { lasting, rowInBoth, type Version } from "../support/both_versions.ts";
import { resume, route } from "../support/deliveries.ts";
import { type Client, read, type Rig, subscribePacket, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, traces } from "../support/seen.ts";

/** Publishes to any topic from nobody's session. */
async function publish(rig: Rig, topic: string, payload: string, qos: 0 | 1 | 2 = 1): Promise<void> {
  await rig.broker.publish({ topic, payload: text(payload), qos });
  await rig.settle();
}

/** The payloads that came, other packets by their type. */
function payloads(client: Client): readonly string[] {
  return client.takeAll().map((packet) => packet.type === "publish" ? read(packet.payload) : packet.type);
}

/** The code of a failed filter, as each version can say it. */
function failure(version: Version, reasonCode: number): number {
  return version === 5 ? reasonCode : 0x80;
}

rowInBoth(
  "SB-01",
  "answers SUBSCRIBE with a SUBACK of the same identifier",
  "MQTT-3.8.4-1, MQTT-3.8.4-2",
  async (rig, version) => {
    const a = await rig.connect(lasting(version));
    for (const packetId of [1, 77, 65_535]) equal((await a.subscribe("t", 1, packetId)).packetId, packetId);
  },
);

row("SB-02", "may deliver before the SUBACK: what is routed during the SUBSCRIBE is not lost [§3.8.4]", async (rig) => {
  const a = await rig.connect(lasting(5));
  const subscribing = a.send(subscribePacket(1, [{ filter: "t", qos: 1 }]));
  await subscribing;
  await route(rig, 1, "m1");
  const types = a.takeAll().map((packet) => packet.type).sort();
  deepEqual(types, ["publish", "suback"]);
});

row("SB-03", "keys a subscription by its exact filter [§4.8.1]", async (rig) => {
  const a = await rig.connect(lasting(5));
  for (const filter of ["a/b", "a/B", "a/b/", "/a/b", "a/+"]) await a.subscribe(filter, 1);
  deepEqual([...(await rig.stored())?.subscriptions.keys() ?? []].sort(), ["/a/b", "a/+", "a/B", "a/b", "a/b/"]);
});

rowInBoth("SB-04", "replaces a subscription with the identical filter", "MQTT-3.8.4-3", async (rig, version) => {
  const a = await rig.connect(lasting(version));
  deepEqual((await a.subscribe("a", 0)).reasonCodes, [0]);
  deepEqual((await a.subscribe("a", 1)).reasonCodes, [1]);
  equal((await rig.stored())?.subscriptions.size, 1);
  equal((await rig.stored())?.subscriptions.get("a")?.qos, 1);
  await publish(rig, "a", "m1", 2);
  deepEqual(traces(a), ["m1 q1 #2"]);
});

rowInBoth(
  "SB-05",
  "loses no message when a subscription is replaced",
  { 5: "MQTT-3.8.4-4", 4: "MQTT-3.8.4-3" },
  async (rig, version) => {
    const a = await rig.connect(lasting(version, version === 5 ? { receiveMaximum: 1 } : {}));
    await a.subscribe("t", 1);
    await route(rig, 1, "m1", "m2");
    const first = a.take("publish");
    await a.send(subscribePacket(9, [{ filter: "t", qos: 2 }]));
    await route(rig, 1, "m3");
    await a.send({ type: "puback", packetId: first.packetId as number, reasonCode: 0 });
    await a.drop();
    const again = await resume(rig, version);
    deepEqual(payloads(again), ["m2", "m3"]);
  },
);

row(
  "SB-08",
  "clears RETAIN when forwarding, and keeps it where Retain As Published is 1 [MQTT-3.3.1-12] [MQTT-3.3.1-13]",
  async (rig) => {
    const plain = await rig.connect({ clientId: "plain" });
    await plain.subscribe("t", 1);
    const a = await rig.connect(lasting(5));
    await a.send(subscribePacket(1, [{ filter: "t", qos: 1, retainAsPublished: true }]));
    await a.drop();
    const p = await rig.connect({ clientId: "p" });
    await p.publish("t", { qos: 1, packetId: 1, retain: true });
    equal(plain.take("publish").retain, false);
    await rig.crash();
    const again = await resume(rig, 5);
    equal(again.take("publish").retain, true);
  },
  { limits: { retainAvailable: true } },
);

row("SB-08", "clears RETAIN when forwarding on 3.1.1 [MQTT-3.3.1-9]", async (rig) => {
  const a = await rig.connect(lasting(4));
  await a.subscribe("t", 1);
  const p = await rig.connect(lasting(4, { clientId: "p" }));
  await p.publish("t", { qos: 1, packetId: 1, retain: true });
  equal(a.take("publish").retain, false);
});

row("SB-10", "does not forward to its own publisher with No Local, after a resume too [MQTT-3.8.3-3]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.send(subscribePacket(1, [{ filter: "t", qos: 1, noLocal: true }]));
  a.take("suback");
  await a.publish("t", { qos: 1, packetId: 1 });
  equal(a.take("puback").reasonCode, 0x10);
  a.quiet();
  const p = await rig.connect({ clientId: "p" });
  await p.publish("t", { qos: 1, packetId: 1, payload: text("theirs") });
  deepEqual(traces(a), ["theirs q1 #2"]);
  await a.send({ type: "puback", packetId: 2, reasonCode: 0 });
  await a.drop();
  const again = await resume(rig, 5);
  await again.publish("t", { qos: 1, packetId: 2 });
  equal(again.take("puback").reasonCode, 0x10);
  again.quiet();
});

row("SB-11", "closes with 0x82 on No Local for a shared subscription [MQTT-3.8.3-4]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.send(subscribePacket(1, [{ filter: "ok", qos: 1 }, { filter: "$share/g/t", qos: 1, noLocal: true }]));
  closedWith(a, 5, 0x82);
  equal((await rig.stored())?.subscriptions.size, 0);
}, { limits: { sharedSubscriptionAvailable: true } });

rowInBoth("SB-12", "closes on QoS 3 or Retain Handling 3, and no filter of that packet takes effect", {
  5: "MQTT-3.8.3-5",
  4: "MQTT-3.8.3-4",
}, async (rig, version) => {
  const bad = [{ qos: 3 }, ...(version === 5 ? [{ retainHandling: 3 }] : [])];
  for (const fault of bad) {
    const a = await rig.dial(lasting(version));
    a.take("connack");
    const packet = subscribePacket(1, [{ filter: "ok", qos: 1 }, { filter: "t", qos: 1 }]);
    // Deliberately outside the type: this is what a codec may let through.
    const subscriptions = packet.subscriptions.map((each, index) => index === 1 ? { ...each, ...fault } : each);
    await a.send({ ...packet, subscriptions } as typeof packet);
    closedWith(a, version, 0x82);
    equal((await rig.stored())?.subscriptions.size, 0);
  }
});

rowInBoth("SB-13", "takes several filters like several SUBSCRIBEs with one SUBACK; of the same one the last wins", {
  5: "MQTT-3.8.4-5",
  4: "MQTT-3.8.4-4",
}, async (rig, version) => {
  const a = await rig.connect(lasting(version));
  await a.send(subscribePacket(1, [{ filter: "t", qos: 2 }, { filter: "u", qos: 0 }, { filter: "t", qos: 1 }]));
  deepEqual(a.take("suback").reasonCodes, [2, 0, 1]);
  a.quiet();
  equal((await rig.stored())?.subscriptions.get("t")?.qos, 1);
  await route(rig, 2, "m1");
  deepEqual(traces(a), ["m1 q1 #2"]);
});

for (const version of [4, 5] as const) {
  row(
    "SB-14",
    `answers with one code per filter, in order, granting or refusing each [MQTT-3.8.4-6] (${version})`,
    async (rig) => {
      const a = await rig.connect(lasting(version));
      const filters = ["t/1", "secret/1", "t/#/x", "t/2", ""].map((filter, index) => ({
        filter,
        qos: (index % 3) as 0 | 1 | 2,
      }));
      await a.send(subscribePacket(1, filters));
      deepEqual(a.take("suback").reasonCodes, [
        0,
        failure(version, 0x87),
        failure(version, 0x8f),
        0,
        failure(version, 0x8f),
      ]);
      deepEqual([...(await rig.stored())?.subscriptions.keys() ?? []].sort(), ["t/1", "t/2"]);
    },
    { authorize: ({ topic }) => !topic.startsWith("secret") },
  );
}

row("SB-15", "uses only 0, 1, 2 and 0x80 on 3.1.1 [MQTT-3.9.3-2]", async (rig) => {
  const a = await rig.connect(lasting(4));
  const filters = ["a", "b", "c", "secret", "bad/#/x", "$share/g/t"];
  await a.send(subscribePacket(1, filters.map((filter, index) => ({ filter, qos: (index % 3) as 0 | 1 | 2 }))));
  deepEqual(a.take("suback").reasonCodes, [0, 1, 2, 0x80, 0x80, 0x80]);
}, { authorize: ({ topic }) => topic !== "secret", limits: { sharedSubscriptionAvailable: false } });

row("SB-15", "uses only the codes of the 5.0 table [MQTT-3.9.3-2]", async (rig) => {
  const a = await rig.connect(lasting(5));
  const listed = [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2];
  const filters = ["a", "b", "c", "secret", "bad/#/x", "\u0000", "x".repeat(70_000)];
  await a.send(subscribePacket(1, filters.map((filter, index) => ({ filter, qos: (index % 3) as 0 | 1 | 2 }))));
  const { reasonCodes } = a.take("suback");
  deepEqual(reasonCodes.filter((code) => !listed.includes(code)), []);
  deepEqual(reasonCodes.slice(3), [0x87, 0x8f, 0x8f, 0x8f]);
}, { authorize: ({ topic }) => topic !== "secret" });

// Whichever of the filters has the highest level: neither the last nor the longest decides.
for (const [all, single, exact] of [[0, 1, 2], [2, 0, 1], [1, 2, 0]] as const) {
  rowInBoth("SB-16", `delivers one copy at the highest level of overlapping filters at ${all}, ${single}, ${exact}`, {
    5: "MQTT-3.3.4-2",
    4: "MQTT-3.3.5-1",
  }, async (rig, version) => {
    const a = await rig.connect(lasting(version));
    await a.subscribe("a/#", all);
    await a.subscribe("a/b", exact);
    await a.subscribe("+/b", single);
    await publish(rig, "a/b", "m1", 2);
    deepEqual(traces(a), ["m1 q2 #2"]);
  });
}

row("SB-16", "delivers one copy for each where policy P14 says so [MQTT-3.3.4-2]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.subscribe("a/#", 1);
  await a.subscribe("a/b", 2);
  await publish(rig, "a/b", "m1", 2);
  deepEqual(traces(a).map((line) => line.slice(0, 5)).sort(), ["m1 q1", "m1 q2"]);
}, { policy: { overlappingSubscriptions: "each" } });

row(
  "SB-17",
  "puts the identifiers of all matching subscriptions into the one copy, queued or not [MQTT-3.3.4-3] [MQTT-3.3.4-4]",
  async (rig) => {
    const a = await rig.connect(lasting(5));
    await a.send(
      subscribePacket(1, [{ filter: "a/#", qos: 1 }], 1),
      subscribePacket(2, [{ filter: "a/b", qos: 1 }], 268_435_455),
    );
    await a.send(subscribePacket(3, [{ filter: "+/b", qos: 1 }]), subscribePacket(4, [{ filter: "other", qos: 1 }], 7));
    a.takeAll();
    await publish(rig, "a/b", "m1");
    deepEqual([...a.take("publish").subscriptionIdentifiers ?? []].sort((x, y) => x - y), [1, 268_435_455]);
    await a.drop();
    await publish(rig, "a/b", "m2");
    await rig.crash();
    const again = await resume(rig, 5);
    for (const _ of ["m1", "m2"]) {
      deepEqual([...again.take("publish").subscriptionIdentifiers ?? []].sort((x, y) => x - y), [1, 268_435_455]);
    }
  },
);

row("SB-17", "gives each copy its own identifier where there are several [MQTT-3.3.4-5]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.send(subscribePacket(1, [{ filter: "a/#", qos: 1 }], 1), subscribePacket(2, [{ filter: "a/b", qos: 1 }], 2));
  a.takeAll();
  await publish(rig, "a/b", "m1");
  const identifiers = a.takeAll().flatMap((packet) =>
    packet.type === "publish" ? [packet.subscriptionIdentifiers] : []
  );
  deepEqual(identifiers.map((each) => each?.[0]).sort(), [1, 2]);
  deepEqual(identifiers.map((each) => each?.length), [1, 1]);
}, { policy: { overlappingSubscriptions: "each" } });

row("SB-18", "closes with 0x82 on a Subscription Identifier in a client's PUBLISH [MQTT-3.3.4-6]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.publish("t", { subscriptionIdentifiers: [1] });
  closedWith(a, 5, 0x82);
});

row("SB-19", "stores the identifier, or its absence, with the subscription [§3.8.2.1.2]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.send(subscribePacket(1, [{ filter: "t", qos: 1 }], 5));
  equal((await rig.stored())?.subscriptions.get("t")?.subscriptionIdentifier, 5);
  await a.send(subscribePacket(2, [{ filter: "t", qos: 1 }]));
  equal((await rig.stored())?.subscriptions.get("t")?.subscriptionIdentifier, undefined);
  a.takeAll();
  await route(rig, 1, "m1");
  equal(a.take("publish").subscriptionIdentifiers, undefined);
});

for (const identifier of [0, 268_435_456]) {
  row("SB-19", `closes with 0x82 on the identifier ${identifier} [§3.8.2.1.2]`, async (rig) => {
    const a = await rig.connect(lasting(5));
    await a.send(subscribePacket(1, [{ filter: "t", qos: 1 }], identifier));
    closedWith(a, 5, 0x82);
    equal((await rig.stored())?.subscriptions.size, 0);
  });
}

row("SB-20", "forgets an identifier at UNSUBSCRIBE, at a re-SUBSCRIBE and with the session [§3.8.4]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.send(subscribePacket(1, [{ filter: "t", qos: 1 }], 5));
  await a.send({ type: "unsubscribe", packetId: 2, filters: ["t"] });
  await a.send(subscribePacket(3, [{ filter: "t", qos: 1 }], 6));
  a.takeAll();
  await route(rig, 1, "m1");
  deepEqual(a.take("publish").subscriptionIdentifiers, [6]);
  await a.send(subscribePacket(4, [{ filter: "t", qos: 1 }], 7));
  await route(rig, 1, "m2");
  a.take("suback");
  deepEqual(a.take("publish").subscriptionIdentifiers, [7]);
  const clean = await rig.connect(lasting(5, { cleanStart: true }));
  await clean.subscribe("t", 1);
  await route(rig, 1, "m3");
  equal(clean.take("publish").subscriptionIdentifiers, undefined);
});

rowInBoth(
  "SB-22",
  "keeps subscriptions with all their options, and a resume is no SUBSCRIBE",
  "§4.1",
  async (rig, version) => {
    const a = await rig.connect(lasting(version));
    const options = version === 5 ? { noLocal: true, retainAsPublished: true, retainHandling: 2 as const } : {};
    await a.send(subscribePacket(1, [{ filter: "t", qos: 1, ...options }], version === 5 ? 9 : undefined));
    const before = (await rig.stored())?.subscriptions;
    await a.drop();
    await rig.crash();
    const again = await resume(rig, version);
    again.quiet();
    deepEqual((await rig.stored())?.subscriptions, before);
    await route(rig, 2, "m1");
    const packet = again.take("publish");
    equal(packet.qos, 1);
    deepEqual(packet.subscriptionIdentifiers, version === 5 ? [9] : undefined);
  },
);

/** Refuses everything once `isOn`. */
function switchable(): { isOn: boolean; readonly authorize: () => boolean } {
  const state = { isOn: false, authorize: () => !state.isOn };
  return state;
}

for (const [policy, kept] of [["keep", 1], ["remove", 0]] as const) {
  const verdict = switchable();
  row(
    "SB-23",
    `${policy}s the old subscription when its replacement is refused, as policy P7 says [§3.8.4]`,
    async (rig) => {
      const a = await rig.connect(lasting(5));
      await a.subscribe("t", 1);
      verdict.isOn = true;
      deepEqual((await a.subscribe("t", 2)).reasonCodes, [0x87]);
      equal((await rig.stored())?.subscriptions.size, kept);
      verdict.isOn = false;
      await route(rig, 1, "m1");
      equal(a.takeAll().length, kept);
    },
    { policy: { refusedReplacement: policy }, authorize: verdict.authorize },
  );
}

rowInBoth(
  "SB-31",
  "forwards only what matches the filter, under its own topic",
  "MQTT-3.3.2-3",
  async (rig, version) => {
    const a = await rig.connect(lasting(version));
    await a.subscribe("a/+/c/#", 1);
    const topics = ["a/b/c", "a//c/d/e", "a/b/c/", "a/c", "a/b/d", "/a/b/c", "A/b/c"];
    for (const topic of topics) await publish(rig, topic, topic);
    const got = a.takeAll().map((packet) => packet.type === "publish" ? [packet.topic, read(packet.payload)] : []);
    deepEqual(got, [["a/b/c", "a/b/c"], ["a//c/d/e", "a//c/d/e"], ["a/b/c/", "a/b/c/"]]);
  },
);

rowInBoth(
  "SB-32",
  "does not match a leading wildcard with $ topics, and normalises nothing",
  "MQTT-4.7.2-1, MQTT-4.7.3-4",
  async (rig, version) => {
    const a = await rig.connect(lasting(version));
    for (const filter of ["#", "+/x", "$SYS/#", "e\u0301"]) await a.subscribe(filter, 1);
    await publish(rig, "$SYS/x", "m1");
    await publish(rig, "$other/x", "m2");
    await publish(rig, "\u00e9", "m3");
    deepEqual(payloads(a), ["m1", "m3"]);
    await a.send({ type: "unsubscribe", packetId: 1, filters: ["#"] });
    await publish(rig, "\u00e9", "m4");
    deepEqual(payloads(a), ["unsuback"]);
  },
);

for (
  const [what, limits, filter, identifier, code] of [
    ["wildcards", { wildcardSubscriptionAvailable: false }, "a/+", undefined, 0xa2],
    ["identifiers", { subscriptionIdentifiersAvailable: false }, "a", 1, 0xa1],
    ["shared subscriptions", { sharedSubscriptionAvailable: false }, "$share/g/a", undefined, 0x9e],
  ] as const
) {
  row(
    "SB-33",
    `closes with 0x${code.toString(16)} on ${what} where they are not available [§3.2.2.3.11]`,
    async (rig) => {
      const a = await rig.connect(lasting(5));
      await a.send(subscribePacket(1, [{ filter: "ok", qos: 1 }, { filter, qos: 1 }], identifier));
      closedWith(a, 5, code);
      equal((await rig.stored())?.subscriptions.size, 0);
      await rig.connect(lasting(5), true);
    },
    { limits },
  );
}
