import { memoryStore } from "@edge-mqtt/session/memory";
import { keepsPublishing } from "./support/keeps_publishing.ts";

/** A client publishes offline, and the next one delivers it. */
export async function run(): Promise<void> {
  const store = memoryStore();
  await keepsPublishing(() => store);
}
