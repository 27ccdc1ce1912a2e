/** Administration beside brokers, by the clock of both. */
import { type SessionAdmin, sessionAdmin } from "../../../src/admin/mod.ts";
import { keyValueStore } from "../../../src/store/key_value/mod.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { mapDriver, random } from "../../../src/testing/mod.ts";
import { type World, world } from "../runtime/support.ts";

export interface AdminWorld extends World {
  readonly admin: SessionAdmin;
}

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** A key-value store in memory. */
export function mapStore(seed = 1): SessionStore {
  return keyValueStore(mapDriver(), { capabilities: CAPABILITIES, newId: random(seed).id });
}

/** The stores that need nothing but this process. */
export const STORES: Readonly<Record<string, () => SessionStore>> = { "memory": memoryStore, "key-value": mapStore };

/** Brokers and administration over one store. */
export function adminWorld(store: SessionStore = memoryStore()): AdminWorld {
  const made = world({}, store);
  let ids = 0;
  const environment = { now: made.clock.now, randomId: () => `admin-${++ids}` };
  return { ...made, admin: sessionAdmin(made.faults.store, { environment }) };
}
