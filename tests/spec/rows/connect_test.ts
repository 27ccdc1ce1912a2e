import { deepEqual, equal, ok } from "node:assert/strict";
import type { Authentication } from "@edge-mqtt/session";
import type { ClientPacket, ConnectPacket } from "../../../src/mqtt/packet.ts";
import { fleeting, lasting, named, VERSIONS } from "../support/both_versions.ts";
import { type ConnectOptions, publishPacket, Rig, subscribePacket } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, payloads, refused, types } from "../support/seen.ts";
import { willOf } from "../support/wills.ts";

/** Refuses the user `bad` with the code that its password names. */
const authenticate = (connect: ConnectPacket): Authentication =>
  connect.username === "bad" ? { ok: false, reasonCode: connect.password?.[0] ?? 0x86 } : { ok: true };

/** What a CONNECT carries so that `authenticate` refuses it with this code. */
function refusedWith(reasonCode: number): ConnectOptions {
  return { username: "bad", password: new Uint8Array([reasonCode]) };
}

/** One of each packet that a client may send, but CONNECT. */
const OTHER_PACKETS: readonly ClientPacket[] = [
  publishPacket("t"),
  publishPacket("t", { qos: 1, packetId: 1 }),
  publishPacket("t", { qos: 2, packetId: 1 }),
  { type: "puback", packetId: 1, reasonCode: 0 },
  { type: "pubrec", packetId: 1, reasonCode: 0 },
  { type: "pubrel", packetId: 1, reasonCode: 0 },
  { type: "pubcomp", packetId: 1, reasonCode: 0 },
  subscribePacket(1, [{ filter: "t", qos: 1 }]),
  { type: "unsubscribe", packetId: 1, filters: ["t"] },
  { type: "pingreq" },
  { type: "disconnect", reasonCode: 0 },
  { type: "auth", reasonCode: 0x18, authenticationMethod: "m" },
];

/** A stored session `a` with a subscription, and a client that would see its messages. */
async function stored(rig: Rig, version: 4 | 5): Promise<void> {
  const a = await rig.connect(lasting(version));
  await a.subscribe("t", 1);
  await a.drop();
}

row("LC-01", "closes on any first packet but CONNECT, and touches no session [MQTT-3.1.0-1]", async (rig) => {
  await stored(rig, 5);
  const before = await rig.stored();
  for (const packet of OTHER_PACKETS) {
    const client = rig.open();
    // What follows in the same piece does not count either, a CONNECT least of all.
    await client.send(packet, {
      type: "connect",
      protocolVersion: 5,
      clientId: "a",
      cleanStart: true,
      keepAlive: 0,
    });
    deepEqual(client.timeline, ["close"], packet.type);
  }
  deepEqual(await rig.stored(), before);
  equal(await rig.queued(), 0);
  equal((await rig.broker.list()).sessions.length, 1);
});

