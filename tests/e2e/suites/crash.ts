/**
 * A broker that is killed again and again, its subscriber absent.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { DataKind, RunningBroker } from "../support/broker_process.ts";
import { KilledBroker } from "../support/killed_broker.ts";
import { makeLoad } from "../support/load.ts";
import { LoadReceiver } from "../support/load_receiver.ts";
import { mqttClient, nextConnack } from "../support/mqttjs_client.ts";
import { OrderedPublisher } from "../support/ordered_publisher.ts";
import { printedSeed, randomNumbers } from "../support/random.ts";
import { unlessStuck } from "../support/unless_stuck.ts";
import type { Version } from "../support/wire_client.ts";

/** How much goes through a broker, and how often it is killed meanwhile, before and after its subscriber comes. */
const LOAD = { perLevel: 1_000, kills: 10 };
const ROOM = ["--max-queued-messages", "10000", "--max-queued-bytes", "1000000000", "--max-input-bytes", "67108864"];

/** Tests it over one kind of store. */
export function crash({ name: store, make }: DataKind<RunningBroker>, { perLevel, kills } = LOAD): void {
  for (const version of [4, 5] satisfies Version[]) {
    const name =
      `${store}, MQTT ${
        version === 4 ? "3.1.1" : "5.0"
      }: an absent subscriber gets every QoS 1 message, and each QoS 2 ` +
      "message once, in order, from a broker that is killed again and again";

    Deno.test(name, async () => {
      const random = randomNumbers(printedSeed(name));
      const load = makeLoad(perLevel, random);
      await using data = await make();
      await using broker = await KilledBroker.start(data, ROOM, random);

      const before = mqttClient(broker.address, version, { clientId: "subscriber" });
      assert.equal((await nextConnack(before)).sessionPresent, false);
      await before.subscribeAsync("load/#", { qos: 2 });
      await before.endAsync();

      // PUBACK, PUBREC and PUBCOMP: three answers to two messages.
      broker.plan(kills, perLevel * 3);
      const publisher = new OrderedPublisher("publisher", version, load);
      while (!publisher.done) {
        await publisher.run(broker.address.url, () => broker.heard());
        await broker.settled();
      }

      await broker.restart();
      broker.plan(kills, perLevel * 3);
      const receiver = new LoadReceiver(load);
      const subscriber = mqttClient(broker.address, version, { clientId: "subscriber" });
      try {
        const present: boolean[] = [];
        subscriber.on("connect", (connack) => present.push(connack.sessionPresent));
        subscriber.on("packetreceive", () => broker.heard());
        receiver.listen(subscriber);
        await unlessStuck("receiving", receiver.complete);
        receiver.check();
        assert.ok(present.length > 0 && present.every((one) => one), `Session Present: ${present.join()}`);
      } finally {
        await subscriber.endAsync(true);
      }
    });
  }
}
