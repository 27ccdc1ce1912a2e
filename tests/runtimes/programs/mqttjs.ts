import { memoryStore } from "@edge-mqtt/session/memory";
import { mqttjsSession } from "@edge-mqtt/session/mqttjs";
import mqtt from "mqtt";
import { checkSame } from "./support/check.ts";
import type { Surroundings } from "./support/surroundings.ts";

/** What MQTT.js publishes offline is delivered by another client object over the same store, and comes back at QoS 2. */
export async function run({ mqttUrl }: Surroundings): Promise<void> {
  const store = memoryStore();
  const clientId = `mqttjs-${crypto.randomUUID()}`;
  const topic = `meters/${clientId}`;
  const offline = await mqttjsSession(store, { clientId, sessionExpiryInterval: 3_600 });
  const unconnected = mqtt.connect(mqttUrl, offline.options({ manualConnect: true }));
  offline.attach(unconnected);
  unconnected.publish(topic, "12.5", { qos: 2, retain: false });
  await offline.flush();
  checkSame(offline.stored.outgoing, 1, "what is stored");
  await offline.close();

  const watcher = mqtt.connect(mqttUrl, { clientId: `${clientId}-watcher`, protocolVersion: 5 });
  await watcher.subscribeAsync(topic, { qos: 2 });
  const came = new Promise<string>((resolve) => watcher.on("message", (_topic, payload) => resolve(String(payload))));
  const online = await mqttjsSession(store, { clientId, sessionExpiryInterval: 3_600 });
  const client = mqtt.connect(mqttUrl, online.options());
  online.attach(client);
  checkSame(await came, "12.5", "the message");
  await client.publishAsync(topic, "12.6", { qos: 1 });
  await online.flush();
  checkSame(online.stored.outgoing, 0, "what is left");
  await online.close();
  await watcher.endAsync();
}
