import { indexedDbClientStore, indexedDbStore } from "@edge-mqtt/session/idb-keyval";
import { keepsPublishing } from "./support/keeps_publishing.ts";
import { resumesOver } from "./support/resumes.ts";

/** A session is resumed over IndexedDB, a broker's and a client's. */
export async function run(): Promise<void> {
  const brokers = indexedDbStore({ database: "brokers" });
  await resumesOver(() => brokers);
  await brokers.close();
  const clients = indexedDbClientStore({ database: "clients" });
  await keepsPublishing(() => clients);
  await clients.close();
}
