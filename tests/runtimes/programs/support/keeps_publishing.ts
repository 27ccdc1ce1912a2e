import { sessionBroker, type StoreRequirements } from "@edge-mqtt/session";
import { type ClientStore, sessionClient } from "@edge-mqtt/session/client";
import { memoryStore } from "@edge-mqtt/session/memory";
import { check, checkSame } from "./check.ts";
import { connectByHand, connectClient } from "./wire.ts";

/** How a client's store is used. */
export interface KeepsPublishingOptions {
  /** What the client asks of it. */
  readonly require?: StoreRequirements;
}

/** What a client publishes without a connection stands in its store, and a later client over the store delivers it. */
export async function keepsPublishing(open: () => ClientStore, options: KeepsPublishingOptions = {}): Promise<void> {
  const clientId = `page-${crypto.randomUUID()}`;
  const client = () => sessionClient({ store: open(), clientId, onMessage: () => {}, ...options });
  const offline = client();
  const { stored, done } = offline.publish({ topic: "meter/7", payload: "12.5", qos: 2 });
  done.catch(() => {});
  await stored;
  await offline[Symbol.asyncDispose]();

  const broker = sessionBroker({ store: memoryStore() });
  const watcher = await connectByHand(broker, { clientId: "watcher" }, {
    type: "subscribe",
    packetId: 1,
    subscriptions: [{ filter: "meter/#", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  });
  await watcher.until(2);
  const online = client();
  connectClient(online, broker);
  await watcher.until(3);
  const came = watcher.received[2];
  check(came?.type === "publish", "what was published offline comes");
  checkSame([came.topic, new TextDecoder().decode(came.payload)], ["meter/7", "12.5"], "the message");
  const next = await online.publish({ topic: "meter/7", payload: "12.6", qos: 2 }).done;
  checkSame(next.outcome, "acknowledged", "the next one");
  await online[Symbol.asyncDispose]();
  await broker.shutdown();
}
