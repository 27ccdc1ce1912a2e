/** Shared Subscriptions: SH-01 to SH-14. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { BrokerOptions } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { type Client, type ConnectOptions, read, Rig, subscribePacket, text } from "../support/rig.ts";
import { row } from "../support/row.ts";

const FILTER = "$share/g/t";

/** A client whose session outlives its connection. */
function member(rig: Rig, clientId: string, more: ConnectOptions = {}): Promise<Client> {
  return rig.connect({ clientId, sessionExpiryInterval: 3_600, ...more });
}

/** The connection of a client whose session is there already. */
function again(rig: Rig, clientId: string): Promise<Client> {
  return rig.connect({ clientId, sessionExpiryInterval: 3_600, cleanStart: false }, true);
}

/** Publishes messages from nobody's session, one after the other. */
async function publish(rig: Rig, payloads: readonly string[], qos: 0 | 1 | 2 = 1, topic = "t"): Promise<void> {
  for (const payload of payloads) {
    await rig.broker.publish({ topic, payload: text(payload), qos });
    await rig.settle();
  }
}

/** The PUBLISH packets that came, as payload and level. */
function taken(client: Client): string[] {
  return client.takeAll().flatMap((packet) =>
    packet.type === "publish" ? [`${read(packet.payload)} q${packet.qos}`] : []
  );
}

async function acknowledge(client: Client, packetId: number, reasonCode = 0): Promise<void> {
  await client.send({ type: "puback", packetId, reasonCode });
}

/** How many messages wait for the group. */
function waiting(rig: Rig, filter = FILTER): Promise<number> {
  return rig.queued(`\u0000${filter}`);
}

row("SH-01", "takes a shared filter apart, and refuses what is none [MQTT-4.8.2-1] [MQTT-4.8.2-2]", async (rig) => {
  const a = await member(rig, "a");
  for (const filter of ["$share//t", "$share/g", "$share/g/", "$share/g+/t", "$share/#/t"]) {
    deepEqual((await a.subscribe(filter, 1)).reasonCodes, [0x8f], filter);
  }
  deepEqual((await a.subscribe("$share/g//t", 1)).reasonCodes, [1]);
  await publish(rig, ["other"]);
  deepEqual(taken(a), []);
  await publish(rig, ["m"], 1, "/t");
  deepEqual(taken(a), ["m q1"]);
});

row("SH-02", "sends no retained message to a shared subscription [§3.8.4]", async (rig) => {
  const publisher = await rig.connect({ clientId: "p" });
  await publisher.publish("t", { retain: true, qos: 0 }).catch(() => {});
  const a = await member(rig, "a");
  for (const retainHandling of [0, 1, 2] as const) {
    await a.send(subscribePacket(1 + retainHandling, [{ filter: FILTER, qos: 1, retainHandling }]));
    equal(a.take("suback").packetId, 1 + retainHandling);
    a.quiet();
  }
});

row("SH-03", "hands each message to one member of a group, and to every other subscription [§4.8.2]", async (rig) => {
  const members = [await member(rig, "a"), await member(rig, "b"), await member(rig, "c")];
  for (const each of members) await each.subscribe(FILTER, 1);
  const [a, other] = [members[0], await member(rig, "d")];
  await a?.subscribe("t", 1);
  await other.subscribe("$share/h/t", 1);
  await publish(rig, ["1", "2", "3"]);
  const got = members.map(taken);
  // Its own copies, and one of three through the group.
  deepEqual(got.map(({ length }) => length), [4, 1, 1]);
  deepEqual(got.flat().sort(), ["1 q1", "1 q1", "2 q1", "2 q1", "3 q1", "3 q1"]);
  deepEqual(taken(other), ["1 q1", "2 q1", "3 q1"]);
});

row("SH-04", "delivers at the level that the chosen member was granted [MQTT-4.8.2-3]", async (rig) => {
  const [a, b] = [await member(rig, "a"), await member(rig, "b")];
  await a.subscribe(FILTER, 0);
  await b.subscribe(FILTER, 2);
  await publish(rig, ["1", "2", "3", "4"], 2);
  const got = [...taken(a), ...taken(b)];
  deepEqual(got.map((each) => each.slice(-2)).sort(), ["q0", "q0", "q2", "q2"]);
  deepEqual(got.map((each) => each[0]).sort(), ["1", "2", "3", "4"]);
});

row("SH-05", "completes a QoS 2 delivery to the same client on its return [MQTT-4.8.2-4]", async (rig) => {
  const a = await member(rig, "a", { receiveMaximum: 2 });
  await a.subscribe(FILTER, 2);
  await publish(rig, ["1", "2"], 2);
  const [first, second] = [a.take("publish"), a.take("publish")];
  await a.send({ type: "pubrec", packetId: first.packetId ?? 0, reasonCode: 0 });
  a.take("pubrel");
  const b = await member(rig, "b");
  await b.subscribe(FILTER, 2);
  await a.drop();
  deepEqual(taken(b), []);
  const back = await again(rig, "a");
  equal(back.take("pubrel").packetId, first.packetId);
  const resent = back.take("publish");
  deepEqual([resent.packetId, resent.dup, read(resent.payload)], [second.packetId, true, "2"]);
  deepEqual(taken(b), []);
});

