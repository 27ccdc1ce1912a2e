import { SessionError } from "../../errors.ts";

/** What of a Workers KV namespace is used. */
export interface KvNamespaceLike {
  /** Reads a value, as it stood at this place up to a minute ago or longer; `null` where nothing stood. */
  get(key: string, options: { readonly type: "arrayBuffer" }): Promise<ArrayBuffer | null>;
  /** Writes a value, over whatever stands there; it vanishes after so many seconds, 60 at least. */
  put(key: string, value: Uint8Array, options?: KvPutOptions): Promise<void>;
}

/** How a value is written. */
export interface KvPutOptions {
  /** After so many seconds it vanishes, 60 at least; absent: never. */
  readonly expirationTtl?: number;
}

/** Time, as far as a store in Workers KV needs it. */
export interface KvClock {
  /** Milliseconds that only go forward. */
  now(): number;
  /** Ends after so many milliseconds. */
  wait(ms: number): Promise<void>;
}

/** The largest value of Workers KV, in bytes. */
export const MAX_VALUE_BYTES = 26_214_400;

/** The shortest time after which Workers KV lets a value vanish, in seconds. */
export const MIN_TTL_SECONDS = 60;

/** The longest key of Workers KV, in bytes of UTF-8. */
const MAX_KEY_BYTES = 512;

/** The platform's own clock. */
export function systemClock(): KvClock {
  return {
    // deno-lint-ignore edge-mqtt/no-ambient -- no clock of a session reaches this far down; `clock` replaces it
    now: () => performance.now(),
    // deno-lint-ignore edge-mqtt/no-ambient -- as above
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

/**
 * Throws where Workers KV takes no such key.
 *
 * @throws {RangeError} If it is empty, a dot or two, or longer than 512 bytes.
 */
export function checkKey(key: string): void {
  const bytes = new TextEncoder().encode(key).length;
  if (bytes > 0 && bytes <= MAX_KEY_BYTES && key !== "." && key !== "..") return;
  throw new RangeError(
    `Cannot use a key of Workers KV: it takes ${bytes} bytes, and must be 1 to 512, and no dot alone`,
  );
}

/**
 * Throws where Workers KV lets no value vanish after so long.
 *
 * @throws {RangeError} If it is no whole number from 60.
 */
export function checkTtl(seconds: number): void {
  if (Number.isSafeInteger(seconds) && seconds >= MIN_TTL_SECONDS) return;
  throw new RangeError(`Cannot let a value vanish after ${seconds} s: Workers KV takes whole seconds from 60`);
}

/** Whether Workers KV turned a write away since the key was written too often: nothing happened. */
export function isTooOften(error: unknown): boolean {
  return error instanceof Error && /\b429\b|Too Many Requests/i.test(error.message);
}

/** An error of a read, or of a write that was not begun. */
export function unavailable(what: string, cause: unknown): SessionError {
  if (cause instanceof SessionError) return cause;
  return new SessionError("STORE_UNAVAILABLE", `Cannot ${what}: Workers KV failed`, { cause });
}
