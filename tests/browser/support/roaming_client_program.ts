/// <reference lib="dom" />
/**
 * What pages run: `sessionClient` with a session in IndexedDB over a WebSocket, and an application on it.
 *
 * @module
 */
import "../../../examples/browser/page/require.ts";
import { type SessionClient, sessionClient } from "@edge-mqtt/session/client";
import { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval";
import { openWire } from "../../../examples/browser/page/transport.ts";
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

/** Between two attempts to connect, in milliseconds. */
const RECONNECT_MS = 50;

/** Takes the session and connects, again and again. */
export async function start(settings: PageSettings): Promise<void> {
  await begin(() => open(settings));
}

async function open({ url, clientId, isNew, repeatForMs }: PageSettings): Promise<PageSession> {
  const store = indexedDbClientStore({ database: "session" });
  const over = new AbortController();
  let isFirst = isNew;
  const client = sessionClient({
    store,
    clientId,
    connect: { keepAlive: 5, sessionExpiryInterval: 3_600 },
    ...(repeatForMs === undefined ? {} : { commit: { repeatForMs } }),
    onMessage: handle,
    observe: (event) => {
      if (event.type === "accepted") {
        if (event.sessionPresent === isFirst) tell("connack", { sessionPresent: event.sessionPresent });
        isFirst = false;
        setOnline(true);
      } else if (event.type === "takenOver") {
        over.abort();
        tell("lost");
      } else if (event.type === "workFailed" || event.type === "commitFailed") tell("storeFailed", event.error);
      // A PUBREL whose PUBCOMP was lost is diagnosed when it comes again.
      else if (event.type !== "closed" && event.type !== "commit" && event.type !== "diagnosed") {
        tell(event.type, event);
      }
    },
  });
  await client.open();
  void stayConnected(client, url, over.signal);
  if (isNew) await client.subscribe([{ filter: "to/page/#" }]);
  return {
    async publish(topic, payload, qos) {
      const { stored, done } = client.publish({ topic, payload, qos });
      done.catch(() => {});
      return await stored.then(() => true, () => false);
    },
    owed: async () => JSON.stringify(await client.inspect()),
    async close() {
      over.abort();
      await client[Symbol.asyncDispose]();
      await store.close();
    },
  };
}

async function stayConnected(client: SessionClient, url: string, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await openWire(url, client).closed;
    setOnline(false);
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}
