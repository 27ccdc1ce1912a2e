/**
 * What the tests of the hazards share.
 *
 * @module
 */
import { keyValueStore } from "../../../../../src/store/key_value/mod.ts";
import type { SessionStore } from "../../../../../src/store/session_store.ts";
import { memoryStore } from "../../../../../src/stores/memory.ts";
import { mapDriver } from "../../../../../src/testing/map_driver.ts";
import { shown, type Wire } from "./scripted_server.ts";

/** The stores that each is tried on. */
export const STORES: Readonly<Record<string, () => SessionStore>> = {
  "memory": () => memoryStore(),
  "key-value": () =>
    keyValueStore(mapDriver(), {
      capabilities: { fencing: "strict", durability: "process", consistency: "strong", watch: "none" },
    }),
};

/** A callback-style call as a promise of its error. */
export function errorOf(call: (callback: (error?: Error | null) => void) => unknown): Promise<Error | undefined> {
  return new Promise((resolve) => call((error) => resolve(error ?? undefined)));
}

/** The next packets of a connection, as texts. */
export async function sent(wire: Wire, count: number): Promise<string[]> {
  const packets: string[] = [];
  for (let each = 0; each < count; each++) packets.push(shown(await wire.next()));
  return packets;
}
