/** DISCONNECT and error handling: ER-01 to ER-07, ER-09 to ER-12. */
import { deepEqual, equal } from "node:assert/strict";
import type { ClientPacket } from "../../../src/mqtt/packet.ts";
import { fleeting, lasting, rowInBoth } from "../support/both_versions.ts";
import { response, resume, route, subscriber } from "../support/deliveries.ts";
import { publishPacket } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, traces } from "../support/seen.ts";
import { published, watcher, will } from "../support/wills.ts";

/** Packets that no client may send, each a fault of its own. */
const FAULTS: Readonly<Record<string, ClientPacket>> = {
  "a second CONNECT": { type: "connect", protocolVersion: 5, clientId: "a", cleanStart: true, keepAlive: 0 },
  "PUBLISH with identifier 0": publishPacket("t", { qos: 1, packetId: 0 }),
  "PUBLISH without an identifier": publishPacket("t", { qos: 2 }),
  "QoS 0 with DUP 1": publishPacket("t", { dup: true }),
  "PUBACK with identifier 0": { type: "puback", packetId: 0, reasonCode: 0 },
  "PUBREL with identifier 0": { type: "pubrel", packetId: 0, reasonCode: 0 },
  "SUBSCRIBE without a filter": { type: "subscribe", packetId: 1, subscriptions: [] },
  "UNSUBSCRIBE without a filter": { type: "unsubscribe", packetId: 1, filters: [] },
};

row(
  "ER-01",
  "sends no DISCONNECT before a success CONNACK: a refusing CONNACK or a plain close [MQTT-3.14.0-1]",
  async (rig) => {
    const early = rig.open();
    await early.send({ type: "pingreq" });
    deepEqual(early.timeline, ["close"]);
    const malformed = rig.open();
    await malformed.malformed();
    deepEqual(malformed.timeline, ["close"]);
    const refused = await rig.dial({ receiveMaximum: 0 });
    deepEqual(refused.timeline, ["connack", "close"]);
    const silent = rig.open();
    await rig.advance(10_000);
    deepEqual(silent.timeline, ["close"]);
  },
);

row("ER-01", "sends none while the client is being authenticated [MQTT-3.14.0-1]", async (rig) => {
  const waiting = await rig.dial();
  await rig.broker.shutdown();
  equal(waiting.timeline.includes("disconnect"), false);
  equal(waiting.closed, true);
}, {
  authenticate: (_, { signal }) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve({ ok: false }))),
});

rowInBoth("ER-02", "sends nothing after DISCONNECT, and takes nothing", {
  5: "MQTT-3.14.4-1, MQTT-3.14.4-2",
  4: "MQTT-3.14.4-2, MQTT-3.14.4-1",
}, async (rig, version) => {
  const a = await subscriber(rig, version);
  await a.send(response("puback", 0), publishPacket("t", { qos: 1, packetId: 5 }), { type: "pingreq" });
  deepEqual(a.timeline.slice(-2), version === 5 ? ["disconnect", "close"] : ["suback", "close"]);
  await route(rig, 1, "later");
  equal(a.timeline.at(-1), "close");
  equal(await rig.queued(), 1);
});

row("ER-03", "sends only codes that a server may send [MQTT-3.14.2-1]", async (rig) => {
  const serverCodes = [
    0x00,
    0x80,
    0x81,
    0x82,
    0x83,
    0x87,
    0x89,
    0x8b,
    0x8d,
    0x8e,
    0x8f,
    0x90,
    0x93,
    0x94,
    0x95,
    0x96,
    0x97,
    0x98,
    0x99,
    0x9a,
    0x9b,
    0x9c,
    0x9d,
    0x9e,
    0x9f,
    0xa0,
    0xa1,
    0xa2,
  ];
  for (const packet of Object.values(FAULTS)) {
    const a = await rig.connect();
    await a.send(packet);
    equal(serverCodes.includes(a.take("disconnect").reasonCode), true);
  }
});

