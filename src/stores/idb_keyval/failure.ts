import { SessionError } from "../../errors.ts";

/** What the names of a browser's errors mean to whoever reads the message. */
const FOUND: Readonly<Record<string, string>> = {
  QuotaExceededError: "the origin has used up what the browser lets it store",
  SecurityError: "the browser keeps this page from IndexedDB",
  AbortError: "the browser broke the transaction off",
  InvalidStateError: "the browser has closed the database, or stores nothing in this mode",
  NotFoundError: "the database is gone",
  VersionError: "the database was changed by a newer page",
};

/** An error of IndexedDB after which nothing has changed. */
export function unavailable(what: string, cause: unknown): SessionError {
  if (cause instanceof SessionError) return cause;
  return new SessionError("STORE_UNAVAILABLE", `Cannot ${what}: ${foundOf(cause)}`, { cause });
}

/**
 * Why a transaction that was to write came to nothing. What the quota ends is rolled back, as is what fails before it is
 * sent; of what ends otherwise, the browser may not know itself how much of it is on disk.
 */
export function notCommitted(cause: unknown): SessionError {
  if (cause instanceof SessionError || nameOf(cause) === "QuotaExceededError") return unavailable("commit", cause);
  return new SessionError("OUTCOME_UNKNOWN", `Cannot commit: ${foundOf(cause)}`, { cause });
}

/** The stable name of a browser's error. */
export function nameOf(error: unknown): string {
  // An `Error` of another realm is one too.
  return typeof error === "object" && error !== null && "name" in error ? String(error.name) : "";
}

function foundOf(cause: unknown): string {
  const name = nameOf(cause);
  return Object.hasOwn(FOUND, name) ? FOUND[name] ?? "" : `IndexedDB failed${name === "" ? "" : ` (${name})`}`;
}