row("SH-06", "gives a started QoS 2 message to nobody else once its session has ended [MQTT-4.8.2-5]", async (rig) => {
  for (const end of ["disconnect", "cleanStart", "expiry"] as const) {
    const a = await member(rig, "a", end === "expiry" ? { sessionExpiryInterval: 10 } : {});
    await a.subscribe(FILTER, 2);
    const b = await member(rig, "b");
    await publish(rig, ["m"], 2);
    a.take("publish");
    await b.subscribe(FILTER, 2);
    if (end === "disconnect") await a.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
    else await a.drop();
    if (end === "cleanStart") await (await rig.connect({ clientId: "a" })).drop();
    if (end === "expiry") await rig.advance(20_000);
    equal(await rig.stored("a"), undefined, end);
    deepEqual(taken(b), [], end);
    equal(await waiting(rig), 0, end);
    await b.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
  }
});

row("SH-07", "hands an unacknowledged QoS 1 message on once its session ends, not before [§4.8.2]", async (rig) => {
  for (const end of ["disconnect", "cleanStart", "takeover", "expiry", "administrator", "crash"] as const) {
    const a = await member(rig, "a", end === "expiry" ? { sessionExpiryInterval: 10 } : {});
    await a.subscribe(FILTER, 1);
    await publish(rig, ["m"]);
    equal(read(a.take("publish").payload), "m");
    let b = await member(rig, "b");
    await b.subscribe(FILTER, 1);
    if (end === "crash") {
      await rig.crash();
      b = await again(rig, "b");
      await rig.advance(200_000);
    } else if (end === "disconnect") {
      await a.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
    } else if (end !== "takeover") await a.drop();
    if (end !== "disconnect") deepEqual(taken(b), [], end);
    if (end === "cleanStart" || end === "takeover" || end === "crash") {
      await (await rig.connect({ clientId: "a" })).drop();
    }
    if (end === "expiry") await rig.advance(20_000);
    if (end === "administrator") await rig.broker.end("a");
    await rig.settle();
    deepEqual(taken(b), ["m q1"], end);
    await b.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
  }
});

row("SH-08", "tries no other member where one has refused [MQTT-4.8.2-6]", async (rig) => {
  const a = await member(rig, "a");
  await a.subscribe(FILTER, 2);
  await publish(rig, ["1"]);
  await publish(rig, ["2"], 2);
  const b = await member(rig, "b");
  await b.subscribe(FILTER, 2);
  await acknowledge(a, a.take("publish").packetId ?? 0, 0x97);
  await a.send({ type: "pubrec", packetId: a.take("publish").packetId ?? 0, reasonCode: 0x97 });
  await a.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
  deepEqual(taken(b), []);
  equal(await waiting(rig), 0);
});

row("SH-09", "keeps a group as long as it has a member, whoever made it [§4.8.2]", async (rig) => {
  const [a, b] = [await member(rig, "a"), await member(rig, "b")];
  await a.subscribe(FILTER, 1);
  await b.subscribe(FILTER, 1);
  await a.send({ type: "unsubscribe", packetId: 7, filters: [FILTER] });
  deepEqual(a.take("unsuback").reasonCodes, [0]);
  await publish(rig, ["1"]);
  deepEqual([taken(a), taken(b)], [[], ["1 q1"]]);
  await b.drop();
  await publish(rig, ["2", "3"]);
  equal(await waiting(rig), 2);
  await rig.broker.end("b");
  await rig.settle();
  equal(await rig.stored(`\u0000${FILTER}`), undefined);
  const lost = rig.observed.filter((event) => event.type === "dropped" && event.reason === "groupEnded");
  // Those that waited, and the one that "b" had not acknowledged: it came back first.
  equal(lost.length, 3);
  await publish(rig, ["4"]);
  await a.subscribe(FILTER, 1);
  deepEqual(taken(a), []);
});

row("SH-10", "counts a session once that subscribes to the same group again [§4.8.2]", async (rig) => {
  const [a, b] = [await member(rig, "a"), await member(rig, "b")];
  await a.subscribe(FILTER, 0);
  await a.subscribe(FILTER, 1);
  await b.subscribe(FILTER, 1);
  await publish(rig, ["1", "2", "3", "4"]);
  deepEqual([taken(a), taken(b)].map(({ length }) => length), [2, 2]);
  await publish(rig, ["5", "6"]);
  deepEqual(taken(a).map((each) => each.slice(-2)), ["q1"]);
  deepEqual(taken(b).length, 1);
  await a.send({ type: "unsubscribe", packetId: 7, filters: [FILTER] });
  a.take("unsuback");
  await publish(rig, ["7", "8"]);
  deepEqual([taken(a), taken(b)], [[], ["7 q1", "8 q1"]]);
});