for (const reasonCode of [0x01, 0x10, 0x84, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x9a, 0x9c, 0xa2, 0xff]) {
  row(
    "ER-03",
    `does not take DISCONNECT 0x${reasonCode.toString(16)} from a client for a normal one [MQTT-3.14.2-1]`,
    async (rig) => {
      const w = await watcher(rig);
      const a = await rig.connect({ will: will() });
      await a.send({ type: "disconnect", reasonCode });
      closedWith(a, 5, 0x82);
      deepEqual(await published(rig, w), ["gone"]);
    },
  );
}

row("ER-04", "takes a DISCONNECT without a code for 0x00: the Will is deleted [§3.14.2.1]", async (rig) => {
  // Without a code byte a codec gives 0.
  const w = await watcher(rig);
  const a = await rig.connect(lasting(5, { will: will() }));
  await a.send({ type: "disconnect", reasonCode: 0 });
  await rig.advance(100_000);
  deepEqual(await published(rig, w), []);
  equal((await rig.stored())?.will, undefined);
});

row("ER-05", "closes too when it gets DISCONNECT [§3.14.4]", async (rig) => {
  for (const reasonCode of [0x00, 0x04, 0x80]) {
    const a = await rig.connect();
    await a.send({ type: "disconnect", reasonCode });
    a.quiet();
    equal(a.closed, true);
  }
});

row("ER-06", "closes on DISCONNECT if the client has not (3.1.1) [§3.14.4]", async (rig) => {
  const a = await rig.connect(lasting(4));
  await a.send({ type: "disconnect", reasonCode: 0 });
  a.quiet();
  equal(a.closed, true);
});

for (const [what, packet] of Object.entries(FAULTS)) {
  row("ER-07", `answers ${what} with DISCONNECT 0x82 and closes [MQTT-4.13.1-1]`, async (rig) => {
    const a = await rig.connect(lasting(5));
    await a.send(packet);
    closedWith(a, 5, 0x82);
  });
  row("ER-11", `closes on ${what} and keeps the session by its CleanSession [MQTT-4.8.0-1] (3.1.1)`, async (rig) => {
    const a = await rig.connect(lasting(4));
    await a.send(packet);
    closedWith(a, 4, 0x82);
    await rig.connect(lasting(4), true);
    const brief = await rig.connect(fleeting(4, { clientId: "b" }));
    await brief.send(packet);
    closedWith(brief, 4, 0x82);
    await rig.connect(lasting(4, { clientId: "b" }), false);
  });
}

row("ER-07", "answers bytes that are no packet with the codec's code and closes [MQTT-4.13.1-1]", async (rig) => {
  for (const code of [0x81, 0x82, 0x95]) {
    const a = await rig.connect();
    await a.malformed(code);
    closedWith(a, 5, code);
  }
});

row("ER-09", "closes after every CONNACK or DISCONNECT of 0x80 and above [MQTT-4.13.2-1]", async (rig) => {
  const refused = await rig.dial({ maximumPacketSize: 0 });
  equal(refused.take("connack").reasonCode >= 0x80, true);
  equal(refused.closed, true);
  const a = await rig.connect();
  await a.send(response("puback", 0));
  equal(a.take("disconnect").reasonCode >= 0x80, true);
  equal(a.closed, true);
});

row("ER-10", "lets an acknowledgement of 0x80 and above concern its own packet alone [§4.13.2]", async (rig) => {
  const a = await subscriber(rig, 5);
  await route(rig, 1, "m1", "m2", "m3");
  equal(traces(a).length, 3);
  await a.send(response("puback", 3, 0x80));
  a.quiet();
  equal(a.closed, false);
  equal(await rig.queued(), 2);
  await a.drop();
  deepEqual(traces(await resume(rig, 5)), ["m1 q1 #2 dup", "m3 q1 #4 dup"]);
});

rowInBoth(
  "ER-12",
  "closes the connection for an error, while session and Will follow their own rules",
  "§4.13",
  async (rig, version) => {
    const w = await watcher(rig);
    const a = await rig.connect(lasting(version, { will: will() }));
    await a.subscribe("t", 1);
    await a.send(response("pubrel", 0));
    closedWith(a, version, 0x82);
    deepEqual(await published(rig, w), ["gone"]);
    await route(rig, 1, "m1");
    deepEqual(traces(await resume(rig, version)), ["m1 q1 #2"]);
  },
);
