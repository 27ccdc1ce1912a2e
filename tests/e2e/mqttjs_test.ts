import assert from "node:assert/strict";
import type { MqttClient } from "mqtt";
import { BrokerProcess, DataFolder } from "./support/broker_process.ts";
import { type Address, mqttClient, nextConnack } from "./support/mqttjs_client.ts";
import { printedSeed, randomNumbers } from "./support/random.ts";
import type { Version } from "./support/wire_client.ts";

const MESSAGES = 300;
const KILLS = 5;

for (const version of [4, 5] satisfies Version[]) {
  const name =
    `MQTT ${version === 4 ? "3.1.1" : "5.0"}: two MQTT.js clients that come back by themselves exchange each ` +
    "QoS 2 message once through a broker that is killed again and again";

  Deno.test(name, async () => {
    const random = randomNumbers(printedSeed(name));
    await using folder = await DataFolder.make();
    let broker = await BrokerProcess.start(...folder.args);
    const address: Address = { url: broker.url };
    const clients: MqttClient[] = [];
    try {
      const receiver = mqttClient(address, version, { clientId: "receiver" });
      const sender = mqttClient(address, version, { clientId: "sender" });
      clients.push(receiver, sender);
      await Promise.all(clients.map(nextConnack));
      await receiver.subscribeAsync("exchange/#", { qos: 2 });

      const kills = Array.from({ length: KILLS }, () => Math.floor(random() * MESSAGES * 4)).sort((a, b) => a - b);
      let packets = 0;
      let revived = Promise.resolve();
      const heard = () => {
        if (++packets < (kills[0] ?? Infinity)) return;
        kills.shift();
        revived = revived.then(async () => {
          await broker.kill();
          broker = await BrokerProcess.start(...folder.args);
          address.url = broker.url;
        });
      };
      for (const client of clients) client.on("packetreceive", heard);

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
      await Promise.all(Array.from({ length: MESSAGES }, (_, index) => publish(`exchange/${index}`)));
      await publish("exchange/last");
      await last;
      await revived;
      assert.equal(times.size, MESSAGES + 1);
      assert.deepEqual([...times].filter(([, count]) => count !== 1), []);
    } finally {
      await Promise.all(clients.map((client) => client.endAsync(true)));
      await broker.kill();
    }
  });
}
