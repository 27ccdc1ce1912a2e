/**
 * How calls of a store begin.
 *
 * @module
 */

/** What every call may take last. */
export interface StoreCallOptions {
  /** Checked before anything is sent; an abort after that leaves the outcome of a write unknown. */
  readonly signal?: AbortSignal;
}

/** Begins a call unless it was aborted before; every failure is a rejection. */
export async function begun<Value>(options: StoreCallOptions | undefined, run: () => Promise<Value>): Promise<Value> {
  options?.signal?.throwIfAborted();
  return await run();
}