for (const version of VERSIONS) {
  row(
    "LC-02",
    `a second CONNECT closes the connection as a fault, and resets nothing in ${named(version)} [MQTT-3.1.0-2]`,
    async (rig) => {
      const watcher = await rig.connect(fleeting(version, { clientId: "w" }));
      await watcher.subscribe("will", 1);
      const again: ConnectPacket = {
        type: "connect",
        protocolVersion: version,
        clientId: "a",
        cleanStart: true,
        keepAlive: 0,
      };

      const kept = await rig.connect(lasting(version, willOf("kept")));
      await kept.subscribe("t", 1);
      await kept.send(again);
      closedWith(kept, version, 0x82);
      deepEqual(payloads(watcher), ["kept"]);
      equal((await rig.stored())?.head.attached, false);
      await rig.connect(lasting(version), true);
      equal((await rig.stored())?.subscriptions.size, 1);

      const brief = await rig.connect(fleeting(version, { clientId: "b", ...willOf("brief") }));
      await brief.send({ ...again, clientId: "b" }, publishPacket("will"));
      closedWith(brief, version, 0x82);
      deepEqual(payloads(watcher), ["brief"]);
      equal(await rig.stored("b"), undefined);
    },
  );

  const sp = version === 5 ? "MQTT-3.2.2-6" : "MQTT-3.2.2-4";
  row(
    "LC-15",
    `a refusal says Session Present 0 and leaves the session alone in ${named(version)} [${sp}]`,
    async (rig) => {
      await stored(rig, version);
      const before = await rig.stored();
      for (const cleanStart of [true, false]) {
        const client = await rig.dial(lasting(version, { cleanStart, ...refusedWith(0x86) }));
        refused(client, version === 5 ? 0x86 : 4);
        deepEqual(await rig.stored(), before);
      }
      await rig.connect(lasting(version), true);
    },
    { authenticate },
  );

  const closes = version === 5 ? "MQTT-3.2.2-7" : "MQTT-3.2.2-5";
  row("LC-16", `after a refusal nothing follows but the close in ${named(version)} [${closes}]`, async (rig) => {
    // The code that a 3.1.1 client gets beside each one of 5.0.
    const codes = [[0x80, 3], [0x84, 1], [0x85, 2], [0x86, 4], [0x87, 5], [0x88, 3], [0x89, 3], [0x8a, 5], [0x9f, 3]];
    for (const [code = 0, returnCode = 0] of codes) {
      refused(await rig.dial(fleeting(version, refusedWith(code))), version === 5 ? code : returnCode);
    }
    equal(rig.observed.filter((event) => event.type === "connected").length, 0);
    equal((await rig.broker.list()).sessions.length, 0);
  }, { authenticate });

  row(
    "LC-17",
    `CONNACK comes first, then what was sent before, then what waited in ${named(version)} [MQTT-3.2.0-1]`,
    async (rig) => {
      const publisher = await rig.connect(fleeting(version, { clientId: "p" }));
      const a = await rig.connect(lasting(version));
      await a.subscribe("t", 2);
      await publisher.publish("t", { qos: 2, packetId: 1 });
      await a.send({ type: "pubrec", packetId: a.take("publish").packetId ?? 0, reasonCode: 0 });
      await publisher.publish("t", { qos: 1, packetId: 2 });
      await a.drop();
      await publisher.publish("t", { qos: 1, packetId: 3 });
      const again = await rig.dial(lasting(version));
      const [connack, pubrel, resent, waited, ...rest] = again.received;
      deepEqual(types(again), ["connack", "pubrel", "publish", "publish"]);
      equal(connack?.type === "connack" && connack.sessionPresent, true);
      equal(pubrel?.type, "pubrel");
      equal(resent?.type === "publish" && resent.dup, true);
      equal(waited?.type === "publish" && waited.dup, false);
      equal(rest.length, 0);
    },
  );

  row(
    "LC-19",
    `an ill-formed CONNECT closes without a word and touches nothing in ${named(version)} [MQTT-3.1.4-1]`,
    async (rig) => {
      const a = await rig.connect(lasting(version));
      await a.subscribe("t", 1);
      const before = await rig.stored();
      const broken = rig.open("broken");
      await broken.malformed(0x81);
      await broken.send(publishPacket("t", { qos: 1, packetId: 1 }));
      deepEqual(broken.timeline, ["close"]);
      deepEqual(await rig.stored(), before);
      equal(a.closed, false);
      a.quiet();
      await a.publish("t");
      deepEqual(payloads(a), ["m"]);
    },
  );

  const starts = version === 5 ? "MQTT-3.1.4-5" : "MQTT-3.1.4-4";
  row(
    "LC-24",
    `delivery and Keep Alive begin with the CONNACK in ${named(version)} [${starts}]`,
    async (rig) => {
      const a = await rig.dial(lasting(version, { keepAlive: 10 }));
      equal(a.take("connack").reasonCode, 0);
      await a.subscribe("t", 1);
      const publisher = await rig.connect(fleeting(version, { clientId: "p" }));
      await publisher.publish("t", { qos: 1, packetId: 1 });
      deepEqual(payloads(a), ["m"]);
      await a.drop();
      await publisher.publish("t", { qos: 1, packetId: 2 });
      const again = await rig.connect(lasting(version, { keepAlive: 10 }), true);
      deepEqual(payloads(again), ["m", "m"]);
      await rig.advance(14_999);
      equal(again.closed, false);
      await rig.advance(1);
      equal(again.closed, true);
    },
  );

  const drops = version === 5 ? "MQTT-3.1.4-6" : "MQTT-3.1.4-5";
  row(
    "LC-25",
    `what follows a refused CONNECT is not processed in ${named(version)} [${drops}]`,
    async (rig) => {
      const watcher = await rig.connect(fleeting(version, { clientId: "w" }));
      await watcher.subscribe("#", 2);
      await stored(rig, version);
      const before = await rig.stored();
      const client = rig.open();
      await client.send(
        { ...refusedConnect(version), cleanStart: true },
        subscribePacket(1, [{ filter: "s", qos: 1 }]),
        publishPacket("t"),
        publishPacket("t", { qos: 1, packetId: 2 }),
        publishPacket("t", { qos: 2, packetId: 3 }),
        { type: "pubrel", packetId: 3, reasonCode: 0 },
        { type: "pingreq" },
        { type: "connect", protocolVersion: version, clientId: "a", cleanStart: true, keepAlive: 0 },
      );
      refused(client, version === 5 ? 0x86 : 4);
      watcher.quiet();
      deepEqual(await rig.stored(), before);
      equal(await rig.queued(), 0);
    },
    { authenticate: (connect) => Promise.resolve(authenticate(connect)) },
  );

  row("LC-32", `gives up when no CONNECT comes in time in ${named(version)} [§3.1.4]`, async (rig) => {
    await stored(rig, version);
    const before = await rig.stored();
    const silent = rig.open();
    await rig.advance(2_999);
    equal(silent.closed, false);
    await rig.advance(1);
    deepEqual(silent.timeline, ["close"]);
    // Nor does a client that never hears the verdict on its CONNECT wait for ever, or take anything over.
    const waiting = await rig.dial(fleeting(version, { username: "slow" }));
    await rig.advance(3_000);
    deepEqual(waiting.timeline, ["close"]);
    deepEqual(await rig.stored(), before);
    await rig.connect(lasting(version), true);
  }, {
    limits: { connectTimeoutMs: 3_000 },
    authenticate: (connect) => connect.username === "slow" ? new Promise<never>(() => {}) : { ok: true },
  });
}

