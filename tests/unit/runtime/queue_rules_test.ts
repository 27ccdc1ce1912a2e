import assert from "node:assert/strict";
import { type BrokerEvent, type DropReason, type QueueRule, sessionBroker } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { queueRules } from "../../../src/runtime/queue_rules.ts";
import { publishPacket, rest, subscribePacket, texts, type World, world } from "./support.ts";

/** A world with a session that is away, subscribed to everything at QoS 2. */
async function away(rules: readonly QueueRule[], options: Parameters<typeof world>[0] = {}): Promise<World> {
  const made = world({ queueRules: rules, ...options });
  const client = await made.connect("away");
  await client.send(subscribePacket(1, "#"), { type: "disconnect", reasonCode: 0 });
  return made;
}

/** Publishes at QoS 1, each payload its number among all. */
async function publish({ broker }: World, ...topics: readonly string[]): Promise<void> {
  for (const [index, topic] of topics.entries()) {
    await broker.publish({ topic, payload: new TextEncoder().encode(`${topic} ${index}`), qos: 1 });
  }
}

/** What the client gets when it comes back. */
async function returns({ connect }: World): Promise<readonly string[]> {
  return texts(await connect("away"));
}

/** Why messages of the session were lost, as its observer was told. */
function reasons(events: readonly BrokerEvent[]): readonly DropReason[] {
  return events.flatMap((event) => event.type === "dropped" && event.clientId === "away" ? [event.reason] : []);
}

Deno.test("of a topic that keeps its last message only that is delivered, and the others count as replaced", async () => {
  const made = await away([{ filter: "state/#", keepLast: true }]);
  await publish(made, "state/a", "state/b", "log", "state/a", "log", "state/a", "state/b");
  assert.deepEqual(reasons(made.events), ["replaced", "replaced", "replaced"]);
  const line = await made.broker.inspect("away");
  assert.deepEqual([line?.queuedMessages, line?.dropped], [4, { replaced: 3 }]);
  assert.deepEqual(await returns(made), ["log 2", "log 4", "state/a 5", "state/b 6"]);
});

Deno.test("a rule's bounds hold for its messages alone, the first rule that matches decides", async () => {
  const made = await away([
    { filter: "a/free", priority: 0 },
    { filter: "a/#", maximumMessages: 2 },
    { filter: "b/#", maximumMessages: 1, whenFull: "dropNewest" },
  ]);
  await publish(made, "a/1", "a/free", "a/2", "a/free", "b/1", "a/free", "a/3", "b/2");
  assert.deepEqual(reasons(made.events), ["filterFullOldest", "filterFullNewest"]);
  const dropped = (await made.broker.inspect("away"))?.dropped;
  assert.deepEqual(dropped, { filterFullOldest: 1, filterFullNewest: 1 });
  assert.deepEqual(await returns(made), ["a/free 1", "a/2 2", "a/free 3", "b/1 4", "a/free 5", "a/3 6"]);
});

Deno.test("at the limit of the log a higher priority stays, and what is left is sent in its order", async () => {
  const made = await away([{ filter: "alarm/#", priority: 9 }], {
    queue: { maximumMessages: 3, whenFull: "dropOldest" },
  });
  await publish(made, "alarm/1", "log/1", "alarm/2", "log/2", "log/3", "alarm/3", "log/4");
  assert.deepEqual(reasons(made.events), ["queueFullOldest", "queueFullOldest", "queueFullOldest", "queueFullNewest"]);
  assert.deepEqual(await returns(made), ["alarm/1 0", "alarm/2 2", "alarm/3 5"]);
});

Deno.test("QoS 0 waits for the disconnected where a rule says so, whatever holds elsewhere", async () => {
  for (const queueQos0 of [false, true]) {
    const made = await away([{ filter: "kept", queueQos0: true }, { filter: "lost", queueQos0: false }], { queueQos0 });
    const sender = await made.connect("sender");
    for (const topic of ["kept", "lost", "other"]) await sender.send(publishPacket(topic, 0, undefined, topic));
    await rest();
    assert.deepEqual(await returns(made), queueQos0 ? ["kept", "other"] : ["kept"]);
    assert.deepEqual(reasons(made.events), queueQos0 ? ["notConnected"] : ["notConnected", "notConnected"]);
  }
});

