/**
 * All 65 535 Packet Identifiers of the server as a sender. One run a version, which several rows look at: ID-03, ID-06,
 * ID-11, ID-12; and one for the identifiers that a client says it holds, ID-14.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { rowInBoth, type Version } from "../support/both_versions.ts";
import { response, resume, subscriber } from "../support/deliveries.ts";
import { type Client, Rig, subscribePacket, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { idOf, takeFirst, trace, traces } from "../support/seen.ts";

const ALL = 65_535;

/** What was seen while all identifiers went out. */
interface Exhausted {
  /** The identifier that awaits PUBCOMP since before the crash. */
  readonly released: number;
  /** The identifier that awaits PUBACK since before the crash. */
  readonly unacknowledged: number;
  /** Those that went to 65 536 new messages of QoS 1. */
  readonly given: readonly number[];
  /** What followed PUBCOMP of the one and PUBACK of the other. */
  readonly afterPubcomp: readonly string[];
  readonly afterPuback: readonly string[];
}

async function exhaust(version: Version): Promise<Exhausted> {
  const rig = wideRig();
  const before = await subscriber(rig, version);
  await rig.broker.publish({ topic: "t", payload: text("x"), qos: 2 });
  await rig.broker.publish({ topic: "t", payload: text("y"), qos: 1 });
  await rig.settle();
  const released = takeFirst(before, "x", 2);
  const unacknowledged = takeFirst(before, "y", 1);
  await before.send(response("pubrec", released));
  await rig.crash();
  const client = await resume(rig, version);
  deepEqual(traces(client), [`pubrel #${released}`, `y q1 #${unacknowledged} dup`]);
  await flood(rig, client);
  const given = takeIds(client);
  await client.send(response("pubcomp", released));
  const afterPubcomp = traces(client);
  await client.send(response("puback", unacknowledged));
  return { released, unacknowledged, given, afterPubcomp, afterPuback: traces(client) };
}

/**
 * A broker that lets a client have as many messages in flight as there are identifiers, and keeps more in the queue.
 * Each of its publishes becomes a copy for every subscription that matches.
 */
function wideRig(): Rig {
  return new Rig({
    limits: { maximumInFlight: ALL },
    queue: { maximumMessages: 2 * ALL },
    policy: { overlappingSubscriptions: "each" },
  });
}

/** The 256 filters that match a topic of eight levels: a level stands there, or a `+`. */
const FILTERS = Array.from(
  { length: 256 },
  (_, pattern) => Array.from({ length: 8 }, (_, level) => (pattern >> level) % 2 === 0 ? "n" : "+").join("/"),
);

/** Routes 65 536 messages of QoS 1: 256 publishes, each of which matches all the filters. */
async function flood(rig: Rig, client: Client): Promise<void> {
  await client.send(subscribePacket(1, FILTERS.map((filter) => ({ filter, qos: 1 }))));
  client.take("suback");
  const message = { topic: "n/n/n/n/n/n/n/n", payload: text("m"), qos: 1 } as const;
  await Promise.all(FILTERS.map(() => rig.broker.publish(message)));
  await rig.settle();
}

/** Takes QoS 1 messages that are sent for the first time; answers their identifiers. */
function takeIds(client: Client): readonly number[] {
  return client.takeAll().map((packet) => {
    ok(packet.type === "publish" && packet.qos === 1 && !packet.dup, trace(packet));
    return idOf(packet);
  });
}

const runs = new Map<Version, Promise<Exhausted>>();
function exhausted(version: Version): Promise<Exhausted> {
  const run = runs.get(version) ?? exhaust(version);
  runs.set(version, run);
  return run;
}

rowInBoth("ID-03", "gives each new message an identifier from 1 to 65535 that is not in use, around the end and on", {
  5: "MQTT-2.2.1-4",
  4: "MQTT-2.3.1-4",
}, async (_, version) => {
  const { given, released, unacknowledged } = await exhausted(version);
  equal(given.every((id) => Number.isInteger(id) && id >= 1 && id <= 65_535), true);
  equal(new Set([...given, released, unacknowledged]).size, given.length + 2);
  ok(given.some((id, index) => id < (given[index - 1] ?? 0)), "the identifiers went around their end");
});

rowInBoth("ID-06", "frees an identifier of QoS 2 with PUBCOMP and not with PUBREC, one of QoS 1 with PUBACK", {
  5: "§2.2.1",
  4: "MQTT-2.3.1-3",
}, async (_, version) => {
  const { given, released, unacknowledged, afterPubcomp, afterPuback } = await exhausted(version);
  equal(given.includes(released), false);
  deepEqual(afterPubcomp, [`m q1 #${released}`]);
  deepEqual(afterPuback, [`m q1 #${unacknowledged}`]);
});

rowInBoth("ID-11", "gives new messages no identifier of a restored entry, be it one that only awaits PUBCOMP", {
  5: "MQTT-2.2.1-4",
  4: "MQTT-2.3.1-4",
}, async (_, version) => {
  const { given, released, unacknowledged } = await exhausted(version);
  equal(given.includes(released), false);
  equal(given.includes(unacknowledged), false);
});

rowInBoth("ID-12", "lets messages wait when all identifiers are out, and sends the next under the one that is freed", {
  5: "MQTT-2.2.1-4",
  4: "MQTT-2.3.1-4",
}, async (_, version) => {
  const { given, released, unacknowledged, afterPubcomp, afterPuback } = await exhausted(version);
  equal(given.length, 65_533);
  deepEqual([...afterPubcomp, ...afterPuback], [`m q1 #${released}`, `m q1 #${unacknowledged}`]);
});

row(
  "ID-14",
  "keeps identifiers out of circulation that the client says are in use, until the session ends (5.0)",
  async () => {
    const rig = wideRig();
    const a = await subscriber(rig, 5);
    await rig.broker.publish({ topic: "t", payload: text("x"), qos: 1 });
    await rig.broker.publish({ topic: "t", payload: text("y"), qos: 2 });
    await rig.settle();
    const x = takeFirst(a, "x", 1);
    const y = takeFirst(a, "y", 2);
    await a.send(response("puback", x, 0x91), response("pubrec", y, 0x91));
    a.quiet();
    const told = rig.observed.filter((event) => event.type === "delivered" || event.type === "diagnosed");
    deepEqual(told, [
      { type: "diagnosed", clientId: "a", diagnosis: "stateMismatch", packetId: x, reasonCode: 0x91 },
      { type: "delivered", clientId: "a", sequence: 1, reasonCode: 0x91 },
      { type: "diagnosed", clientId: "a", diagnosis: "stateMismatch", packetId: y, reasonCode: 0x91 },
      { type: "delivered", clientId: "a", sequence: 2, reasonCode: 0x91 },
    ]);
    await rig.crash();
    const again = await resume(rig, 5);
    again.quiet();
    await flood(rig, again);
    const given = takeIds(again);
    equal(given.length, 65_533);
    equal(given.includes(x) || given.includes(y), false);
    // With none left, the next free one is looked for: past the two.
    const freed = given[30_000] ?? 0;
    await again.send(response("puback", freed));
    deepEqual(traces(again), [`m q1 #${freed}`]);
    await rig.connect({ cleanStart: true, sessionExpiryInterval: 3_600 });
    deepEqual((await rig.stored())?.quarantine, new Set());
  },
);
