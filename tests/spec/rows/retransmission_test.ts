/** Retransmission and DUP: RT-01 to RT-14. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { ServerPacket } from "../../../src/mqtt/packet.ts";
import { encode } from "../../support/mqtt_packet_codec.ts";
import { fleeting, lasting, rowInBoth, type Version } from "../support/both_versions.ts";
import { publisher, response, resume, route, subscriber } from "../support/deliveries.ts";
import { type Client, Rig, subscribePacket, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { idOf, stillOpen, takeFirst, trace, traces } from "../support/seen.ts";

const HOUR_MS = 3_600_000;

/** One entry in each state: PUBACK, PUBREC and PUBCOMP awaited; and what a resume sends again, in order. */
async function oneOfEach(rig: Rig, a: Client): Promise<readonly string[]> {
  await route(rig, 2, "m1");
  await route(rig, 1, "m2");
  await route(rig, 2, "m3");
  const [first, second, third] = [takeFirst(a, "m1", 2), takeFirst(a, "m2", 1), takeFirst(a, "m3", 2)];
  await a.send(response("pubrec", first));
  deepEqual(traces(a), [`pubrel #${first}`]);
  return [`pubrel #${first}`, `m2 q1 #${second} dup`, `m3 q2 #${third} dup`];
}

async function resendsOnResumeAlone(rig: Rig, version: Version): Promise<void> {
  const never = version === 5 ? { sessionExpiryInterval: 0xffff_ffff } : {};
  const a = await subscriber(rig, version, never);
  const resent = await oneOfEach(rig, a);
  await rig.advance(HOUR_MS);
  a.quiet();
  stillOpen(a);
  await a.drop();
  await rig.advance(HOUR_MS);
  const again = await resume(rig, version, never);
  deepEqual(traces(again), resent);
  await rig.advance(HOUR_MS);
  await route(rig, 0, "more");
  deepEqual(traces(again), ["more q0"]);
  stillOpen(again);
}

row("RT-01", "sends again when the client resumes, once, and at no other time [MQTT-4.4.0-1] (5.0)", async (rig) => {
  await resendsOnResumeAlone(rig, 5);
});

row("RT-01", "sends nothing again after a clean start [MQTT-4.4.0-1] (5.0)", async (rig) => {
  const a = await subscriber(rig, 5);
  await oneOfEach(rig, a);
  await a.drop();
  const clean = await rig.connect(fleeting(5));
  clean.quiet();
  await rig.advance(HOUR_MS);
  clean.quiet();
});

row(
  "RT-01",
  "sends nothing again to a session that had ended, though Clean Start is 0 [MQTT-4.4.0-1] (5.0)",
  async (rig) => {
    const a = await subscriber(rig, 5);
    await oneOfEach(rig, a);
    await a.drop();
    await rig.advance(3_600_000);
    (await rig.connect(lasting(5), false)).quiet();
  },
);

row("RT-02", "sends again when the client resumes, once, and at no other time [MQTT-4.4.0-1] (3.1.1)", async (rig) => {
  await resendsOnResumeAlone(rig, 4);
});

row("RT-02", "sends nothing again after a clean session [MQTT-4.4.0-1] (3.1.1)", async (rig) => {
  const a = await subscriber(rig, 4);
  await oneOfEach(rig, a);
  await a.drop();
  (await rig.connect(fleeting(4))).quiet();
});

rowInBoth(
  "RT-03",
  "sets DUP on every resend, also of a session restored from its store",
  "MQTT-3.3.1-1",
  async (rig, version) => {
    let a = await subscriber(rig, version);
    await route(rig, 1, "m1");
    await route(rig, 2, "m2");
    const ids = [takeFirst(a, "m1", 1), takeFirst(a, "m2", 2)];
    for (const end of ["drop", "crash", "takeover", "crash", "drop"]) {
      if (end === "drop") await a.drop();
      if (end === "crash") await rig.crash();
      a = await resume(rig, version);
      deepEqual(traces(a), [`m1 q1 #${ids[0]} dup`, `m2 q2 #${ids[1]} dup`]);
    }
  },
);

rowInBoth("RT-04", "sends QoS 0 with DUP 0, at once and from the queue", "MQTT-3.3.1-2", async (_, version) => {
  const rig = new Rig({ queueQos0: true });
  const a = await subscriber(rig, version);
  await route(rig, 0, "m1");
  deepEqual(traces(a), ["m1 q0"]);
  await a.drop();
  await route(rig, 0, "m2");
  await rig.crash();
  await route(rig, 0, "m3");
  deepEqual(traces(await resume(rig, version)), ["m2 q0", "m3 q0"]);
});