Deno.test("an upgraded copy has the level of its subscription, and survives like any of that level", async () => {
  const made = await away([{ filter: "up/#", upgradeQoS: true }]);
  const sender = await made.connect("sender");
  await sender.send(publishPacket("up/0", 0, undefined, "zero"), publishPacket("up/1", 1, 1, "one"));
  await sender.send(publishPacket("plain", 1, 2, "plain"), { type: "disconnect", reasonCode: 0 });
  // Another broker: nothing was in the memory of the first.
  await made.broker.shutdown();
  const client = await made.connect("away", {}, made.another());
  const got = client.got.flatMap((packet) => packet.type === "publish" ? [[packet.topic, packet.qos]] : []);
  assert.deepEqual(got, [["up/0", 2], ["up/1", 2], ["plain", 1]]);
});

Deno.test("a full queue that rejects says nothing to a publisher at QoS 0, whose copy was upgraded", async () => {
  const made = await away([{ filter: "up", upgradeQoS: true }], { queue: { maximumMessages: 1, whenFull: "reject" } });
  const sender = await made.connect("sender");
  await sender.send(publishPacket("up", 0, undefined, "a"), publishPacket("up", 0, undefined, "b"));
  await sender.send(publishPacket("up", 1, 7, "c"), { type: "pingreq" });
  assert.equal(sender.types(), "connack puback pingresp");
  assert.deepEqual(sender.got.flatMap((packet) => packet.type === "puback" ? [packet.reasonCode] : []), [0x97]);
  assert.deepEqual(reasons(made.events), ["queueFullNewest"]);
});

Deno.test("a full group of a rule refuses with 0x97 where the queue rejects [D11]", async () => {
  const rule: QueueRule = { filter: "g/#", maximumMessages: 1, whenFull: "dropNewest" };
  const made = await away([rule], { queue: { whenFull: "reject" } });
  const sender = await made.connect("sender");
  await sender.send(publishPacket("g/1", 1, 1), publishPacket("g/2", 1, 2), publishPacket("other", 1, 3));
  assert.deepEqual(
    sender.got.flatMap((packet) => packet.type === "puback" ? [packet.reasonCode] : []),
    [0, 0x97, 0],
  );
});

Deno.test("what goes through an outbox waits under the same terms", async () => {
  const store = memoryStore({ maxReceiversPerCommit: 1 });
  const made = world({ queueRules: [{ filter: "state", keepLast: true }] }, store);
  for (const name of ["away", "first", "second"]) {
    const client = await made.connect(name);
    await client.send(subscribePacket(1, "#"), { type: "disconnect", reasonCode: 0 });
  }
  await publish(made, "state", "state", "state");
  await made.broker.settled();
  for (const name of ["away", "first", "second"]) {
    assert.deepEqual((await store.directory.inspect(name))?.dropped, { replaced: 2 }, name);
  }
  assert.deepEqual(await returns(made), ["state 2"]);
});

Deno.test("what was started is delivered, though a later one of its topic comes", async () => {
  const made = world({ queueRules: [{ filter: "#", keepLast: true }], limits: { sendAhead: 1 } });
  const client = await made.connect("away", { receiveMaximum: 1 });
  await client.send(subscribePacket(1, "#"));
  await publish(made, "t", "t", "t", "t");
  client.connection.closed("transport");
  await rest();
  const again = await made.connect("away", { receiveMaximum: 10 });
  assert.deepEqual(texts(again), ["t 0", "t 3"]);
  const first = again.got.find((packet) => packet.type === "publish");
  assert.equal(first?.type === "publish" && first.dup, true);
});

Deno.test("rules that make no sense are refused when the broker is made", () => {
  const make = (rule: QueueRule) => () => sessionBroker({ store: memoryStore(), queueRules: [rule] });
  for (const filter of ["", "a/#/b", "$share/g/t", "x".repeat(1_025)]) assert.throws(make({ filter }), RangeError);
  assert.throws(make({ filter: "t", priority: 10 }), RangeError);
  assert.throws(make({ filter: "t", maximumMessages: 0 }), RangeError);
  assert.throws(make({ filter: "t", whenFull: "reject" as unknown as "dropOldest" }), TypeError);
});

Deno.test("a topic with a name too long to stand beside each copy keeps all its messages", () => {
  const rules = queueRules([{ filter: "#", keepLast: true, priority: 2 }], false);
  assert.deepEqual(rules.of("t").terms, { slot: "t", priority: 2 });
  assert.deepEqual(rules.of("t".repeat(1_025)).terms, { priority: 2 });
  assert.deepEqual(rules.of("$SYS/x"), { queueQos0: false, upgradeQoS: false });
});
