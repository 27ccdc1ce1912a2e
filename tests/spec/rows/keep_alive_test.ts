import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { fleeting, lasting, named, VERSIONS } from "../support/both_versions.ts";
import { type Client, type ConnectOptions, publishPacket, type Rig, subscribePacket } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, payloads } from "../support/seen.ts";
import { willOf } from "../support/wills.ts";

const DAY_MS = 86_400_000;

/** The connection is closed after so many milliseconds of silence, no earlier. */
async function closesAfter(rig: Rig, client: Client, ms: number): Promise<void> {
  await rig.advance(ms - 1);
  equal(client.closed, false);
  await rig.advance(1);
  equal(client.closed, true);
}

const imposes = { authenticate: () => ({ ok: true, serverKeepAlive: 5 }) as const };

row("KA-03", "without a Server Keep Alive the value of the CONNECT is enforced [MQTT-3.2.2-22]", async (rig) => {
  for (const [keepAlive, ms] of [[1, 1_500], [7, 10_500], [40, 60_000]] as const) {
    const a = await rig.dial({ keepAlive });
    equal(a.take("connack").serverKeepAlive, undefined);
    await closesAfter(rig, a, ms);
  }
});

row("KA-03", "a Server Keep Alive is told, and enforced in its place [MQTT-3.2.2-22]", async (rig) => {
  for (const keepAlive of [60, 1, 0]) {
    const a = await rig.dial({ keepAlive });
    equal(a.take("connack").serverKeepAlive, 5);
    await closesAfter(rig, a, 7_500);
    closedWith(a, 5, 0x8d);
  }
}, imposes);

row("KA-03", "a value above the server's limit, or none, gets the limit [MQTT-3.2.2-22]", async (rig) => {
  for (
    const [keepAlive, told, ms] of [[31, 30, 45_000], [0, 30, 45_000], [30, undefined, 45_000], [4, undefined, 6_000]]
  ) {
    const a = await rig.dial({ keepAlive: keepAlive ?? 0 });
    equal(a.take("connack").serverKeepAlive, told);
    await closesAfter(rig, a, ms ?? 0);
  }
}, { limits: { maximumKeepAlive: 30 } });

row("KA-03", "a client of 3.1.1 cannot be told, so its own value stands [MQTT-3.1.2-24 of 3.1.1]", async (rig) => {
  const a = await rig.dial(fleeting(4, { keepAlive: 20 }));
  deepEqual(a.take("connack"), { type: "connack", sessionPresent: false, reasonCode: 0 });
  await closesAfter(rig, a, 30_000);
}, imposes);

row("KA-03", "65 535 seconds, the longest, are enforced as well [MQTT-3.2.2-22]", async (rig) => {
  rig.broker.start();
  const a = await rig.connect({ keepAlive: 65_535 });
  await closesAfter(rig, a, 98_302_500);
  rig.time.forget();
});

