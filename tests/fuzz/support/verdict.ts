/** What a fuzzed call may end with: a value of bounded size, or a `SessionError` that a caller can tell from others. */
import assert from "node:assert/strict";
import { SessionError, type SessionErrorCode } from "../../../src/errors.ts";

/** What a record that cannot be read is told by. */
export const UNREADABLE: readonly SessionErrorCode[] = ["RECORD_UNREADABLE", "RECORD_FROM_FUTURE"];

/** How a call went. */
export type Outcome<Value> = { readonly value: Value } | { readonly error: SessionError };

/** Insists that an error is one of those allowed. */
export function allowed(error: unknown, codes: readonly SessionErrorCode[]): SessionError {
  if (error instanceof SessionError && codes.includes(error.code)) return error;
  throw new assert.AssertionError({ message: `neither a value nor ${codes.join(" or ")}: ${described(error)}` });
}

/** Runs a call; any error but those allowed fails the test. */
export function outcomeOf<Value>(call: () => Value, codes: readonly SessionErrorCode[] = UNREADABLE): Outcome<Value> {
  try {
    return { value: call() };
  } catch (error) {
    return { error: allowed(error, codes) };
  }
}

/** As {@linkcode outcomeOf}, for what takes a promise. */
export async function outcomeOfLater<Value>(
  call: () => Promise<Value>,
  codes: readonly SessionErrorCode[] = UNREADABLE,
): Promise<Outcome<Value>> {
  try {
    return { value: await call() };
  } catch (error) {
    return { error: allowed(error, codes) };
  }
}

/** How much a value holds: one for each member, number and flag, the length of each text and byte string. */
export function weightOf(value: unknown): number {
  if (typeof value === "string") return 1 + value.length;
  if (value instanceof Uint8Array) return 1 + value.length;
  if (value instanceof Map || value instanceof Set) {
    return [...value].reduce<number>((sum, each) => sum + weightOf(each), 1);
  }
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + weightOf(each), 1);
  if (typeof value === "object" && value !== null) {
    return Object.values(value).reduce<number>((sum, each) => sum + weightOf(each), 1);
  }
  return 1;
}

/** What numbers of a value may be. */
export type NumberRule = (value: number) => boolean;

/**
 * Insists that every number in a value is one: what is no number must not pass for one.
 *
 * @param isNumber `Number.isSafeInteger`, or `Number.isFinite` where moments may have fractions.
 */
export function assertNumbers(value: unknown, isNumber: NumberRule = Number.isSafeInteger, where = "it"): void {
  if (typeof value === "number") assert.ok(isNumber(value), `${where} is ${value}`);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  const members = value instanceof Map || value instanceof Set ? [...value.entries()] : Object.entries(value);
  for (const [name, member] of members) {
    if (value instanceof Map) assertNumbers(name, isNumber, `a key of ${where}`);
    assertNumbers(member, isNumber, `${where}.${String(name)}`);
  }
}

function described(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
