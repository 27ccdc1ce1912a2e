import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import type { Authentication, BrokerOptions } from "@edge-mqtt/session";
import type { ConnectPacket } from "../../../src/mqtt/packet.ts";
import { fleeting, lasting, named, VERSIONS } from "../support/both_versions.ts";
import { subscriber } from "../support/deliveries.ts";
import { type Client, type ConnectOptions, publishPacket, type Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, payloads, refused } from "../support/seen.ts";
import { willOf } from "../support/wills.ts";

/** Lets everybody in but the user `bad`; the tenant is the rest of the user name. */
const checks: Partial<BrokerOptions> = {
  authenticate: (connect: ConnectPacket): Authentication =>
    connect.username === "bad"
      ? { ok: false, reasonCode: 0x86 }
      : { ok: true, ...(connect.username !== undefined && { principal: connect.username }) },
  authorize: ({ topic }) => topic !== "forbidden",
};

/** CONNECTs that fail a check beyond their form, and the code of each. */
const FAILING: readonly (readonly [string, ConnectOptions, number])[] = [
  ["credentials", { username: "bad" }, 0x86],
  ["another principal's session", { username: "stranger" }, 0x85],
  ["authentication method", { authenticationMethod: "none such" }, 0x8c],
  ["the Will may not be published", willOf("w", { topic: "forbidden" }), 0x87],
  ["the Will's topic is a filter", willOf("w", { topic: "#" }), 0x90],
  ["Receive Maximum 0", { receiveMaximum: 0 }, 0x82],
];

/** A client that sees every Will. */
async function watching(rig: Rig): Promise<Client> {
  const watcher = await rig.connect({ clientId: "w" });
  await watcher.subscribe("will", 1);
  return watcher;
}

row("LC-20", "a CONNECT that fails a check leaves the connected client alone [MQTT-3.1.4-2]", async (rig) => {
  const watcher = await watching(rig);
  const a = await rig.connect(lasting(5, { ...willOf("will"), username: "owner" }));
  await a.subscribe("t", 1);
  const before = await rig.stored();
  for (const [what, options, code] of FAILING) {
    for (const cleanStart of [true, false]) {
      refused(await rig.dial(lasting(5, { username: "owner", cleanStart, ...options })), code);
      deepEqual(await rig.stored(), before, what);
    }
  }
  equal(a.closed, false);
  a.quiet();
  watcher.quiet();
  await a.publish("t", { qos: 1, packetId: 1 });
  deepEqual(payloads(a), ["m"]);
}, checks);

row(
  "LC-20",
  "a CONNECT that fails a check stops neither the end nor the Will of a stored session [MQTT-3.1.4-2]",
  async (rig) => {
    const watcher = await watching(rig);
    const will = willOf("will", { willDelayInterval: 30 });
    const a = await rig.connect(lasting(5, { ...will, username: "owner", sessionExpiryInterval: 60 }));
    await a.subscribe("t", 1);
    await a.drop();
    const before = await rig.stored();
    await rig.advance(10_000);
    for (const [what, options, code] of FAILING) {
      for (const cleanStart of [true, false]) {
        refused(await rig.dial(lasting(5, { username: "owner", cleanStart, ...options })), code);
        deepEqual(await rig.stored(), before, what);
      }
    }
    await rig.advance(19_999);
    watcher.quiet();
    await rig.advance(1);
    deepEqual(payloads(watcher), ["will"]);
    await rig.advance(29_999);
    notEqual(await rig.stored(), undefined);
    await rig.advance(1);
    equal(await rig.stored(), undefined);
  },
  checks,
);

row("LC-21", "the old connection hears 0x8E and is closed before the new CONNACK [MQTT-3.1.4-3]", async (rig) => {
  for (const cleanStart of [true, false]) {
    const watcher = await watching(rig);
    const old = await rig.dial(lasting(5, willOf("old")), "old");
    equal(old.take("connack").reasonCode, 0);
    rig.timeline.length = 0;
    const next = await rig.dial(lasting(5, { cleanStart }), "new");
    deepEqual(rig.timeline.filter((line) => !line.startsWith("w:")), ["old:disconnect", "old:close", "new:connack"]);
    closedWith(old, 5, 0x8e);
    equal(next.take("connack").sessionPresent, !cleanStart);
    await rig.due();
    // Its delay is 0, so its Will is due at the close.
    deepEqual(payloads(watcher), ["old"]);
    await next.drop();
    await rig.broker.end("a");
  }
});

