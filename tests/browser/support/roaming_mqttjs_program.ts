/**
 * What pages run: MQTT.js with a session in IndexedDB, and an application on it.
 *
 * @module
 */
import mqtt from "mqtt";
import { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval";
import { mqttjsSession } from "@edge-mqtt/session/mqttjs";
import { begin, handle, type PageSession, type PageSettings, setOnline, tell } from "./roaming_page.ts";

export {
  close,
  handled,
  handledCount,
  owed,
  publish,
  publishLarge,
  told,
  untilHandled,
  untilOnline,
  untilTold,
} from "./roaming_page.ts";

/** Takes the session and connects, again and again. */
export async function start(settings: PageSettings): Promise<void> {
  await begin(() => open(settings));
}

async function open({ url, clientId, isNew, repeatForMs }: PageSettings): Promise<PageSession> {
  const store = indexedDbClientStore({ database: "session" });
  const session = await mqttjsSession(store, {
    clientId,
    observe: (event) => tell(event.type, "error" in event ? event.error : event),
    ...(repeatForMs === undefined ? {} : { commit: { repeatForMs } }),
  });
  const client = mqtt.connect(
    url,
    session.options({ keepalive: 5, reconnectPeriod: 50, connectTimeout: 10_000, resubscribe: false }),
  );
  client.handleMessage = (packet, callback) => {
    // Both are what MQTT.js has read, and bytes but where it is told otherwise.
    const { topic, payload } = packet as { readonly topic: string; readonly payload: Uint8Array };
    handle({ topic, payload, key: session.messageKey(packet) }).then(() => callback(), callback);
  };
  session.attach(client);
  let isFirst = isNew;
  client.on("connect", ({ sessionPresent }) => {
    if (sessionPresent === isFirst) tell("connack", { sessionPresent });
    isFirst = false;
    setOnline(true);
  });
  client.on("close", () => setOnline(false));
  // That there is no connection is what these tests are about.
  client.on("error", () => {});
  if (isNew) await client.subscribeAsync("to/page/#", { qos: 2 });
  return {
    publish: (topic, payload, qos) =>
      new Promise((resolve) => {
        // It is called with an error where the message is not stored, which its type does not say.
        const told = (error?: Error): void => resolve(!error);
        client.publish(topic, payload as string, { qos, cbStorePut: told }, told);
      }),
    owed: () =>
      Promise.resolve(JSON.stringify(session.stored) + ` ${client.connected} ${Object.keys(client.outgoing)}`),
    close: async () => {
      await session.close();
      await store.close();
    },
  };
}
