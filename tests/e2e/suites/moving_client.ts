/**
 * A subscriber that moves between two brokers.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { DataKind } from "../support/broker_process.ts";
import { makeLoad } from "../support/load.ts";
import { LoadReceiver } from "../support/load_receiver.ts";
import { type Address, mqttClient, nextConnack } from "../support/mqttjs_client.ts";
import { OrderedPublisher } from "../support/ordered_publisher.ts";
import { printedSeed, randomNumbers } from "../support/random.ts";
import { unlessStuck } from "../support/unless_stuck.ts";
import type { Version } from "../support/wire_client.ts";

const PER_LEVEL = 200;
const MOVES = 20;

/** Tests it over one kind of store. */
export function movingClient({ name: store, make }: DataKind): void {
  for (const version of [4, 5] satisfies Version[]) {
    const name =
      `${store}, MQTT ${
        version === 4 ? "3.1.1" : "5.0"
      }: a subscriber that moves back and forth between two brokers gets ` +
      "every QoS 1 message, and each QoS 2 message once, in order";

    Deno.test(name, async () => {
      const random = randomNumbers(printedSeed(name));
      const load = makeLoad(PER_LEVEL, random);
      await using data = await make();
      const args = ["--poll-ms", "20"];
      await using first = await data.start(...args, "--node", "first");
      await using second = await data.start(...args, "--node", "second");
      const address: Address = { url: first.url };

      const receiver = new LoadReceiver(load);
      const subscriber = mqttClient(address, version, { clientId: "subscriber" });
      try {
        assert.equal((await nextConnack(subscriber)).sessionPresent, false);
        const present: boolean[] = [];
        subscriber.on("connect", (connack) => present.push(connack.sessionPresent));
        await subscriber.subscribeAsync("load/#", { qos: 2 });
        const moves = Array.from({ length: MOVES }, () => random() * PER_LEVEL * 3).sort((one, other) => one - other);
        let packets = 0;
        subscriber.on("packetreceive", () => {
          if (++packets < (moves[0] ?? Infinity)) return;
          moves.shift();
          address.url = address.url === first.url ? second.url : first.url;
          // It goes without a word; its former broker may hear of it after the new one.
          subscriber.stream.destroy();
        });
        receiver.listen(subscriber);

        const publisher = new OrderedPublisher("publisher", version, load);
        await publisher.run(first.url, () => {});
        assert.ok(publisher.done);
        await unlessStuck("receiving", receiver.complete);
        receiver.check();
        assert.ok(present.length > 0 && present.every((one) => one), `Session Present: ${present.join()}`);
      } finally {
        await subscriber.endAsync(true);
      }
    });
  }
}
