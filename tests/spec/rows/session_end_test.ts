import { deepEqual, equal, ok } from "node:assert/strict";
import { fromMqttPacket } from "@edge-mqtt/session/mqtt-packet";
import { parse } from "../../support/mqtt_packet_codec.ts";
import { fleeting, lasting } from "../support/both_versions.ts";
import { type Client, publishPacket, type Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, payloads } from "../support/seen.ts";
import { willOf } from "../support/wills.ts";

const NEVER = 0xffff_ffff;

/** A DISCONNECT of the server, by what led to it. */
const SERVER_DISCONNECTS: readonly (readonly [string, number, (rig: Rig, client: Client) => Promise<unknown>])[] = [
  ["a takeover", 0x8e, (rig) => rig.dial(lasting(5))],
  ["silence", 0x8d, (rig) => rig.advance(15_000)],
  [
    "a second CONNECT",
    0x82,
    (_rig, client) =>
      client.send({ type: "connect", protocolVersion: 5, clientId: "a", cleanStart: false, keepAlive: 0 }),
  ],
  ["a broken packet", 0x81, (_rig, client) => client.malformed()],
  ["an end by hand", 0x98, (rig) => rig.broker.end("a")],
  ["a shutdown", 0x8b, (rig) => rig.broker.shutdown()],
];

for (const [what, reasonCode, act] of SERVER_DISCONNECTS) {
  row("SE-12", `no DISCONNECT of the server carries an interval: ${what} [MQTT-3.14.2-2]`, async (rig) => {
    const a = await rig.dial(lasting(5, { sessionExpiryInterval: NEVER, keepAlive: 10 }));
    equal(a.take("connack").sessionExpiryInterval, 300);
    await act(rig, a);
    await rig.settle();
    const disconnect = a.take("disconnect");
    deepEqual(Object.keys(disconnect).sort(), ["reasonCode", "type"]);
    equal(disconnect.reasonCode, reasonCode);
    equal(a.closed, true);
  }, { limits: { maximumSessionExpiryInterval: 300 } });
}

row("SE-13", "an interval that comes twice is a protocol error [§3.1.2.11.2, §3.14.2.2.2]", async (rig) => {
  const twice = [0x11, 0, 0, 0, 60, 0x11, 0, 0, 0, 60];
  const connect = [0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 0, 0, 0, twice.length, ...twice, 0, 1, 0x61];
  const disconnect = [0, twice.length, ...twice];
  const close = async (client: Client, type: number, rest: readonly number[]) => {
    const { packets } = parse(new Uint8Array([type, rest.length, ...rest]), 5);
    const taken = fromMqttPacket(packets[0] ?? { cmd: "none" });
    ok(!taken.ok);
    equal(taken.reasonCode, 0x82);
    await client.malformed(taken.reasonCode);
  };
  const first = rig.open();
  await close(first, 0x10, connect);
  deepEqual(first.timeline, ["close"]);
  equal(await rig.stored(), undefined);
  const watcher = await rig.connect({ clientId: "w" });
  await watcher.subscribe("will", 1);
  const a = await rig.connect(lasting(5, willOf("will")));
  await close(a, 0xe0, disconnect);
  closedWith(a, 5, 0x82);
  deepEqual(payloads(watcher), ["will"]);
});

/** A session with a subscription, a message in flight, one that waits, an unreleased inbound id and a Will. */
async function filled(rig: Rig): Promise<Client> {
  const a = await rig.connect(lasting(5, { receiveMaximum: 1, ...willOf("will", { willDelayInterval: 3_600 }) }));
  await a.subscribe("t", 1);
  const publisher = await rig.connect({ clientId: "p" });
  await publisher.publish("t", { qos: 1, packetId: 1, payload: text("sent") });
  await publisher.publish("t", { qos: 1, packetId: 2, payload: text("waits") });
  await publisher.drop();
  await a.publish("in", { qos: 2, packetId: 7 });
  deepEqual(payloads(a), ["sent"]);
  return a;
}