row("LC-21", "a Will with a delay goes unsent when the session goes on [MQTT-3.1.4-3]", async (rig) => {
  const watcher = await watching(rig);
  await rig.connect(lasting(5, willOf("delayed", { willDelayInterval: 5 })));
  const next = await rig.connect(lasting(5), true);
  await rig.advance(10_000);
  watcher.quiet();
  // Without a takeover the same Will goes out.
  await next.drop();
  const last = await rig.connect(lasting(5, willOf("delayed", { willDelayInterval: 5 })), true);
  await last.drop();
  await rig.advance(5_000);
  deepEqual(payloads(watcher), ["delayed"]);
});

row("LC-21", "a connection on another node hears it as soon as that node looks [MQTT-3.1.4-3]", async (rig) => {
  const old = await rig.connect(lasting(5));
  const other = rig.node();
  await other.connect(lasting(5), true);
  await rig.due();
  closedWith(old, 5, 0x8e);
});

row("LC-22", "the old connection is closed without a packet, its Will is published [MQTT-3.1.4-2]", async (rig) => {
  for (const cleanStart of [true, false]) {
    const watcher = await watching(rig);
    // A delay means nothing in 3.1.1.
    const old = await rig.dial(lasting(4, willOf("old", { willDelayInterval: 60 })), "old");
    equal(old.take("connack").reasonCode, 0);
    rig.timeline.length = 0;
    const next = await rig.dial(lasting(4, { cleanStart }), "new");
    deepEqual(rig.timeline.filter((line) => !line.startsWith("w:")), ["old:close", "new:connack"]);
    closedWith(old, 4, 0x8e);
    equal(next.take("connack").sessionPresent, !cleanStart);
    await rig.due();
    deepEqual(payloads(watcher), ["old"]);
    await next.drop();
    await rig.broker.end("a");
  }
});

row("LC-22", "either version takes a session over from the other [MQTT-3.1.4-2, MQTT-3.1.4-3 of 5.0]", async (rig) => {
  const old = await rig.connect(lasting(4));
  const next = await rig.connect(lasting(5), true);
  closedWith(old, 4, 0x8e);
  await rig.connect(lasting(4), true);
  closedWith(next, 5, 0x8e);
});

row("LC-22", "ends it instead where policy P13 says so, and one of the same version goes on [§4.1]", async (rig) => {
  await (await subscriber(rig, 4)).drop();
  await (await rig.connect(lasting(4), true)).drop();
  const other = await rig.connect(lasting(5), false);
  equal((await rig.stored())?.subscriptions.size, 0);
  await rig.connect(lasting(4), false);
  closedWith(other, 5, 0x8e);
}, { policy: { resumeAcrossVersions: false } });

