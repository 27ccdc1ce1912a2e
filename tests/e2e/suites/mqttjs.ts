/**
 * MQTT.js clients and a broker that is killed again and again.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { MqttClient } from "mqtt";
import type { DataKind, RunningBroker } from "../support/broker_process.ts";
import { KilledBroker } from "../support/killed_broker.ts";
import { mqttClient, nextConnack } from "../support/mqttjs_client.ts";
import { printedSeed, randomNumbers } from "../support/random.ts";
import { unlessStuck } from "../support/unless_stuck.ts";
import type { Version } from "../support/wire_client.ts";

/** How much goes through a broker, and how often it is killed meanwhile. */
const LOAD = { messages: 300, kills: 8 };

/** Tests it over one kind of store. */
export function mqttjs({ name: store, make }: DataKind<RunningBroker>, { messages, kills } = LOAD): void {
  for (const version of [4, 5] satisfies Version[]) {
    const name =
      `${store}, MQTT ${
        version === 4 ? "3.1.1" : "5.0"
      }: two MQTT.js clients that come back by themselves exchange each ` +
      "QoS 2 message once through a broker that is killed again and again";

    Deno.test(name, async () => {
      const random = randomNumbers(printedSeed(name));
      await using data = await make();
      await using broker = await KilledBroker.start(data, [], random);
      const receiver = mqttClient(broker.address, version, { clientId: "receiver" });
      const sender = mqttClient(broker.address, version, { clientId: "sender" });
      const clients: readonly MqttClient[] = [receiver, sender];
      try {
        await Promise.all(clients.map(nextConnack));
        await receiver.subscribeAsync("exchange/#", { qos: 2 });
        broker.plan(kills, messages * 4);
        for (const client of clients) client.on("packetreceive", () => broker.heard());

        const times = new Map<string, number>();
        const last = new Promise<void>((resolve) => {
          receiver.on("message", (topic, payload) => {
            assert.equal(payload.toString(), `payload of ${topic}`);
            times.set(topic, (times.get(topic) ?? 0) + 1);
            if (topic === "exchange/last") resolve();
          });
        });
        const publish = (topic: string) =>
          sender.publishAsync(topic, `payload of ${topic}`, { qos: 2 }).catch((error) => {
            // What a PUBREL that comes again is answered: the message was completed before. MQTT.js calls it an error.
            if (error.code !== 0x92) throw error;
          });
        // All at once, and nothing while MQTT.js replays: what is published then it loses at the next break by itself.
        const published = Promise.all(Array.from({ length: messages }, (_, index) => publish(`exchange/${index}`)));
        await unlessStuck("publishing", published);
        await publish("exchange/last");
        await unlessStuck("receiving", last);
        assert.equal(times.size, messages + 1);
        assert.deepEqual([...times].filter(([, count]) => count !== 1), []);
      } finally {
        await Promise.all(clients.map((client) => client.endAsync(true)));
      }
    });
  }
}
