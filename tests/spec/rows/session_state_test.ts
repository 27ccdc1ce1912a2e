import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { memoryStore } from "@edge-mqtt/session/memory";
import { faultyStore } from "@edge-mqtt/session/testing";
import { fleeting, lasting, named, type Version, VERSIONS } from "../support/both_versions.ts";
import { publishPacket, read, Rig, subscribePacket, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { PacketIds, payloads } from "../support/seen.ts";
import { willOf } from "../support/wills.ts";

/** A session with something of everything, left by its connection. */
async function leaveAll(rig: Rig, version: Version): Promise<PacketIds> {
  const ids = new PacketIds();
  const a = await rig.connect(lasting(version));
  await a.send(subscribePacket(60_000, [{ filter: "t", qos: 2 }], version === 5 ? 7 : undefined));
  a.take("suback");
  const publisher = await rig.connect(fleeting(version, { clientId: "p" }));
  await publisher.publish("t", { qos: 1, packetId: 1, payload: text("m1") });
  await publisher.publish("t", { qos: 2, packetId: 2, payload: text("m2") });
  await publisher.publish("t", { qos: 1, packetId: 3, payload: text("m3") });
  await publisher.publish("t", { qos: 2, packetId: 4, payload: text("m4") });
  deepEqual(ids.traces(a), ["m1 q1 #1", "m2 q2 #2"]);
  await a.send({ type: "pubrec", packetId: ids.idOf(2), reasonCode: 0 });
  await a.publish("other", { qos: 2, packetId: 9, payload: text("in") });
  await a.drop();
  return ids;
}

/** Takes that session up again, and shows all of it on the wire. */
async function showAll(rig: Rig, version: Version, ids: PacketIds): Promise<readonly string[]> {
  const other = await rig.connect(fleeting(version, { clientId: "other" }));
  await other.subscribe("other", 0);
  const a = await rig.dial(lasting(version));
  // Not released yet: the message came before the break, so it is acknowledged and not passed on.
  await a.send(publishPacket("other", { qos: 2, packetId: 9, dup: true, payload: text("in") }));
  other.quiet();
  await a.send({ type: "pubcomp", packetId: ids.idOf(2), reasonCode: 0 });
  await a.send({ type: "puback", packetId: ids.idOf(1), reasonCode: 0 });
  await a.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
  const publisher = await rig.connect(fleeting(version, { clientId: "p2" }));
  await publisher.publish("t", { qos: 1, packetId: 1, payload: text("m5") });
  for (const packet of a.received) {
    if (packet.type === "publish") deepEqual(packet.subscriptionIdentifiers, version === 5 ? [7] : undefined);
  }
  const seen = [...ids.traces(a)];
  await a.send({ type: "puback", packetId: ids.idOf(3), reasonCode: 0 });
  return [...seen, ...ids.traces(a)];
}

for (const version of VERSIONS) {
  row(
    "ST-02",
    `keeps subscriptions, sent, waiting and received messages over a restart in ${
      named(version)
    } [5.0 §4.1, 3.1.1 §3.1.2.4]`,
    async (stays) => {
      const restarts = new Rig({ limits: { maximumInFlight: 2 } });
      const staysIds = await leaveAll(stays, version);
      const ids = await leaveAll(restarts, version);
      await restarts.crash();
      const after = await showAll(restarts, version, ids);
      deepEqual(after, await showAll(stays, version, staysIds));
      deepEqual(after, [
        "connack present",
        "pubrel #2",
        "m1 q1 #1 dup",
        "m3 q1 #3",
        "pubrec #9",
        "m4 q2 #4",
        "pubcomp #9",
        "m5 q1 #5",
      ]);
    },
    { limits: { maximumInFlight: 2 } },
  );

  row("ST-02", `stores exactly that as Session State in ${named(version)} [5.0 §4.1, 3.1.1 §3.1.2.4]`, async (rig) => {
    const ids = await leaveAll(rig, version);
    const stored = await rig.stored();
    const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 };
    deepEqual([...stored?.subscriptions ?? []], [
      ["t", version === 5 ? { ...options, subscriptionIdentifier: 7 } : options],
    ]);
    deepEqual([...stored?.outbound ?? []], [
      [2, { packetId: ids.idOf(2), phase: "released", pubrecOrder: 0 }],
    ]);
    deepEqual([...stored?.inbound ?? []], [9]);
    // m1, m3 and m4: what m2 is still owed is its PUBREL.
    equal(await rig.queued(), 3);
  }, { limits: { maximumInFlight: 2 } });

  row(
    "ST-04",
    `an empty session is present all the same in ${named(version)} [5.0 §4.1, 3.1.1 §3.1.2.4]`,
    async (rig) => {
      await (await rig.connect(lasting(version), false)).drop();
      await (await rig.connect(lasting(version), true)).send({ type: "disconnect", reasonCode: 0 });
      await rig.crash();
      await rig.connect(lasting(version), true);
    },
  );

  row(
    "ST-10",
    `two Client Identifiers never share state in ${named(version)} [MQTT-3.1.3-2]`,
    async (rig) => {
      const a = await rig.connect(lasting(version, { clientId: "a" }));
      await a.subscribe("t", 2);
      await a.publish("x", { qos: 2, packetId: 5 });
      await a.drop();
      // Alike but for its case, its length, a byte that separates keys, its composition.
      const others = ["A", "aa", "a/", "a\u0301", " a"];
      for (const clientId of others) {
        const other = await rig.connect(lasting(version, { clientId }), false);
        equal((await rig.stored(clientId))?.subscriptions.size, 0);
        equal((await rig.stored(clientId))?.inbound.size, 0);
        await other.publish("t", { qos: 1, packetId: 1 });
        equal(other.take("puback").packetId, 1);
        other.quiet();
        await other.drop();
        equal(await rig.queued(clientId), 0);
      }
      equal(await rig.queued("a"), others.length);
      equal((await rig.stored("a"))?.subscriptions.size, 1);
      deepEqual([...(await rig.stored("a"))?.inbound ?? []], [5]);
    },
  );

  row(
    "ST-11",
    `a session whose end was cut short is absent or whole in ${named(version)} [5.0 §3.1.2.11.2, 3.1.1 §3.1.2.4]`,
    async () => {
      for (const fault of ["failsBefore", "failsAfter", "failsUnknown", "replyLost", "neverStarts"] as const) {
        const faulty = faultyStore(memoryStore());
        const rig = new Rig({ store: faulty.store, limits: { maximumInFlight: 2 } });
        const ids = await leaveAll(rig, version);
        // The process dies while it ends the session: from the first such commit on it hears nothing more.
        faulty.inject({ fault, call: "commit", times: Infinity });
        void rig.broker.end("a").catch(() => {});
        await rig.settle();
        ok(faulty.injected.length > 0, "nothing went wrong");
        faulty.heal();
        await rig.crash();
        const a = await rig.dial(lasting(version));
        const { sessionPresent } = a.take("connack");
        const hasHappened = fault === "failsAfter" || fault === "replyLost";
        equal(sessionPresent, !hasHappened, fault);
        const stored = await rig.stored();
        equal(stored?.subscriptions.size, hasHappened ? 0 : 1, fault);
        equal(stored?.inbound.size, hasHappened ? 0 : 1, fault);
        equal(await rig.queued(), hasHappened ? 0 : 3, fault);
        deepEqual(ids.traces(a), hasHappened ? [] : ["pubrel #2", "m1 q1 #1 dup", "m3 q1 #3"], fault);
        // Nor does what is swept later touch the new one.
        await a.subscribe("fresh", 1);
        await rig.advance(60_000);
        equal((await rig.stored())?.subscriptions.size, hasHappened ? 1 : 2, fault);
      }
    },
  );

  row(
    "ST-12",
    `a person may end a stored session, with all that follows in ${named(version)} [5.0 §4.1.1, 3.1.1 §4.1]`,
    async (rig) => {
      const watcher = await rig.connect(fleeting(version, { clientId: "w" }));
      await watcher.subscribe("will", 1);
      const will = willOf("gone", { willDelayInterval: 600 });
      const a = await rig.connect(lasting(version, will));
      await a.subscribe("t", 1);
      await a.drop();
      // In 3.1.1 the Will belongs to the connection, so it has gone out already.
      equal(watcher.takeAll().length, version === 4 ? 1 : 0);
      await watcher.publish("t", { qos: 1, packetId: 1 });
      watcher.take("puback");
      equal(await rig.broker.end("a"), true);
      await rig.due();
      if (version === 5) equal(read(watcher.take("publish").payload), "gone");
      watcher.quiet();
      equal(await rig.stored(), undefined);
      const again = await rig.connect(lasting(version), false);
      again.quiet();
      equal((await rig.stored())?.subscriptions.size, 0);
      await rig.advance(600_000);
      watcher.quiet();
      equal(await rig.broker.end("nobody"), false);
    },
  );

  row(
    "ST-08",
    `ending a session deletes nothing outside it in ${named(version)} [MQTT-3.1.2-7 of 3.1.1, 5.0 §4.1]`,
    async (rig) => {
      const b = await rig.connect(lasting(version, { clientId: "b" }));
      await b.subscribe("t", 1);
      await b.drop();
      const a = await rig.connect(lasting(version));
      await a.subscribe("t", 1);
      await a.publish("t", { qos: 1, packetId: 1, payload: text("from a") });
      await a.send({ type: "disconnect", reasonCode: 0 });
      // It ends by a clean start whose own session ends with its connection.
      await (await rig.connect(fleeting(version))).send({ type: "disconnect", reasonCode: 0 });
      equal(await rig.stored("a"), undefined);
      await rig.due();
      await rig.advance(60_000);
      const again = await rig.connect(lasting(version, { clientId: "b" }), true);
      deepEqual(payloads(again), ["from a"]);
      await again.publish("t", { qos: 1, packetId: 1, payload: text("still subscribed") });
      deepEqual(payloads(again), ["still subscribed"]);
    },
  );
}