function refusedConnect(version: 4 | 5): ConnectPacket {
  return {
    type: "connect",
    protocolVersion: version,
    clientId: "a",
    cleanStart: true,
    keepAlive: 0,
    ...refusedWith(0x86),
  };
}

row(
  "LC-15",
  "a refusal of the server's own checks says Session Present 0 too [MQTT-3.2.2-6, MQTT-3.2.2-4]",
  async (rig) => {
    await stored(rig, 5);
    const before = await rig.stored();
    const cases: readonly (readonly [ConnectOptions, number])[] = [
      [lasting(5, { protocolVersion: 6 }), 0x84],
      [lasting(5, { protocolVersion: 3 }), 1],
      [lasting(5, { receiveMaximum: 0 }), 0x82],
      [lasting(5, { maximumPacketSize: 0 }), 0x82],
      [lasting(5, { authenticationMethod: "unknown" }), 0x8c],
      [lasting(5, willOf("w", { topic: "no/+" })), 0x90],
      [lasting(5, willOf("w", { qos: 2 })), 0x9b],
      [lasting(5, willOf("w", { retain: true })), 0x9a],
      [lasting(5, willOf("w", { topic: "forbidden" })), 0x87],
      [lasting(4, willOf("w", { topic: "forbidden" })), 5],
    ];
    for (const [options, code] of cases) {
      refused(await rig.dial(options), code);
      deepEqual(await rig.stored(), before);
    }
  },
  { limits: { maximumQoS: 1 }, authorize: ({ topic }) => topic !== "forbidden" },
);

row("LC-18", "sends one CONNACK per connection, whatever comes [MQTT-3.2.0-2]", async (rig) => {
  const connect: ConnectPacket = {
    type: "connect",
    protocolVersion: 5,
    clientId: "a",
    cleanStart: false,
    keepAlive: 0,
  };
  const twice = rig.open("twice");
  await twice.send(connect, connect);
  deepEqual(twice.timeline, ["connack", "disconnect", "close"]);
  const first = rig.open("first");
  const second = rig.open("second");
  await Promise.all([first.send(connect, { type: "pingreq" }), second.send(connect, { type: "pingreq" })]);
  const third = await rig.dial({ ...lasting(5), ...refusedWith(0x87) });
  for (const client of [first, second, third]) {
    equal(client.received.filter((packet) => packet.type === "connack").length, 1);
    equal(client.received[0]?.type, "connack");
  }
  await rig.advance(60_000);
  for (const client of [first, second, third]) ok(!client.received.slice(1).some(({ type }) => type === "connack"));
}, { authenticate });

Deno.test("LC-24 S: Keep Alive counts from the CONNACK, not from the CONNECT [MQTT-3.1.4-5]", async () => {
  let allow = () => {};
  const rig = new Rig({ authenticate: () => new Promise((resolve) => allow = () => resolve({ ok: true })) });
  const a = await rig.dial({ keepAlive: 2 });
  // Not by rig.advance: work that is due waits for what is under way, and the verdict is.
  await rig.time.advance(4_000, () => rig.settle());
  a.quiet();
  allow();
  await rig.settle();
  equal(a.take("connack").reasonCode, 0);
  await rig.advance(2_999);
  equal(a.closed, false);
  await rig.advance(1);
  closedWith(a, 5, 0x8d);
});
