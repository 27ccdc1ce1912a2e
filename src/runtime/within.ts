import { SessionError } from "../errors.ts";
import type { BrokerEnvironment } from "./environment.ts";
import type { Observe } from "./observe.ts";

/**
 * Makes a call that may hang end: after `timeoutMs` its signal is aborted, and the result is `OUTCOME_UNKNOWN` even if
 * the callee does not look at the signal.
 */
export function within<Value>(
  environment: BrokerEnvironment,
  timeoutMs: number,
  what: string,
  call: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const cancel = environment.wake(environment.now() + timeoutMs, () => {
      const error = new SessionError("OUTCOME_UNKNOWN", `Cannot ${what}: no answer within ${timeoutMs} ms`);
      reject(error);
      controller.abort(error);
    });
    started(call, controller.signal).then((value) => {
      cancel();
      resolve(value);
    }, (error) => {
      cancel();
      reject(error);
    });
  });
}

/** How a call of the store is repeated. */
export interface Persistence {
  /** How long one attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  /** For how long it is repeated. */
  readonly repeatForMs: number;
  /** The pause before the first repetition; it doubles up to 16 times itself. */
  readonly repeatAfterMs: number;
}

/** Who repeats it: the options of a broker or a client are one. */
export interface Persistent {
  /** Time and timers. */
  readonly environment: BrokerEnvironment;
  /** How it is repeated. */
  readonly commit: Persistence;
  /** Who is told. */
  readonly observe: Observe;
}

/**
 * Repeats a call that may be repeated, until it is answered, or cannot succeed, or time is up. The observer is told when it
 * begins to be repeated, not of each repetition; that it is given up is told by who called.
 */
export async function persistently<Value>(
  { environment, commit: persistence, observe }: Persistent,
  what: string,
  call: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const startedAt = environment.monotonic();
  let waitMs = persistence.repeatAfterMs;
  let told = false;
  for (;;) {
    try {
      return await within(environment, persistence.timeoutMs, what, call);
    } catch (error) {
      const timeIsUp = environment.monotonic() - startedAt >= persistence.repeatForMs;
      if (timeIsUp || !isWorthRepeating(error)) throw asSessionError(error, what);
      if (!told) observe({ type: "workFailed", work: "store", error: asSessionError(error, what) });
      told = true;
    }
    await pause(environment, waitMs);
    waitMs = Math.min(waitMs * 2, persistence.repeatAfterMs * 16);
  }
}

/** Waits, unless the signal ends it early. It never rejects. */
export function pause(environment: BrokerEnvironment, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = environment.wake(environment.now() + ms, end);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/** The promise, or the reason of the signal if it aborts sooner. */
export function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.finally(() => signal.removeEventListener("abort", abort)).then(resolve, reject);
  });
}

/**
 * Whether asking once more can help. Misuse stays misuse; what else a store throws that is not ours leaves the outcome
 * unknown.
 */
export function isWorthRepeating(error: unknown): boolean {
  if (error instanceof SessionError) return error.code === "STORE_UNAVAILABLE" || error.code === "OUTCOME_UNKNOWN";
  return !(error instanceof TypeError || error instanceof RangeError);
}

/** The error as one of ours. */
export function asSessionError(error: unknown, what: string): SessionError {
  if (error instanceof SessionError) return error;
  return new SessionError("OUTCOME_UNKNOWN", `Cannot ${what}: the store failed`, { cause: error });
}

/** The call's promise, also where it throws at once. */
function started<Value>(call: (signal: AbortSignal) => Promise<Value>, signal: AbortSignal): Promise<Value> {
  try {
    return call(signal);
  } catch (error) {
    return Promise.reject(error);
  }
}
