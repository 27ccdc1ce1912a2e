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

/** Opens what the settings name. */
export async function openStore({ store, data }: Pick<Settings, "store" | "data">): Promise<OpenStore> {
  if (store === "memory") return { store: memoryStore(), close: () => {} };
  makeFolderOf(data);
  const kv = await Deno.openKv(data);
  return { store: denoKvStore(kv), close: () => kv.close() };
}