row("SH-11", "attaches the identifiers of the member that receives it [§3.3.4]", async (rig) => {
  const [a, b] = [await member(rig, "a"), await member(rig, "b")];
  for (const [client, identifier] of [[a, 1], [b, 2]] as const) {
    await client.send(subscribePacket(1, [{ filter: FILTER, qos: 1 }], identifier));
    client.take("suback");
  }
  await publish(rig, ["1", "2"]);
  deepEqual(a.take("publish").subscriptionIdentifiers, [1]);
  deepEqual(b.take("publish").subscriptionIdentifiers, [2]);
});

row("SH-12", "keeps the membership of a detached session [§4.1]", async (rig) => {
  const a = await member(rig, "a");
  await a.subscribe(FILTER, 1);
  await a.drop();
  await publish(rig, ["1", "2"]);
  equal(await waiting(rig), 2);
  const back = await again(rig, "a");
  deepEqual(taken(back), ["1 q1", "2 q1"]);
  const b = await member(rig, "b");
  await b.subscribe(FILTER, 1);
  await publish(rig, ["3", "4"]);
  deepEqual([...taken(back), ...taken(b)].sort(), ["3 q1", "4 q1"]);
});

row("SH-13", "hands nothing on where a takeover continues the session [§4.8.2]", async (rig) => {
  const a = await member(rig, "a");
  await a.subscribe(FILTER, 2);
  await publish(rig, ["1"]);
  await publish(rig, ["2"], 2);
  deepEqual(taken(a), ["1 q1", "2 q2"]);
  const b = await member(rig, "b");
  await b.subscribe(FILTER, 2);
  const back = await again(rig, "a");
  ok(a.closed);
  deepEqual(taken(back), ["1 q1", "2 q2"]);
  deepEqual(taken(b), []);
});

/**
 * A rig whose member "a" can send one message at a time, and finds that taken when what it claims arrives: something was
 * published to it while the claim was on its way.
 */
async function claimedInVain(qos: 1 | 2, options: Partial<BrokerOptions>): Promise<readonly [Rig, Client]> {
  const inner = memoryStore();
  const store: SessionStore = {
    ...inner,
    commit: async (batches, call) => {
      for (const { isWhole, deliveries } of batches) {
        const to = deliveries[0]?.receivers?.[0];
        if (isWhole !== true || to?.clientId !== "a") continue;
        const { ownedBy: _, claimed: _from, ...receiver } = to;
        const message = {
          topic: "own",
          payload: text("own"),
          qos: 1,
          retain: false,
          properties: {},
          publisher: "",
          publishedAt: 0,
        } as const;
        const limits = { maximumMessages: 9, maximumBytes: 99, whenFull: "dropNewest" } as const;
        const own = [{ message, receivers: [{ ...receiver, qos: 1 as const }] }];
        await inner.commit([{ id: "own", changes: [], deliveries: own, limits, now: 0 }]);
      }
      return await inner.commit(batches, call);
    },
  };
  const rig = new Rig({ ...options, store });
  const a = await member(rig, "a", { receiveMaximum: 1 });
  await a.subscribe(FILTER, 2);
  await publish(rig, ["m"], qos);
  deepEqual(taken(a), ["own q1"]);
  equal(await waiting(rig), 0);
  return [rig, a];
}

for (const qos of [1, 2] as const) {
  row("SH-14", `hands a message of QoS ${qos} on that a member never started, when it detaches [§4.8.2]`, async () => {
    const [rig, a] = await claimedInVain(qos, {});
    await a.drop();
    equal(await waiting(rig), 1);
    const b = await member(rig, "b");
    await b.subscribe(FILTER, 2);
    deepEqual(taken(b), [`m q${qos}`]);
    deepEqual(taken(await again(rig, "a")), ["own q1"]);
  });

  for (const sharedNeverStarted of ["redispatch", "redispatchQoS1", "drop"] as const) {
    const isHandedOn = sharedNeverStarted === "redispatch" || (sharedNeverStarted === "redispatchQoS1" && qos === 1);
    const does = isHandedOn ? "hands on" : "drops";
    const what = `what a member never started of QoS ${qos}, when its session ends, by policy ${sharedNeverStarted}`;
    row("SH-14", `${does} ${what} [§4.8.2]`, async () => {
      const [rig, a] = await claimedInVain(qos, { policy: { sharedNeverStarted } });
      const b = await member(rig, "b");
      await b.subscribe(FILTER, 2);
      await a.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
      deepEqual(taken(b), isHandedOn ? [`m q${qos}`] : []);
      equal(await waiting(rig), 0);
    });
  }
}
