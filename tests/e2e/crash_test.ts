import assert from "node:assert/strict";
import { BrokerProcess, DataFolder } from "./support/broker_process.ts";
import { makeLoad } from "./support/load.ts";
import { LoadReceiver } from "./support/load_receiver.ts";
import { type Address, mqttClient, nextConnack } from "./support/mqttjs_client.ts";
import { OrderedPublisher } from "./support/ordered_publisher.ts";
import { printedSeed, randomNumbers } from "./support/random.ts";
import type { Version } from "./support/wire_client.ts";

const PER_LEVEL = 1_000;
const KILLS = 6;
const ROOM = ["--max-queued-messages", "10000", "--max-queued-bytes", "1000000000", "--max-input-bytes", "67108864"];

/** The counts at which the broker is killed: random, ascending, below a limit. */
function moments(random: () => number, limit: number): number[] {
  return Array.from({ length: KILLS }, () => Math.floor(random() * limit)).sort((one, other) => one - other);
}

for (const version of [4, 5] satisfies Version[]) {
  const name =
    `MQTT ${version === 4 ? "3.1.1" : "5.0"}: an absent subscriber gets every QoS 1 message, and each QoS 2 ` +
    "message once, in order, from a broker that is killed again and again";

  Deno.test(name, async () => {
    const random = randomNumbers(printedSeed(name));
    const load = makeLoad(PER_LEVEL, random);
    await using folder = await DataFolder.make();
    const args = [...folder.args, ...ROOM];
    let broker = await BrokerProcess.start(...args);
    const address: Address = { url: broker.url };
    try {
      const before = mqttClient(address, version, { clientId: "subscriber" });
      assert.equal((await nextConnack(before)).sessionPresent, false);
      await before.subscribeAsync("load/#", { qos: 2 });
      await before.endAsync();

      // About three answers to each pair of messages: PUBACK, PUBREC, PUBCOMP.
      const whilePublishing = moments(random, PER_LEVEL * 3);
      const publisher = new OrderedPublisher("publisher", version, load);
      while (!publisher.done) {
        const running = broker;
        await publisher.run(running.url, (count) => {
          if (count < (whilePublishing[0] ?? Infinity)) return;
          whilePublishing.shift();
          running.kill();
        });
        if (publisher.done) break;
        await running.exited();
        broker = await BrokerProcess.start(...args);
      }

      const whileDelivering = moments(random, PER_LEVEL * 2);
      await broker.kill();
      broker = await BrokerProcess.start(...args);
      address.url = broker.url;
      const receiver = new LoadReceiver(load);
      const subscriber = mqttClient(address, version, { clientId: "subscriber" });
      const present: boolean[] = [];
      subscriber.on("connect", (connack) => present.push(connack.sessionPresent));
      let revived = Promise.resolve();
      receiver.listen(subscriber, (count) => {
        if (count < (whileDelivering[0] ?? Infinity)) return;
        whileDelivering.shift();
        revived = revived.then(async () => {
          await broker.kill();
          broker = await BrokerProcess.start(...args);
          address.url = broker.url;
        });
      });
      await receiver.complete;
      await revived;
      await subscriber.endAsync(true);
      receiver.check();
      assert.ok(present.length > 0 && present.every((one) => one), `Session Present: ${present.join()}`);
    } finally {
      await broker.kill();
    }
  });
}