row("ST-03", "stores the Will, its delay and the end of the session as absolute times [§4.1]", async (rig) => {
  const watcher = await rig.connect({ clientId: "w" });
  await watcher.subscribe("will", 1);
  const a = await rig.connect(lasting(5, { sessionExpiryInterval: 60, ...willOf("late", { willDelayInterval: 30 }) }));
  await rig.advance(7_000);
  const closedAt = rig.now;
  await a.drop();
  const stored = await rig.stored();
  deepEqual(stored?.will, willOf("late", { willDelayInterval: 30 }).will);
  equal(stored?.head.disconnectedAt, closedAt);
  equal(stored?.head.willDueAt, closedAt + 30_000);
  equal(stored?.head.endsAt, closedAt + 60_000);
});

row("ST-03", "a new process acts on those times [§4.1]", async (rig) => {
  const a = await rig.connect(lasting(5, { sessionExpiryInterval: 60, ...willOf("late", { willDelayInterval: 30 }) }));
  await a.drop();
  await rig.crash();
  const watcher = await rig.connect({ clientId: "w" });
  await watcher.subscribe("will", 1);
  await rig.advance(29_999);
  watcher.quiet();
  await rig.advance(1);
  equal(read(watcher.take("publish").payload), "late");
  await rig.advance(29_999);
  notEqual(await rig.stored(), undefined);
  await rig.advance(1);
  equal(await rig.stored(), undefined);
  watcher.quiet();
});
