/** How calls of a store begin. */
import type { StoreCallOptions } from "./session_store.ts";

/** Begins a call unless it was aborted before; every failure is a rejection. */
export async function begun<Value>(options: StoreCallOptions | undefined, run: () => Promise<Value>): Promise<Value> {
  options?.signal?.throwIfAborted();
  return await run();
}
