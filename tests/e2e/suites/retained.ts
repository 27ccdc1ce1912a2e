/**
 * Retained messages of the example broker, whose process dies between the publish and the subscribe.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { MqttClient } from "mqtt";
import type { DataKind, RunningBroker } from "../support/broker_process.ts";
import { mqttClient, nextConnack } from "../support/mqttjs_client.ts";
import { unlessStuck } from "../support/unless_stuck.ts";

/** More than a page holds. */
const TOPICS = 300;

/** Tests it over one kind of store. */
export function retained({ name: store, make }: DataKind<RunningBroker>): void {
  for (const version of [4, 5] as const) {
    const name =
      `${store}, MQTT ${version === 4 ? "3.1.1" : "5.0"}: what was retained outlives the process, and comes ` +
      "to a client that subscribes later";

    Deno.test(name, async () => {
      await using data = await make();
      const clients: MqttClient[] = [];
      const connect = async (url: string, clientId: string) => {
        const client = mqttClient({ url }, version, { clientId });
        clients.push(client);
        await unlessStuck("connecting", nextConnack(client));
        return client;
      };
      try {
        const first = await data.start();
        const publisher = await connect(first.url, "publisher");
        const publish = (topic: string, text: string) => publisher.publishAsync(topic, text, { qos: 1, retain: true });
        const all = Array.from({ length: TOPICS }, (_, index) => publish(`retained/${index}`, `old ${index}`));
        await unlessStuck("publishing", Promise.all(all));
        await publish("retained/0", "new 0");
        await publish("retained/1", "");
        await first.kill();
        await publisher.endAsync(true);

        await using second = await data.start();
        const subscriber = await connect(second.url, "subscriber");
        const got = new Map<string, string>();
        const whole = new Promise<void>((resolve) => {
          subscriber.on("message", (topic, payload, packet) => {
            assert.ok(packet.retain, topic);
            assert.ok(!got.has(topic), `${topic} came twice`);
            got.set(topic, payload.toString());
            if (got.size === TOPICS - 1) resolve();
          });
        });
        await subscriber.subscribeAsync("retained/+", { qos: 1 });
        await unlessStuck("receiving", whole);
        assert.equal(got.get("retained/0"), "new 0");
        assert.equal(got.get("retained/2"), "old 2");
        assert.ok(!got.has("retained/1"));
      } finally {
        await Promise.all(clients.map((client) => client.endAsync(true)));
      }
    });
  }
}
