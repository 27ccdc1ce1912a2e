/**
 * Two brokers over the same sessions.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { BrokerProcess, DataKind } from "../support/broker_process.ts";
import { keptFor, type Version, WireClient } from "../support/wire_client.ts";

const VERSIONS: readonly Version[] = [4, 5];
const SOON = ["--poll-ms", "20"];
/** Longer than any test: a broker that hears of nothing. */
const NEVER = ["--poll-ms", "86400000"];

function publish(payload: string, messageId: number) {
  return { cmd: "publish", topic: "news", qos: 1, messageId, dup: false, retain: false, payload } as const;
}

async function subscribed(broker: BrokerProcess, version: Version, clientId: string): Promise<WireClient> {
  const { client } = await WireClient.connect(broker.url, version, { clientId, ...keptFor(version, 3_600) });
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "news", qos: 1 }] });
  await client.expect("suback");
  return client;
}

/** Tests it over one kind of store. */
export function twoBrokers({ name: store, make }: DataKind): void {
  Deno.test(`${store}: a client that moves to another broker is closed at the first one with 0x8E [MQTT-3.1.4-3]`, async () => {
    await using data = await make();
    await using first = await data.start(...SOON, "--node", "first");
    await using second = await data.start(...SOON, "--node", "second");
    for (const version of VERSIONS) {
      const here = await subscribed(first, version, `mover-${version}`);
      const { client: there, connack } = await WireClient.connect(second.url, version, {
        clientId: `mover-${version}`,
        ...keptFor(version, 3_600),
      });
      assert.equal(connack.sessionPresent, true);
      if (version === 5) assert.equal((await here.expect("disconnect")).reasonCode, 0x8e);
      await here.expect("closed");

      there.send(publish("moved", 2));
      const heard = [await there.next(), await there.next()].map(({ cmd }) => cmd);
      assert.deepEqual(heard.sort(), ["puback", "publish"]);
      await there.disconnect();
    }
  });

  Deno.test(`${store}: what a client writes at its former broker is refused, although that one has heard of nothing`, async () => {
    await using data = await make();
    await using deaf = await data.start(...NEVER, "--node", "deaf");
    await using second = await data.start(...SOON, "--node", "second");
    const reader = await subscribed(second, 5, "reader");
    for (const version of VERSIONS) {
      const clientId = `mover-${version}`;
      const { client: here } = await WireClient.connect(deaf.url, version, { clientId, ...keptFor(version, 3_600) });
      const { client: there } = await WireClient.connect(second.url, version, { clientId, ...keptFor(version, 3_600) });

      here.send(publish("from the past", 1));
      if (version === 5) assert.equal((await here.expect("disconnect")).reasonCode, 0x8e);
      await here.expect("closed");

      there.send(publish("from the present", 1));
      await there.expect("puback");
      assert.equal((await reader.expect("publish")).payload.toString(), "from the present");
      await there.disconnect();
    }
    await reader.disconnect();
  });

  Deno.test(`${store}: a message published at one broker reaches a subscriber at another through the doorbell`, async () => {
    await using data = await make();
    await using first = await data.start(...SOON, "--node", "first");
    await using second = await data.start(...SOON, "--node", "second");
    for (const version of VERSIONS) {
      const reader = await subscribed(second, version, `reader-${version}`);
      const { client: writer } = await WireClient.connect(first.url, version, { clientId: "writer", clean: true });
      for (let index = 1; index <= 3; index++) {
        writer.send(publish(`${index}`, index));
        await writer.expect("puback");
        const message = await reader.expect("publish");
        assert.equal(message.payload.toString(), `${index}`);
        reader.send({ cmd: "puback", messageId: message.messageId ?? 0 });
      }
      await reader.disconnect();
      await writer.disconnect();
    }
  });

  Deno.test(`${store}: two brokers that write to the same sessions at the same time wait for each other, and nobody is turned away`, async () => {
    const messages = 150;
    await using data = await make();
    await using first = await data.start(...SOON, "--node", "first");
    await using second = await data.start(...SOON, "--node", "second");
    const brokers = [first, second];
    const readers = await Promise.all(brokers.map((broker, index) => subscribed(broker, 5, `reader-${index}`)));
    const writers = await Promise.all(brokers.map(async (broker, index) => {
      const { client } = await WireClient.connect(broker.url, 4, { clientId: `writer-${index}`, clean: true });
      return client;
    }));

    const writing = writers.map(async (writer, index) => {
      // One at a time: each is a commit of its own, in the way of the other broker's.
      for (let number = 1; number <= messages; number++) {
        writer.send(publish(`${index} ${number}`, number));
        await writer.expect("puback");
      }
      await writer.disconnect();
    });
    const reading = readers.map(async (reader) => {
      const next = [1, 1];
      for (let count = 0; count < messages * 2; count++) {
        const message = await reader.expect("publish");
        const [index = 0, number = 0] = message.payload.toString().split(" ").map(Number);
        assert.equal(number, next[index], `from writer ${index}`);
        next[index] = number + 1;
        reader.send({ cmd: "puback", messageId: message.messageId ?? 0 });
      }
      await reader.disconnect();
    });
    await Promise.all([...writing, ...reading]);
  });

  Deno.test(`${store}: the Will of a client whose broker was killed is published by the other one, once the lease is over`, async () => {
    const lease = ["--lease-ms", "3000"];
    await using data = await make();
    await using survivor = await data.start(...SOON, ...lease, "--node", "survivor");
    const reader = await subscribed(survivor, 5, "reader");
    await using victim = await data.start(...SOON, ...lease, "--node", "victim");
    for (const version of VERSIONS) {
      const will = { topic: "news", payload: Buffer.from(`${version} is gone`), qos: 1, retain: false } as const;
      await WireClient.connect(victim.url, version, { clientId: `doomed-${version}`, will, clean: true });
    }
    await victim.kill();
    const wills = [await reader.expect("publish"), await reader.expect("publish")];
    assert.deepEqual(wills.map(({ payload }) => payload.toString()).sort(), ["4 is gone", "5 is gone"]);
    await reader.disconnect();
  });

  Deno.test(`${store}: the session of a client whose broker was killed ends at the other one, its Will with it`, async () => {
    const lease = ["--lease-ms", "2000"];
    await using data = await make();
    await using survivor = await data.start(...SOON, ...lease, "--node", "survivor");
    const reader = await subscribed(survivor, 5, "reader");
    await using victim = await data.start(...SOON, ...lease, "--node", "victim");
    // The session ends long before the delay is over, and takes the Will along [MQTT-3.1.3-9].
    const { client } = await WireClient.connect(victim.url, 5, {
      clientId: "doomed",
      ...keptFor(5, 1),
      will: {
        topic: "news",
        payload: Buffer.from("ended"),
        qos: 1,
        retain: false,
        properties: { willDelayInterval: 86_400 },
      },
    });
    using _client = client;
    const { client: kept } = await WireClient.connect(victim.url, 5, { clientId: "kept", ...keptFor(5, 3_600) });
    using _kept = kept;
    await victim.kill();
    const will = await reader.expect("publish");
    assert.equal(will.payload.toString(), "ended");
    reader.send({ cmd: "puback", messageId: will.messageId ?? 0 });
    for (const [clientId, present] of [["doomed", false], ["kept", true]] as const) {
      const { client, connack } = await WireClient.connect(survivor.url, 5, { clientId, ...keptFor(5, 1) });
      assert.equal(connack.sessionPresent, present, clientId);
      await client.disconnect();
    }
    await reader.disconnect();
  });
}