for (const version of VERSIONS) {
  const statement = version === 5 ? "MQTT-3.1.2-22" : "MQTT-3.1.2-24";
  row(
    "KA-04",
    `silence for one and a half times the value counts as a lost connection in ${named(version)} [${statement}]`,
    async (rig) => {
      const watcher = await rig.connect(fleeting(version, { clientId: "w" }));
      await watcher.subscribe("will", 1);
      const a = await rig.connect(lasting(version, { keepAlive: 10, ...willOf("silent") }));
      await a.subscribe("t", 1);
      await closesAfter(rig, a, 15_000);
      closedWith(a, version, 0x8d);
      deepEqual(payloads(watcher), ["silent"]);
      const stored = await rig.stored();
      equal(stored?.head.attached, false);
      equal(stored?.head.disconnectedAt, rig.now);
      equal(stored?.subscriptions.size, 1);
      await rig.connect(lasting(version), true);

      const brief = await rig.connect(fleeting(version, { clientId: "b", keepAlive: 10 }));
      await closesAfter(rig, brief, 15_000);
      equal(await rig.stored("b"), undefined);
    },
  );

  row(
    "KA-04",
    `any packet that is received starts it anew, none that is sent does in ${named(version)} [${statement}]`,
    async (rig) => {
      const publisher = await rig.connect(fleeting(version, { clientId: "p" }));
      const a = await rig.connect(lasting(version, { keepAlive: 10 }));
      const packets = [
        subscribePacket(1, [{ filter: "t", qos: 1 }]),
        publishPacket("x"),
        publishPacket("x", { qos: 1, packetId: 2 }),
        publishPacket("x", { qos: 2, packetId: 3 }),
        { type: "pubrel", packetId: 3, reasonCode: 0 },
        { type: "puback", packetId: 9, reasonCode: 0 },
        { type: "unsubscribe", packetId: 4, filters: ["none"] },
        { type: "pingreq" },
      ] as const;
      for (const packet of packets) {
        await rig.advance(14_999);
        equal(a.closed, false, packet.type);
        await a.send(packet);
      }
      a.takeAll();
      await rig.advance(10_000);
      await publisher.publish("t", { qos: 1, packetId: 1 });
      equal(a.take("publish").topic, "t");
      await closesAfter(rig, a, 5_000);
    },
  );

  row(
    "KA-04",
    `a delayed Will waits for its delay after the silence in ${named(version)} [${statement}]`,
    async (rig) => {
      const watcher = await rig.connect(fleeting(version, { clientId: "w" }));
      await watcher.subscribe("will", 1);
      const a = await rig.connect(lasting(version, { keepAlive: 2, ...willOf("late", { willDelayInterval: 20 }) }));
      await closesAfter(rig, a, 3_000);
      if (version === 5) {
        await rig.advance(19_999);
        watcher.quiet();
        await rig.advance(1);
      }
      deepEqual(payloads(watcher), ["late"]);
    },
  );

  row("KA-05", `0 lets a client be silent for ever in ${named(version)} [§3.1.2.10]`, async (rig) => {
    rig.broker.start();
    const a = await rig.connect(lasting(version, { keepAlive: 0 }));
    await a.subscribe("t", 0);
    await rig.advance(2 * DAY_MS);
    equal(a.closed, false);
    await rig.broker.publish({ topic: "t", payload: new Uint8Array() });
    await rig.settle();
    equal(a.take("publish").topic, "t");
    rig.time.forget();
  }, { doorbellPollMs: 0 });

  row(
    "KA-06",
    `PINGREQ is answered whatever else waits in ${named(version)} [MQTT-3.12.4-1]`,
    async (rig) => {
      const a = await rig.connect(lasting(version, version === 5 ? { receiveMaximum: 1 } : {}));
      await a.subscribe("t", 1);
      const publisher = await rig.connect(fleeting(version, { clientId: "p" }));
      for (const packetId of [1, 2, 3]) await publisher.publish("t", { qos: 1, packetId });
      // One is in flight, two wait for it.
      equal(a.take("publish").qos, 1);
      a.quiet();
      await a.send({ type: "pingreq" });
      equal(a.take("pingresp").type, "pingresp");
      await a.send({ type: "pingreq" }, { type: "pingreq" });
      deepEqual(a.takeAll().map(({ type }) => type), ["pingresp", "pingresp"]);
    },
    { limits: { maximumInFlight: 1 } },
  );

  row(
    "KA-08",
    `Keep Alive ends with its connection, and is nothing that is stored in ${named(version)} [§3.1.2.10]`,
    async (rig) => {
      const first = await rig.connect(lasting(version, { keepAlive: 10 }));
      await rig.advance(5_000);
      await first.drop();
      ok(!JSON.stringify((await rig.stored())?.head).toLowerCase().includes("keepalive"));
      const reason = (await rig.stored())?.head.disconnectReason;
      notEqual(reason, 0x8d);
      const second = await rig.connect(lasting(version, { keepAlive: 0 }), true);
      // The first one's deadline comes and goes; it is nobody's.
      await rig.advance(60_000);
      equal(second.closed, false);
      second.quiet();
      const third = await rig.connect(lasting(version, { keepAlive: 30 }), true);
      await closesAfter(rig, third, 45_000);
      await rig.crash();
      const fourth = await rig.connect(lasting(version, { keepAlive: 0 }), true);
      await rig.advance(60_000);
      equal(fourth.closed, false);
    },
  );

  row(
    "KA-08",
    `nothing fires for a connection that is gone or taken over in ${named(version)} [§3.1.2.10]`,
    async (rig) => {
      const watcher = await rig.connect(fleeting(version, { clientId: "w" }));
      await watcher.subscribe("will", 1);
      const options: ConnectOptions = { keepAlive: 10, ...willOf("will") };
      const first = await rig.connect(lasting(version, options));
      await rig.connect(lasting(version, { ...options, keepAlive: 0 }), true);
      await rig.due();
      deepEqual(payloads(watcher), ["will"]);
      const before = await rig.stored();
      await rig.advance(60_000);
      deepEqual(await rig.stored(), before);
      equal(first.received.at(-1)?.type, version === 5 ? "disconnect" : "connack");
      equal(first.timeline.filter((step) => step === "close").length, 1);
      watcher.quiet();
    },
  );
}
