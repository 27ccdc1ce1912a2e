/**
 * How calls of a store begin, and how those of several steps end.
 *
 * @module
 */
import { SessionError } from "../errors.ts";

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

/**
 * As `Promise.all`, but over only when nothing of it goes on any more; then the first failure is thrown, in the order of
 * the promises. So a call that has failed sends nothing later.
 */
export async function together<Values extends readonly unknown[] | []>(
  promises: Values,
): Promise<{ -readonly [Index in keyof Values]: Awaited<Values[Index]> }> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}

/** Writes that are under way at the same time: where one fails, another may have been carried out. */
export async function allWritten<Value>(writes: readonly Promise<Value>[]): Promise<Value[]> {
  const settled = await Promise.allSettled(writes);
  return await stepwise((wrote) => {
    if (settled.some((each) => each.status === "fulfilled" || isInDoubt(each.reason))) wrote();
    return Promise.all(writes);
  });
}

/** Runs a call that writes in several steps: a failure after the first that was done leaves the outcome unknown. */
export async function stepwise<Value>(run: (wrote: () => void) => Promise<Value>): Promise<Value> {
  let hasWritten = false;
  try {
    return await run(() => void (hasWritten = true));
  } catch (error) {
    throw hasWritten ? inDoubt(error) : error;
  }
}

/** Does what follows a change that was made: it did not happen for nothing. */
export function afterwards<Value>(run: () => Promise<Value>): Promise<Value> {
  return stepwise((wrote) => {
    wrote();
    return run();
  });
}

function isInDoubt(error: unknown): boolean {
  return error instanceof SessionError && error.code === "OUTCOME_UNKNOWN";
}

function inDoubt(error: unknown): unknown {
  if (!(error instanceof SessionError) || error.code !== "STORE_UNAVAILABLE") return error;
  return new SessionError("OUTCOME_UNKNOWN", error.message, { cause: error.cause });
}
