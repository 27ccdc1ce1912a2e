import assert from "node:assert/strict";
import type { MqttClient } from "mqtt";
import { type Address, mqttClient, nextConnack } from "./mqttjs_client.ts";
import { unlessStuck } from "./unless_stuck.ts";
import type { Version } from "./wire_client.ts";

/** How an exchange goes. */
export interface ExchangeOptions {
  /** So many messages of QoS 1, and as many of QoS 2, each way and at once. */
  readonly burst: number;
  /** Asked after each burst, once all of it has arrived: whether there is another one. */
  readonly again: () => boolean;
  /** Called when both are connected, before the first message. */
  readonly begins: () => void;
  /** Called with each packet that one of them gets. */
  readonly heard: () => void;
}

/** So many packets are heard for each message of a burst: PUBACK and PUBLISH, or four of QoS 2, each way. */
export const HEARD_PER_BURST = 12;

/**
 * Two MQTT.js clients send to each other, and come back by themselves whatever happens to their connections. Fails unless
 * each QoS 1 message arrives, each QoS 2 message arrives once, and no session is lost.
 */
export async function exchange(address: Address, version: Version, options: ExchangeOptions): Promise<void> {
  const { burst, again, begins, heard } = options;
  const left = mqttClient(address, version, { clientId: "left" });
  const right = mqttClient(address, version, { clientId: "right" });
  const clients: readonly MqttClient[] = [left, right];
  try {
    await Promise.all(clients.map(nextConnack));
    await left.subscribeAsync("to/left/#", { qos: 2 });
    await right.subscribeAsync("to/right/#", { qos: 2 });
    // Nothing would come any more, and waiting for it would take long.
    const lost = new Promise<never>((_, reject) => {
      for (const client of clients) {
        client.on("packetreceive", () => heard());
        client.on("connect", ({ sessionPresent }) => {
          if (!sessionPresent) reject(new Error(`The session of ${client.options.clientId} was lost`));
        });
      }
    });
    begins();
    for (let round = 0; round === 0 || again(); round++) {
      const ways = [oneWay(left, right, `to/right/${round}`, burst), oneWay(right, left, `to/left/${round}`, burst)];
      await Promise.race([Promise.all(ways), lost]);
    }
  } finally {
    await Promise.all(clients.map((client) => client.endAsync(true)));
  }
}

async function oneWay(sender: MqttClient, receiver: MqttClient, topic: string, burst: number): Promise<void> {
  const times = new Map<string, number>();
  const last = new Promise<void>((resolve) => {
    receiver.on("message", (got, payload) => {
      if (!got.startsWith(`${topic}/`)) return;
      assert.equal(payload.toString(), `payload of ${got}`);
      times.set(got, (times.get(got) ?? 0) + 1);
      if (got === `${topic}/last`) resolve();
    });
  });
  const publish = (to: string, qos: 1 | 2) =>
    sender.publishAsync(to, `payload of ${to}`, { qos }).catch((error) => {
      // What a PUBREL that comes again is answered: the message was completed before. MQTT.js calls it an error.
      if (error.code !== 0x92) throw error;
    });
  const names = Array.from({ length: burst }, (_, index) => [`${topic}/1/${index}`, `${topic}/2/${index}`]).flat();
  // All at once, and nothing while MQTT.js replays: what is published then it loses at the next break by itself.
  const published = names.map((name, index) => publish(name, index % 2 === 0 ? 1 : 2));
  await unlessStuck(`publishing ${topic}`, Promise.all(published));
  await publish(`${topic}/last`, 2);
  await unlessStuck(`receiving ${topic}`, last);
  assert.deepEqual(names.filter((name) => !times.has(name)), [], "lost");
  const twice = [...times].filter(([name, count]) => count > 1 && !name.startsWith(`${topic}/1/`));
  assert.deepEqual(twice, [], "more than once");
}
