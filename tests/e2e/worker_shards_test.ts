import assert from "node:assert/strict";
import { shardOf } from "../../examples/cloudflare/sharded/place.ts";
import type { ObjectReport } from "./support/forgetful_worker.ts";
import { KilledBroker } from "./support/killed_broker.ts";
import { makeLoad } from "./support/load.ts";
import { LoadReceiver } from "./support/load_receiver.ts";
import { type Address, mqttClient, nextConnack } from "./support/mqttjs_client.ts";
import { OrderedPublisher } from "./support/ordered_publisher.ts";
import { printedSeed, randomNumbers } from "./support/random.ts";
import { unlessStuck } from "./support/unless_stuck.ts";
import { keptFor, type Version, WireClient } from "./support/wire_client.ts";
import { WorkerData, type WorkerProcess } from "./support/worker_process.ts";

const SHARDS = 3;
const OUTBOX = "$shards";

/** The first id of that beginning whose client belongs to the shard. */
function clientOf(shard: number, name: string): string {
  for (let number = 0;; number++) {
    if (shardOf(`${name}-${number}`, SHARDS) === shard) return `${name}-${number}`;
  }
}

/** The address that leads a client to its shard at once, wherever the worker is by then. */
function addressOf(worker: Address, clientId: string): Address {
  return {
    get url() {
      return `${worker.url}/main?client=${clientId}`;
    },
  };
}

async function connect(worker: WorkerProcess, version: Version, clientId: string): Promise<WireClient> {
  const { url } = addressOf(worker, clientId);
  return (await WireClient.connect(url, version, { clientId, ...keptFor(version, 3_600) })).client;
}

async function subscribe(client: WireClient, topic: string): Promise<void> {
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 2 }] });
  assert.deepEqual((await client.expect("suback")).granted, [2]);
}

async function publish(client: WireClient, topic: string, payload = ""): Promise<void> {
  client.send({ cmd: "publish", topic, qos: 1, messageId: 2, dup: false, retain: false, payload });
  await client.expect("puback");
}

/** What the next PUBLISH says, which is acknowledged. */
async function received(client: WireClient): Promise<string> {
  const { payload, messageId } = await client.expect("publish");
  if (messageId !== undefined) client.send({ cmd: "puback", messageId });
  return payload.toString();
}

/** What a shard tells of its outbox; with `afterAlarm` not before it was woken once more. */
async function outboxOf(worker: WorkerProcess, shard: number, afterAlarm = false): Promise<ObjectReport> {
  const url = worker.url.replace("ws:", "http:").replace("/mqtt", "/report");
  const query = `object=main/${shard}&client=${encodeURIComponent(OUTBOX)}${afterAlarm ? "&afterAlarm" : ""}`;
  return await (await fetch(`${url}?${query}`)).json();
}

for (const version of [4, 5] satisfies Version[]) {
  const name =
    `three shards, MQTT ${version === 4 ? "3.1.1" : "5.0"}: every message of a publisher comes to the clients of ` +
    "the others, in its order, though workerd is killed again and again";

  Deno.test(name, async () => {
    const random = randomNumbers(printedSeed(name));
    const load = makeLoad(60, random);
    await using data = await WorkerData.make("--shards", String(SHARDS), "--forget", "0.05");
    await using broker = await KilledBroker.start(data, ["--max-input-bytes", "67108864"], random);
    const receivers = await Promise.all(([[1, 4], [2, 5]] as const).map(async ([shard, itsVersion]) => {
      const clientId = clientOf(shard, "subscriber");
      const client = mqttClient(addressOf(broker.address, clientId), itsVersion, { clientId });
      await nextConnack(client);
      await client.subscribeAsync("load/#", { qos: 2 });
      const receiver = new LoadReceiver(load);
      receiver.listen(client);
      return { client, receiver };
    }));
    try {
      broker.plan(4, 180);
      const clientId = clientOf(0, "publisher");
      const publisher = new OrderedPublisher(clientId, version, load);
      const publishers = addressOf(broker.address, clientId);
      while (!publisher.done) {
        await publisher.run(publishers.url, () => broker.heard());
        await broker.settled();
      }
      // Here the alarms of an object are looked for when it is first used: the platform does so by itself.
      const { client: last } = await WireClient.connect(publishers.url, version, { clientId, ...keptFor(version, 60) });
      for (const { receiver } of receivers) {
        await unlessStuck("receiving", receiver.complete);
        receiver.check({ qos2: "at least once" });
      }
      await last.disconnect();
    } finally {
      for (const { client } of receivers) await client.endAsync(true);
    }
  });
}