/** What ends a session that holds all that, and why, as an observer hears it. */
const ENDS: readonly (readonly [string, string, (rig: Rig, client: Client) => Promise<unknown>])[] = [
  ["its interval runs out", "expired", async (rig, client) => {
    await client.drop();
    await rig.advance(3_599_999);
    await rig.advance(1);
  }],
  [
    "DISCONNECT sets it to 0",
    "disconnected",
    (_rig, client) => client.send({ type: "disconnect", reasonCode: 0x04, sessionExpiryInterval: 0 }),
  ],
  ["a Clean Start", "cleanStart", async (rig, client) => {
    await client.drop();
    const clean = await rig.connect({ clientId: "a" });
    await clean.drop();
  }],
  ["a person, while connected", "administrative", async (rig, client) => {
    equal(await rig.broker.end("a"), true);
    closedWith(client, 5, 0x98);
  }],
  ["a person, while away", "administrative", async (rig, client) => {
    await client.drop();
    equal(await rig.broker.end("a"), true);
  }],
];

for (const [what, reason, end] of ENDS) {
  row("SE-15", `an end releases all of a session, and its Will: ${what} [§4.1, §3.1.3.2.2, §4.8.2]`, async (rig) => {
    const watcher = await rig.connect({ clientId: "w" });
    await watcher.subscribe("will", 1);
    const a = await filled(rig);
    await end(rig, a);
    await rig.due();
    deepEqual(payloads(watcher), ["will"]);
    const ended = rig.observed.filter((event) => event.type === "ended" && event.clientId === "a");
    deepEqual(ended[0], { type: "ended", clientId: "a", reason });
    equal(await rig.stored(), undefined);
    equal(await rig.queued(), 0);
    deepEqual((await rig.broker.list()).sessions.map(({ clientId }) => clientId), ["w"]);
    // Nothing that comes later finds it: no message, no acknowledgement, no second Will.
    await watcher.publish("t", { qos: 1, packetId: 1 });
    ok(watcher.take("puback").reasonCode < 0x80);
    await a.send({ type: "puback", packetId: 1, reasonCode: 0 }, { type: "pubrel", packetId: 7, reasonCode: 0 });
    equal(await rig.stored(), undefined);
    const again = await rig.connect(lasting(5), false);
    again.quiet();
    const stored = await rig.stored();
    deepEqual([stored?.subscriptions.size, stored?.outbound.size, stored?.inbound.size], [0, 0, 0]);
    await again.send(publishPacket("in", { qos: 2, packetId: 7 }));
    ok(again.take("pubrec").reasonCode < 0x80);
    await rig.advance(3_600_000);
    watcher.quiet();
  }, { lease: { durationMs: 80_000_000, closeAfterMs: 70_000_000, renewEveryMs: 60_000_000 } });
}

row("SE-16", "CleanSession 0 is an interval without end, CleanSession 1 one of 0 [§3.1.2.11.2]", async (rig) => {
  await rig.connect(lasting(4));
  const kept = (await rig.stored())?.head;
  deepEqual([kept?.sessionExpiryInterval, kept?.endsAt, kept?.endsAfterMs], [NEVER, undefined, undefined]);
  await rig.connect(lasting(5, { sessionExpiryInterval: NEVER }), true);
  const same = (await rig.stored())?.head;
  deepEqual([same?.sessionExpiryInterval, same?.endsAt, same?.endsAfterMs], [NEVER, undefined, undefined]);
  for (const version of [4, 5] as const) {
    const client = await rig.connect(fleeting(version));
    const head = (await rig.stored())?.head;
    deepEqual([head?.sessionExpiryInterval, head?.endsAt, head?.endsAfterMs], [0, 0, 0]);
    await client.drop();
    equal(await rig.stored(), undefined);
  }
});

row("SE-17", "a session of 3.1.1 does not expire [§4.1]", async (rig) => {
  const a = await rig.connect(lasting(4));
  await a.subscribe("t", 1);
  await a.drop();
  equal((await rig.stored())?.head.endsAt, undefined);
  await rig.advance(2 * NEVER * 1_000);
  await rig.connect(lasting(4), true);
  equal((await rig.stored())?.subscriptions.size, 1);
});

row("SE-17", "unless a limit is set for it [§4.1]", async (rig) => {
  const a = await rig.connect(lasting(4));
  await rig.advance(60_000);
  await a.send({ type: "disconnect", reasonCode: 0 });
  equal((await rig.stored())?.head.endsAt, rig.now + 300_000);
  await rig.advance(299_999);
  await (await rig.connect(lasting(4), true)).drop();
  await rig.advance(300_000);
  equal(await rig.stored(), undefined);
  await rig.connect(lasting(4), false);
}, { limits: { maximumSessionExpiryInterval: 300 } });
