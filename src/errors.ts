/**
 * The one error class of this library, and its stable codes.
 *
 * Misuse throws `TypeError` or `RangeError`, an expected refusal is a result value; everything else is a
 * {@linkcode SessionError}.
 *
 * @module
 */

/**
 * The stable codes of a {@linkcode SessionError}. A code never changes its meaning; the message may.
 *
 * - `STORE_UNAVAILABLE`: the store could not be reached and nothing happened.
 * - `OUTCOME_UNKNOWN`: the store may or may not have carried out the write; repeat the same batch.
 * - `RECORD_UNREADABLE`: a stored record is corrupt, truncated or not this library's.
 * - `RECORD_FROM_FUTURE`: a stored record carries a schema version that this release does not know.
 * - `LIMIT_EXCEEDED`: one record or change is larger than the store can hold, whatever is tried.
 * - `CAPABILITY_MISSING`: the store cannot keep a promise that the caller requires.
 * - `CLOSED`: the object was closed before or while the call ran.
 */
export type SessionErrorCode =
  | "STORE_UNAVAILABLE"
  | "OUTCOME_UNKNOWN"
  | "RECORD_UNREADABLE"
  | "RECORD_FROM_FUTURE"
  | "LIMIT_EXCEEDED"
  | "CAPABILITY_MISSING"
  | "CLOSED";

/** What a {@linkcode SessionError} carries besides its message. */
export interface SessionErrorOptions {
  /** The error below this one. */
  readonly cause?: unknown;
  /** The store key that could not be read, where there is one. */
  readonly key?: string;
}

/**
 * An error that is neither the caller's misuse nor an expected refusal.
 *
 * The message says what was being done and what was found, and never holds a payload, a password or a token.
 *
 * @example Telling a passing fault from a lasting one
 * ```ts
 * import { SessionError } from "@edge-mqtt/session";
 *
 * const error = new SessionError("STORE_UNAVAILABLE", "Cannot commit: the store did not answer");
 * const repeat = error.code === "STORE_UNAVAILABLE" || error.code === "OUTCOME_UNKNOWN";
 * console.assert(repeat);
 * ```
 */
export class SessionError extends Error {
  /** Always `"SessionError"`, also across copies of this library. */
  override readonly name = "SessionError";
  /** What went wrong, as a code that never changes its meaning. */
  readonly code: SessionErrorCode;
  /** The store key that could not be read, where there is one. */
  readonly key?: string;

  /** Makes an error with a stable code, a message, and what caused it. */
  constructor(code: SessionErrorCode, message: string, options: SessionErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.key !== undefined) this.key = options.key;
  }
}
