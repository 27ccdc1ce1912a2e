/**
 * What is thrown at a host that steps a session as it may not. A peer is never answered so: its faults are outcomes.
 *
 * @module
 */
import { isFailure } from "../mqtt/reason_code.ts";

/** The error for an event that cannot come now. */
export function misstep(event: string, found: string): TypeError {
  return new TypeError(`Cannot step ${event}: ${found}`);
}

/** The error for an answer to a question that nobody asked, or that was answered before. */
export function unasked(event: string, ref: number): TypeError {
  return misstep(event, `nothing waits for ref ${ref}`);
}

/**
 * Checks the reason code of a refusal.
 *
 * @throws {RangeError} If it tells of a success.
 */
export function checkRefusal(reasonCode: number): void {
  if (!isFailure(reasonCode)) throw new RangeError(`Cannot refuse with reason code ${reasonCode}: it is below 0x80`);
}