rowInBoth(
  "RT-05",
  "sets DUP of a copy by its own transmission, not by the one received",
  "MQTT-3.3.1-3",
  async (rig, version) => {
    const a = await subscriber(rig, version);
    const p = await publisher(rig, version);
    await p.publish("t", { qos: 1, packetId: 1, dup: true, payload: text("m1") });
    await p.publish("t", { qos: 2, packetId: 2, dup: true, payload: text("m2") });
    const first = takeFirst(a, "m1", 1);
    const second = takeFirst(a, "m2", 2);
    await a.drop();
    deepEqual(traces(await resume(rig, version)), [`m1 q1 #${first} dup`, `m2 q2 #${second} dup`]);
  },
);

rowInBoth(
  "RT-06",
  "sends PUBREL with the flags 0010, again byte by byte as before",
  "MQTT-3.6.1-1",
  async (rig, version) => {
    const a = await subscriber(rig, version);
    await route(rig, 2, "m1");
    const id = takeFirst(a, "m1", 2);
    await a.send(response("pubrec", id), response("pubrec", id));
    const sent: ServerPacket[] = [a.take("pubrel"), a.take("pubrel")];
    await a.drop();
    sent.push((await resume(rig, version)).take("pubrel"));
    await rig.crash();
    sent.push((await resume(rig, version)).take("pubrel"));
    for (const packet of sent) deepEqual([...encode(packet, version)], [0x62, 2, id >> 8, id & 0xff]);
  },
);

for (const end of ["drop", "crash"] as const) {
  rowInBoth("RT-07", `sends again by state after a ${end}: PUBREL, PUBLISH with DUP 1, then what was never sent`, {
    5: "MQTT-4.4.0-1, MQTT-4.3.3-6",
    4: "MQTT-4.4.0-1, MQTT-4.3.3-1",
  }, async (_, version) => {
    const rig = new Rig({ limits: { maximumInFlight: 3 } });
    const a = await subscriber(rig, version);
    const resent = await oneOfEach(rig, a);
    await route(rig, 1, "waits");
    a.quiet();
    if (end === "drop") await a.drop();
    else await rig.crash();
    await route(rig, 2, "late");
    const again = await resume(rig, version);
    deepEqual(again.takeAll().slice(0, 3).map(trace), resent);
    // The released entry costs no quota in this connection, so one of those that waited goes out.
    const [waited] = again.received.slice(-1);
    ok(waited?.type === "publish");
    equal(trace(waited), `waits q1 #${waited.packetId}`);
    await again.send(response("puback", idOf(waited)));
    takeFirst(again, "late", 2);
    again.quiet();
  });
}

rowInBoth(
  "RT-10",
  "never repeats SUBACK, PUBACK, PUBREC and PUBCOMP by itself",
  "MQTT-4.4.0-1",
  async (rig, version) => {
    const b = await subscriber(rig, version);
    const p = await publisher(rig, version);
    await p.subscribe("mine", 1);
    await p.publish("t", { qos: 1, packetId: 1 });
    await p.publish("t", { qos: 2, packetId: 2 });
    await p.publish("t", { qos: 2, packetId: 3 });
    await p.send(response("pubrel", 3), { type: "unsubscribe", packetId: 4, filters: ["mine"] });
    deepEqual(traces(p), ["puback #1", "pubrec #2", "pubrec #3", "pubcomp #3", "unsuback"]);
    equal(traces(b).length, 3);
    await p.drop();
    const again = await resume(rig, version, { clientId: "p" });
    await rig.advance(60_000);
    again.quiet();
    await again.publish("t", { qos: 2, packetId: 2, dup: true });
    deepEqual(traces(again), ["pubrec #2"]);
    await rig.crash();
    const third = await resume(rig, version, { clientId: "p" });
    await rig.advance(60_000);
    third.quiet();
  },
);

row(
  "RT-11",
  "keeps to the new Receive Maximum when it sends again, and lets nothing new overtake [MQTT-4.9.0-2] (5.0)",
  async (rig) => {
    const a = await subscriber(rig, 5, { receiveMaximum: 5 });
    await route(rig, 1, "m1", "m2", "m3", "m4", "m5", "m6");
    const ids = ["m1", "m2", "m3", "m4", "m5"].map((payload) => takeFirst(a, payload, 1));
    a.quiet();
    await a.drop();
    const again = await resume(rig, 5, { receiveMaximum: 2 });
    await route(rig, 1, "m7");
    deepEqual(traces(again), [`m1 q1 #${ids[0]} dup`, `m2 q1 #${ids[1]} dup`]);
    for (const [acknowledged, next] of [[0, 2], [1, 3], [2, 4]] as const) {
      await again.send(response("puback", ids[acknowledged] ?? 0));
      deepEqual(traces(again), [`m${next + 1} q1 #${ids[next]} dup`]);
    }
    await again.send(response("puback", ids[3] ?? 0));
    takeFirst(again, "m6", 1);
    again.quiet();
    await again.send(response("puback", ids[4] ?? 0));
    takeFirst(again, "m7", 1);
    again.quiet();
  },
);

