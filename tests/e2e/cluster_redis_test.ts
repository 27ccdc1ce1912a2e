/** MQTT.js clients of brokers whose sessions are spread over a Redis Cluster. */
import assert from "node:assert/strict";
import type { MqttClient } from "mqtt";
import { ClusterBrokers } from "./support/cluster_brokers.ts";
import { exchange, HEARD_PER_BURST } from "./support/exchange.ts";
import { mqttClient, nextConnack } from "./support/mqttjs_client.ts";
import { printedSeed, randomNumbers } from "./support/random.ts";
import { unlessStuck } from "./support/unless_stuck.ts";
import type { Version } from "./support/wire_client.ts";

const BURST = 50;
const KILLS = 3;

for (const version of [4, 5] satisfies Version[]) {
  const name =
    `Redis Cluster, MQTT ${version === 4 ? "3.1.1" : "5.0"}: nodes that are killed in the middle of traffic, ` +
    "and come back from their files, lose nothing that was acknowledged, and double no QoS 2 message";

  Deno.test(name, async () => {
    const random = randomNumbers(printedSeed(name));
    await using brokers = await ClusterBrokers.start();
    const { url } = brokers.open("node");
    const moments = Array.from({ length: KILLS }, () => random() * BURST * HEARD_PER_BURST).sort((a, b) => a - b);
    let heard = 0;
    let kills = 0;
    let killing: Promise<void> | undefined;
    const kill = async () => {
      const { nodes } = brokers.cluster;
      const node = nodes[Math.floor(random() * nodes.length)] ?? assert.fail("there are nodes");
      await node.kill();
      await node.restart();
      kills++;
    };
    await exchange({ url }, version, {
      burst: BURST,
      again: () => kills < KILLS,
      begins: () => {},
      heard: () => {
        if (killing !== undefined || ++heard < (moments[0] ?? Infinity)) return;
        moments.shift();
        killing = kill().finally(() => killing = undefined);
      },
    });
    await killing;
    assert.equal(kills, KILLS);
  });
}

/** The payloads that a client is sent, as they come. */
function listen(client: MqttClient): { readonly got: string[]; until(count: number): Promise<void> } {
  const got: string[] = [];
  let more = () => {};
  client.on("message", (_, payload) => {
    got.push(payload.toString());
    more();
  });
  return {
    got,
    until: (count) =>
      unlessStuck(
        `waiting for ${count} messages`,
        new Promise((resolve) => {
          more = () => got.length >= count && resolve();
          more();
        }),
      ),
  };
}

Deno.test("Redis Cluster: a session is taken over by another broker with all that waits for it, its Will is published, and it expires", async () => {
  await using brokers = await ClusterBrokers.start();
  const first = brokers.open("first");
  const second = brokers.open("second");
  const watcher = mqttClient(first, 5, { clientId: "watcher" });
  const wills = listen(watcher);
  const will = { topic: "will", payload: "gone", qos: 1, retain: false } as const;
  const terms = { clientId: "moving", will, properties: { sessionExpiryInterval: 60 } };
  const clients: MqttClient[] = [watcher];
  const open = (at: { url: string }) => {
    // It does not come back by itself: what it lost its connection to is under test.
    const client = mqttClient(at, 5, { ...terms, reconnectPeriod: 0 });
    clients.push(client);
    return client;
  };
  try {
    await nextConnack(watcher);
    await watcher.subscribeAsync("will", { qos: 1 });
    const here = open(first);
    assert.equal((await nextConnack(here)).sessionPresent, false);
    await here.subscribeAsync("news/+", { qos: 2 });

    const superseded = new Promise<number | undefined>((resolve) =>
      here.on("disconnect", ({ reasonCode }) => resolve(reasonCode))
    );
    const there = open(second);
    const news = listen(there);
    assert.equal((await nextConnack(there)).sessionPresent, true);
    assert.equal(await unlessStuck("hearing of the takeover", superseded), 0x8e);
    // Without a delay the Will goes with its connection, though the session goes on.
    await wills.until(1);
    await watcher.publishAsync("news/1", "one", { qos: 2 });
    await news.until(1);
    assert.deepEqual(news.got, ["one"]);

    // Its connection breaks: the Will comes, and what is published waits.
    there.stream.destroy();
    await wills.until(2);
    for (const text of ["two", "three"]) await watcher.publishAsync("news/2", text, { qos: text === "two" ? 1 : 2 });
    const back = open(first);
    const later = listen(back);
    assert.equal((await nextConnack(back)).sessionPresent, true);
    await later.until(2);
    assert.deepEqual(later.got, ["two", "three"]);
    await back.endAsync();
    await watcher.publishAsync("news/3", "never seen", { qos: 1 });

    brokers.pass(61_000);
    await second.broker.runDue();
    assert.equal(await second.broker.inspect("moving"), undefined);
    const anew = open(second);
    const nothing = listen(anew);
    assert.equal((await nextConnack(anew)).sessionPresent, false);
    await anew.subscribeAsync("news/+", { qos: 1 });
    await watcher.publishAsync("news/4", "four", { qos: 1 });
    await nothing.until(1);
    assert.deepEqual(nothing.got, ["four"]);
    // Neither the DISCONNECT of its client nor its end brought another one.
    assert.deepEqual(wills.got, ["gone", "gone"]);
  } finally {
    await Promise.all(clients.map((client) => client.endAsync(true)));
  }
});
