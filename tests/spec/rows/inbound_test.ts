/** Inbound delivery, the server as the receiver: the handshakes, IB-01 to IB-13, IB-17 and IB-21. */
import { deepEqual, equal } from "node:assert/strict";
import { fleeting, lasting, rowInBoth, type Version } from "../support/both_versions.ts";
import { publisher, response, subscriber } from "../support/deliveries.ts";
import { type Client, type Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { stillOpen, takeFirst, trace, traces } from "../support/seen.ts";

/** A subscriber `a` to `t`, and a publisher `p`. */
async function pair(rig: Rig, version: Version): Promise<{ readonly a: Client; readonly p: Client }> {
  return { a: await subscriber(rig, version), p: await publisher(rig, version) };
}

/** Takes all that was delivered, as payloads. */
function payloads(client: Client): readonly string[] {
  return traces(client).map((line) => line.split(" ")[0] ?? "");
}

rowInBoth("IB-01", "answers a PUBLISH by its QoS: nothing, PUBACK, PUBREC", "MQTT-3.3.4-1", async (rig, version) => {
  const { a, p } = await pair(rig, version);
  await p.publish("t", { payload: text("m0") });
  p.quiet();
  await p.publish("t", { qos: 1, packetId: 1, payload: text("m1") });
  deepEqual(traces(p), ["puback #1"]);
  await p.publish("t", { qos: 2, packetId: 2, payload: text("m2") });
  deepEqual(traces(p), ["pubrec #2"]);
  deepEqual(payloads(a), ["m0", "m1", "m2"]);
  await rig.advance(60_000);
  p.quiet();
});

rowInBoth("IB-01", "gives each PUBLISH of QoS 1 and 2 one answer, in order, when they come in one piece", {
  5: "MQTT-3.3.4-1",
  4: "MQTT-3.3.4-1, MQTT-4.6.0-2, MQTT-4.6.0-3",
}, async (rig, version) => {
  const { a, p } = await pair(rig, version);
  const packets = Array.from({ length: 30 }, (_, index) => ({
    type: "publish" as const,
    topic: "t",
    payload: text(`m${index}`),
    qos: index % 2 === 0 ? 1 as const : 2 as const,
    packetId: index + 1,
    retain: false,
    dup: false,
    properties: {},
  }));
  await p.send(...packets);
  deepEqual(traces(p), packets.map(({ qos, packetId }) => `${qos === 1 ? "puback" : "pubrec"} #${packetId}`));
  deepEqual(payloads(a), packets.map((_, index) => `m${index}`));
});

rowInBoth("IB-02", "passes a QoS 1 message on and answers PUBACK under its identifier", {
  5: "MQTT-4.3.2-4",
  4: "MQTT-4.3.2-2",
}, async (rig, version) => {
  const { a, p } = await pair(rig, version);
  await p.publish("t", { qos: 1, packetId: 77 });
  deepEqual(p.take("puback"), { type: "puback", packetId: 77, reasonCode: 0 });
  takeFirst(a, "m", 1);
  deepEqual((await rig.stored("p"))?.inbound, new Set());
});

rowInBoth("IB-03", "takes the same identifier for a new message after PUBACK, whatever DUP says", {
  5: "MQTT-4.3.2-5",
  4: "MQTT-4.3.2-2",
}, async (rig, version) => {
  const { a, p } = await pair(rig, version);
  await p.publish("t", { qos: 1, packetId: 1, payload: text("m1") });
  await p.publish("t", { qos: 1, packetId: 1, payload: text("m2"), dup: true });
  await p.publish("t", { qos: 1, packetId: 1, payload: text("m3") });
  deepEqual(traces(p), ["puback #1", "puback #1", "puback #1"]);
  deepEqual(payloads(a), ["m1", "m2", "m3"]);
});

rowInBoth("IB-04", "passes a QoS 2 message on, remembers its identifier and answers PUBREC", {
  5: "MQTT-4.3.3-8",
  4: "MQTT-4.3.3-2",
}, async (rig, version) => {
  const { a, p } = await pair(rig, version);
  await p.publish("t", { qos: 2, packetId: 77 });
  deepEqual(p.take("pubrec"), { type: "pubrec", packetId: 77, reasonCode: 0 });
  takeFirst(a, "m", 2);
  deepEqual((await rig.stored("p"))?.inbound, new Set([77]));
});

rowInBoth(
  "IB-06",
  "answers an unreleased identifier with PUBREC and delivers nothing, any number of times and over resumes",
  {
    5: "MQTT-4.3.3-10",
    4: "MQTT-4.3.3-2",
  },
  async (rig, version) => {
    const { a, p } = await pair(rig, version);
    const repeat = { qos: 2, packetId: 1, dup: true } as const;
    await p.publish("t", { qos: 2, packetId: 1 });
    for (let count = 0; count < 3; count++) await p.publish("t", repeat);
    deepEqual(traces(p), ["pubrec #1", "pubrec #1", "pubrec #1", "pubrec #1"]);
    await p.drop();
    const second = await rig.connect(lasting(version, { clientId: "p" }), true);
    for (let count = 0; count < 3; count++) await second.publish("t", repeat);
    deepEqual(traces(second), ["pubrec #1", "pubrec #1", "pubrec #1"]);
    deepEqual(payloads(a), ["m"]);
    await a.drop();
    await rig.crash();
    const third = await rig.connect(lasting(version, { clientId: "p" }), true);
    for (let count = 0; count < 3; count++) await third.publish("t", repeat);
    await third.send(response("pubrel", 1));
    deepEqual(traces(third), ["pubrec #1", "pubrec #1", "pubrec #1", "pubcomp #1"]);
    equal(await rig.queued("a"), 1);
  },
);

rowInBoth("IB-06", "delivers once when the repeats come in one piece with the first", {
  5: "MQTT-4.3.3-10",
  4: "MQTT-4.3.3-2",
}, async (rig, version) => {
  const { a, p } = await pair(rig, version);
  const packet = {
    type: "publish",
    topic: "t",
    payload: text("m"),
    qos: 2,
    packetId: 1,
    retain: false,
    dup: false,
    properties: {},
  } as const;
  await p.send(packet, { ...packet, dup: true }, { ...packet, dup: true }, response("pubrel", 1));
  deepEqual(traces(p), ["pubrec #1", "pubrec #1", "pubrec #1", "pubcomp #1"]);
  deepEqual(payloads(a), ["m"]);
});

rowInBoth("IB-07", "takes an unreleased identifier for a repeat although DUP is 0, and reports it", {
  5: "MQTT-4.3.3-10",
  4: "MQTT-4.3.3-2",
}, async (rig, version) => {
  const { a, p } = await pair(rig, version);
  await p.publish("t", { qos: 2, packetId: 1, payload: text("m1") });
  await p.publish("t", { qos: 2, packetId: 1, payload: text("m2") });
  deepEqual(traces(p), ["pubrec #1", "pubrec #1"]);
  deepEqual(payloads(a), ["m1"]);
  const reported = rig.observed.filter((event) => event.type === "diagnosed");
  deepEqual(reported, [{ type: "diagnosed", clientId: "p", diagnosis: "repeatedWithoutDup", packetId: 1 }]);
});

rowInBoth("IB-08", "answers PUBREL with PUBCOMP under its identifier, and forgets it", {
  5: "MQTT-4.3.3-11",
  4: "MQTT-4.3.3-2",
}, async (rig, version) => {
  const { p } = await pair(rig, version);
  await p.publish("t", { qos: 2, packetId: 5 });
  await p.publish("t", { qos: 2, packetId: 6 });
  await p.send(response("pubrel", 6));
  deepEqual(traces(p).at(-1), "pubcomp #6");
  deepEqual((await rig.stored("p"))?.inbound, new Set([5]));
  await p.send(response("pubrel", 5));
  deepEqual(p.take("pubcomp"), { type: "pubcomp", packetId: 5, reasonCode: 0 });
  deepEqual((await rig.stored("p"))?.inbound, new Set());
});

row(
  "IB-09",
  "answers PUBREL for an unknown identifier with PUBCOMP 0x92 and stays connected [MQTT-4.3.3-11] (5.0)",
  async (rig) => {
    const { a, p } = await pair(rig, 5);
    await p.publish("t", { qos: 2, packetId: 1 });
    await p.send(response("pubrel", 1), response("pubrel", 1), response("pubrel", 9));
    deepEqual(traces(p), ["pubrec #1", "pubcomp #1", "pubcomp #1 0x92", "pubcomp #9 0x92"]);
    stillOpen(p);
    deepEqual(payloads(a), ["m"]);
    await p.publish("t", { qos: 1, packetId: 2 });
    deepEqual(traces(p), ["puback #2"]);
  },
);

row(
  "IB-10",
  "answers PUBREL for an unknown identifier with PUBCOMP and stays connected [MQTT-4.3.3-2] (3.1.1)",
  async (rig) => {
    const { a, p } = await pair(rig, 4);
    await p.publish("t", { qos: 2, packetId: 1 });
    await p.send(response("pubrel", 1), response("pubrel", 1), response("pubrel", 9));
    deepEqual(traces(p), ["pubrec #1", "pubcomp #1", "pubcomp #1", "pubcomp #9"]);
    stillOpen(p);
    deepEqual(payloads(a), ["m"]);
  },
);

rowInBoth("IB-11", "takes the same identifier for a new message after PUBCOMP", {
  5: "MQTT-4.3.3-12",
  4: "MQTT-4.3.3-2",
}, async (rig, version) => {
  const { a, p } = await pair(rig, version);
  for (const payload of ["m1", "m2", "m3"]) {
    // The last comes with DUP 1, which proves nothing.
    await p.publish("t", { qos: 2, packetId: 1, payload: text(payload), dup: payload === "m3" });
    await p.send(response("pubrel", 1));
    deepEqual(traces(p), ["pubrec #1", "pubcomp #1"]);
  }
  deepEqual(payloads(a), ["m1", "m2", "m3"]);
});

row("IB-12", "completes the handshake though the message has expired [MQTT-4.3.3-13] (5.0)", async (rig) => {
  const { a, p } = await pair(rig, 5);
  await a.drop();
  await p.publish("t", { qos: 2, packetId: 1, messageExpiryInterval: 5 });
  await rig.advance(60_000);
  await p.publish("t", { qos: 2, packetId: 1, messageExpiryInterval: 5, dup: true });
  await p.send(response("pubrel", 1));
  deepEqual(traces(p), ["pubrec #1", "pubrec #1", "pubcomp #1"]);
  (await rig.connect(lasting(5), true)).quiet();
});

for (const end of ["drop", "crash"] as const) {
  rowInBoth("IB-13", `keeps unreleased identifiers over a ${end}, and forgets them with a clean start`, {
    5: "§4.1",
    4: "§3.1.2.4",
  }, async (rig, version) => {
    const { a, p } = await pair(rig, version);
    await p.publish("t", { qos: 2, packetId: 1, payload: text("m1") });
    if (end === "drop") await p.drop();
    else await rig.crash();
    const again = await rig.connect(lasting(version, { clientId: "p" }), true);
    again.quiet();
    await again.publish("t", { qos: 2, packetId: 1, payload: text("m1"), dup: true });
    deepEqual(traces(again), ["pubrec #1"]);
    const clean = await rig.connect(fleeting(version, { clientId: "p" }));
    await clean.publish("t", { qos: 2, packetId: 1, payload: text("m2"), dup: true });
    deepEqual(traces(clean), ["pubrec #1"]);
    if (end === "drop") deepEqual(payloads(a), ["m1", "m2"]);
    else equal(await rig.queued("a"), 2);
  });
}

row("IB-13", "forgets unreleased identifiers when the session expires [MQTT-4.1.0-2] (5.0)", async (rig) => {
  const { a, p } = await pair(rig, 5);
  await p.publish("t", { qos: 2, packetId: 1, payload: text("m1") });
  await p.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 10 });
  await rig.advance(10_000);
  const again = await rig.connect(lasting(5, { clientId: "p" }), false);
  await again.publish("t", { qos: 2, packetId: 1, payload: text("m2"), dup: true });
  deepEqual(traces(again), ["pubrec #1"]);
  deepEqual(payloads(a), ["m1", "m2"]);
});

row("IB-17", "delivers at the first PUBLISH, and at nothing after it (3.1.1)", async (rig) => {
  const { a, p } = await pair(rig, 4);
  await p.publish("t", { qos: 2, packetId: 1 });
  takeFirst(a, "m", 2);
  await p.publish("t", { qos: 2, packetId: 1, dup: true });
  await p.send(response("pubrel", 1), response("pubrel", 1));
  deepEqual(p.takeAll().map(trace), ["pubrec #1", "pubrec #1", "pubcomp #1", "pubcomp #1"]);
  a.quiet();
});

for (const qos of [1, 2] as const) {
  rowInBoth(
    "IB-21",
    `delivers a first PUBLISH of QoS ${qos} although it carries DUP 1`,
    "§3.3.1.1",
    async (rig, version) => {
      const { a, p } = await pair(rig, version);
      await p.publish("t", { qos, packetId: 1, dup: true });
      deepEqual(traces(p), [qos === 1 ? "puback #1" : "pubrec #1"]);
      takeFirst(a, "m", qos);
    },
  );
}
