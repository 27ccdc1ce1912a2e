import type { SessionStore } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import { denoKvStore } from "@edge-mqtt/session/deno-kv";
import { makeFolderOf } from "./data_file.ts";
import type { Settings } from "./options.ts";

/** A store, and what gives its file back. */
export interface OpenStore {
  readonly store: SessionStore;
  readonly close: () => void;
}

/** While another broker writes to the same file a call is turned away at once: it is tried again so often. */
const BUSY_RETRIES = 30;
const LONGEST_WAIT_MS = 50;

/** Opens what the settings name. */
export async function openStore({ store, data }: Pick<Settings, "store" | "data">): Promise<OpenStore> {
  if (store === "memory") return { store: memoryStore(), close: () => {} };
  makeFolderOf(data);
  const kv = await Deno.openKv(data);
  return { store: denoKvStore(kv, { busyRetries: BUSY_RETRIES, wait: waitItsTurn }), close: () => kv.close() };
}

/** Twice as long each time, by chance more or less: two brokers that wait equally long would meet again. */
function waitItsTurn(retry: number): Promise<void> {
  const longest = Math.min(2 ** retry, LONGEST_WAIT_MS);
  return new Promise((resolve) => setTimeout(resolve, Math.random() * longest));
}