row("RT-12", "sends again with the full topic what came under an alias alone [MQTT-3.3.2-7] (5.0)", async (rig) => {
  const a = await subscriber(rig, 5, { topicAliasMaximum: 10 });
  const p = await publisher(rig, 5);
  await p.publish("t", { qos: 1, packetId: 1, topicAlias: 3, payload: text("m1") });
  await p.publish("", { qos: 2, packetId: 2, topicAlias: 3, payload: text("m2") });
  const ids = [takeFirst(a, "m1", 1), takeFirst(a, "m2", 2)];
  await a.drop();
  await p.publish("", { qos: 1, packetId: 3, topicAlias: 3, payload: text("m3") });
  await rig.crash();
  const again = await resume(rig, 5, { topicAliasMaximum: 10 });
  const packets = [again.take("publish"), again.take("publish"), again.take("publish")];
  deepEqual(packets.slice(0, 2).map(trace), [`m1 q1 #${ids[0]} dup`, `m2 q2 #${ids[1]} dup`]);
  deepEqual(packets.map(({ topic, topicAlias }) => [topic, topicAlias]), [
    ["t", undefined],
    ["t", undefined],
    ["t", undefined],
  ]);
});

row("RT-13", "never sends old Subscription Identifiers again after new ones [§3.8.4] (5.0)", async (rig) => {
  let a = await rig.connect(lasting(5));
  await a.send(subscribePacket(1, [{ filter: "t", qos: 1 }], 11));
  a.take("suback");
  await route(rig, 1, "m1");
  const seen = [String(a.take("publish").subscriptionIdentifiers)];
  deepEqual(seen, ["11"]);
  await a.send(subscribePacket(2, [{ filter: "t", qos: 1 }], 22));
  a.take("suback");
  for (const end of ["drop", "crash", "drop"]) {
    if (end === "drop") await a.drop();
    else await rig.crash();
    a = await resume(rig, 5);
    seen.push(String(a.take("publish").subscriptionIdentifiers));
    a.quiet();
  }
  deepEqual(seen, [...seen].sort(), "11 until 22, and never 11 again");
  for (const each of seen) ok(each === "11" || each === "22", each);
  await route(rig, 1, "m2");
  deepEqual(a.take("publish").subscriptionIdentifiers, [22]);
});

rowInBoth(
  "RT-14",
  "counts a PUBLISH as sent once it went to the transport, whatever became of it",
  "MQTT-3.3.1-1",
  async (rig, version) => {
    const a = await subscriber(rig, version);
    await a.drop();
    await route(rig, 1, "m1");
    await route(rig, 2, "m2");
    const handed: ServerPacket[] = [];
    const connection = rig.broker.accept({
      send: (packet) => {
        handed.push(packet);
        if (packet.type === "publish" && packet.qos === 2) throw new Error("the socket is gone");
      },
      close: () => {},
    });
    const base = { type: "connect", protocolVersion: version, clientId: "a", cleanStart: false, keepAlive: 0 } as const;
    void connection.receive([{ ...base, ...lasting(version) }]);
    await rig.settle();
    deepEqual(handed.map(({ type }) => type), ["connack", "publish", "publish"]);
    const ids = handed.flatMap((packet) => packet.type === "publish" ? [packet.packetId] : []);
    const again = await resume(rig, version);
    deepEqual(traces(again), [`m1 q1 #${ids[0]} dup`, `m2 q2 #${ids[1]} dup`]);
  },
);

rowInBoth(
  "RT-14",
  "sets DUP after a crash between the sending and anything else",
  "MQTT-3.3.1-1",
  async (rig, version) => {
    const a = await subscriber(rig, version);
    await route(rig, 1, "m1");
    await rig.crash();
    const id = takeFirst(a, "m1", 1);
    deepEqual(traces(await resume(rig, version)), [`m1 q1 #${id} dup`]);
  },
);

for (const sendAhead of [1, 2, 256]) {
  const said = `sets DUP after a crash on all that was sent, with ${sendAhead} a commit`;
  rowInBoth("RT-14", said, "MQTT-3.3.1-1", async (_, version) => {
    const rig = new Rig({ limits: { sendAhead } });
    const a = await subscriber(rig, version);
    await route(rig, 1, "m1", "m2", "m3");
    await route(rig, 2, "m4", "m5", "m6");
    const sent = traces(a);
    equal(sent.length, 6);
    await rig.crash();
    deepEqual(traces(await resume(rig, version)), sent.map((line) => `${line} dup`));
  });
}