Deno.test("a client that comes to a shard of others is told its own in 5.0, refused in 3.1.1, and no one gets the outbox", async () => {
  await using data = await WorkerData.make("--shards", String(SHARDS));
  await using worker = await data.start();
  const clientId = clientOf(1, "stray");
  const { url: astray } = addressOf(worker, clientOf(2, "other"));
  const { connack: refused } = await WireClient.connect(astray, 4, { clientId });
  assert.equal(refused.returnCode, 3);
  const { connack } = await WireClient.connect(astray, 5, { clientId });
  assert.equal(connack.reasonCode, 0x9c);
  const reference = connack.properties?.serverReference ?? "";
  const { client, connack: there } = await WireClient.connect(reference, 5, { clientId });
  assert.equal(there.reasonCode, 0);
  assert.deepEqual([there.properties?.retainAvailable, there.properties?.sharedSubscriptionAvailable], [false, false]);
  await client.disconnect();
  // Who brings no id gets one that leads back to the same shard.
  const { client: nameless, connack: named } = await WireClient.connect(astray, 5, { clientId: "", clean: true });
  assert.equal(shardOf(named.properties?.assignedClientIdentifier ?? "", SHARDS), 2);
  await nameless.disconnect();
  const { connack: outbox } = await WireClient.connect(astray, 5, { clientId: OUTBOX });
  assert.equal(outbox.reasonCode, 0x85);
});

Deno.test("a message comes once to each shard that wants it and goes on to none; what nobody wants any more is sent once", async () => {
  await using data = await WorkerData.make("--shards", String(SHARDS), "--forget", "0.5");
  await using worker = await data.start();
  const one = await connect(worker, 5, clientOf(0, "client"));
  const two = await connect(worker, 5, clientOf(1, "client"));
  const three = await connect(worker, 5, clientOf(2, "client"));
  await subscribe(one, "all/#");
  await subscribe(two, "all/#");
  await subscribe(two, "+/few");
  await subscribe(three, "all/#");
  await publish(three, "other", "for nobody");
  for (const payload of ["first", "second", "third"]) {
    // To two of its subscriptions as one copy, and to its own subscriber as well.
    one.send({ cmd: "publish", topic: "all/few", qos: 0, dup: false, retain: false, payload });
    for (const client of [one, two, three]) assert.equal(await received(client), payload);
  }
  assert.equal((await outboxOf(worker, 0)).subscriptions, 2);
  for (const shard of [1, 2]) assert.equal((await outboxOf(worker, shard)).queuedMessages, 0);

  for (const client of [two, three]) {
    client.send({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["all/#", "+/few"] });
    await client.expect("unsuback");
  }
  const forgotten = async (): Promise<void> => {
    while ((await outboxOf(worker, 0)).subscriptions !== 0) {
      one.send({ cmd: "publish", topic: "all/few", qos: 0, dup: false, retain: false, payload: "in vain" });
      await one.expect("publish");
    }
  };
  await unlessStuck("filters that nobody has", forgotten());
  await subscribe(three, "all/#");
  one.send({ cmd: "publish", topic: "all/few", qos: 0, dup: false, retain: false, payload: "again" });
  // What was sent in vain may still have been on its way.
  for (let payload = "in vain"; payload !== "again"; payload = await received(three)) assert.equal(payload, "in vain");
  for (const client of [one, two, three]) await client.vanish();
});

Deno.test("what was acknowledged and has not crossed is sent by an alarm, in an object that nobody connects to after a kill", async () => {
  await using data = await WorkerData.make("--shards", String(SHARDS));
  {
    await using worker = await data.start("--deaf", "true");
    const reader = await connect(worker, 5, clientOf(1, "reader"));
    await subscribe(reader, "a/b");
    const writer = await connect(worker, 4, clientOf(0, "writer"));
    // Those are over that look for what an earlier run has left, and whether CONNECT came: the next one is in an hour.
    while (((await outboxOf(worker, 0, true)).alarmAt ?? Infinity) < Date.now() + 60_000);
    await publish(writer, "a/b", "kept");
    const { alarmAt } = await outboxOf(worker, 0);
    assert.ok(alarmAt !== null && alarmAt < Date.now() + 20_000, `woken ${alarmAt}`);
    await worker.kill();
  }
  await using worker = await data.start();
  const reader = await connect(worker, 5, clientOf(1, "reader"));
  // Here the alarms of an object are looked for when it is first used: the platform does so by itself.
  assert.equal((await outboxOf(worker, 0)).queuedMessages, 1);
  assert.equal(await received(reader), "kept");
  await reader.vanish();
});