for (const version of VERSIONS) {
  const order = version === 5 ? "MQTT-3.1.4-4" : "MQTT-3.1.4-3";
  row(
    "LC-23",
    `first the takeover, then the old session's fate, then CONNACK in ${named(version)} [${order}]`,
    async (rig) => {
      const steps = () => {
        const kinds = rig.observed.map(({ type }) => type);
        rig.observed.length = 0;
        return kinds.filter((type) => ["takeover", "superseded", "ended", "connected"].includes(type));
      };
      const old = await rig.connect(lasting(version));
      await old.subscribe("t", 1);
      await rig.connect(lasting(version), true);
      steps();
      await rig.connect(lasting(version), true);
      deepEqual(steps(), ["takeover", "superseded", "connected"]);
      await rig.connect(lasting(version, { cleanStart: true }), false);
      deepEqual(steps(), ["takeover", "superseded", "ended", "connected"]);
      equal((await rig.stored())?.subscriptions.size, 0);
      const messages = rig.timeline.filter((line) => !line.endsWith("suback"));
      deepEqual(messages.at(-1), "a:connack");
    },
  );

  const statement = version === 5 ? "§3.1.4, §3.1.2.11.2" : "MQTT-3.1.2-6";
  row(
    version === 5 ? "LC-27" : "LC-28",
    `what is taken over from a connection that leaves nothing is nothing [${statement}]`,
    async (rig) => {
      const watcher = await watching(rig);
      // The delay does not outlive the session.
      const old = await rig.connect(fleeting(version, willOf("old", { willDelayInterval: 60 })));
      await old.subscribe("t", 1);
      await watcher.publish("t", { qos: 1, packetId: 1 });
      await old.publish("in", { qos: 2, packetId: 7 });
      const next = await rig.connect(lasting(version), false);
      await rig.due();
      deepEqual(payloads(watcher), ["old"]);
      deepEqual(rig.observed.filter(({ type }) => type === "ended"), [
        { type: "ended", clientId: "a", reason: "takenOver" },
      ]);
      const stored = await rig.stored();
      deepEqual([stored?.subscriptions.size, stored?.inbound.size, await rig.queued()], [0, 0, 0]);
      await watcher.publish("t", { qos: 1, packetId: 2 });
      next.quiet();
      await rig.advance(60_000);
      deepEqual(payloads(watcher), []);
    },
  );
}

/** What a client sends that does not know yet that it was superseded. */
const LATE = [
  publishPacket("other", { qos: 0 }),
  publishPacket("other", { qos: 1, packetId: 21 }),
  publishPacket("other", { qos: 2, packetId: 22 }),
  { type: "pingreq" },
  { type: "unsubscribe", packetId: 23, filters: ["t"] },
  { type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 },
] as const;

row("LC-29", "what a superseded connection still sends has no effect [MQTT-3.1.4-3]", async (rig) => {
  const watcher = await rig.connect({ clientId: "w" });
  await watcher.subscribe("other", 2);
  const old = await rig.connect(lasting(5));
  await old.subscribe("t", 1);
  await watcher.publish("t", { qos: 1, packetId: 1, payload: text("sent") });
  const { packetId = 0 } = old.take("publish");
  const next = await rig.connect(lasting(5, willOf("stays")), true);
  equal(next.take("publish").packetId, packetId);
  watcher.takeAll();
  const before = await rig.stored();
  for (const packet of [{ type: "puback", packetId, reasonCode: 0 } as const, ...LATE]) await old.send(packet);
  await old.drop();
  deepEqual(await rig.stored(), before);
  equal(await rig.queued(), 1);
  watcher.quiet();
  next.quiet();
  equal(next.closed, false);
});

row("LC-29", "nor from a node that has not heard of the takeover [MQTT-3.1.4-3]", async (rig) => {
  const watcher = await rig.connect({ clientId: "w" });
  await watcher.subscribe("other", 2);
  for (const packet of [{ type: "puback", packetId: 0, reasonCode: 0 } as const, ...LATE]) {
    const old = await rig.connect(lasting(5, { cleanStart: true }));
    await old.subscribe("t", 1);
    await watcher.publish("t", { qos: 1, packetId: 1 });
    const { packetId = 0 } = old.take("publish");
    const other = rig.node();
    const next = await other.connect(lasting(5, willOf("stays")), true);
    equal(next.take("publish").packetId, packetId);
    watcher.takeAll();
    const before = await rig.stored();
    await old.send(packet.type === "puback" ? { ...packet, packetId } : packet);
    await rig.due();
    deepEqual(await rig.stored(), before, packet.type);
    equal(await rig.queued(), 1);
    equal(old.closed, true);
    ok(!old.received.some(({ type }) => type === "puback" || type === "pubrec" || type === "unsuback"), packet.type);
    // QoS 0 promises nothing and asks no session: it may still have got through.
    if (packet.type !== "publish" || packet.qos !== 0) watcher.quiet();
    else watcher.takeAll();
    equal(next.closed, false);
    await next.drop();
  }
});
