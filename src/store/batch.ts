/**
 * What every store asks of a batch before it carries it out.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import { messageBytes } from "../mqtt/message.ts";
import type { StoreCapabilities } from "./capabilities.ts";
import type { CommitBatch } from "./session_store.ts";
import type { WaitingTerms } from "./waiting_terms.ts";

/** The longest name of a slot or a group, in UTF-16 units: it stands with each copy. */
export const MAX_TERM_LENGTH = 1_024;

/** What a batch has to keep to. */
export type BatchLimits = Pick<StoreCapabilities, "maxChangesPerBatch" | "maxMessageBytes" | "claims">;

/**
 * Throws for a batch that no state of a store would make right.
 *
 * @throws {TypeError} If it changes a session and has no guard, or moves entries and the store cannot.
 * @throws {RangeError} If its outbox step goes backwards, `now` is no moment, or terms are out of range.
 * @throws {SessionError} `LIMIT_EXCEEDED` if it is larger than the store takes.
 */
export function checkBatch(limits: BatchLimits, batch: CommitBatch): void {
  const { id, guard, raiseEpoch, behindOutbox, changes, deliveries, outbox, isWhole, now } = batch;
  if (!Number.isFinite(now)) throw new RangeError(`Cannot commit batch ${id}: now is ${now}`);
  if (guard === undefined && (changes.length > 0 || raiseEpoch !== undefined || behindOutbox === true)) {
    throw new TypeError(`Cannot commit batch ${id}: it changes a session and has no guard`);
  }
  if (isWhole === true && (!limits.claims || guard === undefined || behindOutbox === true || outbox !== undefined)) {
    throw new TypeError(`Cannot commit batch ${id}: it moves entries, and that cannot be done here`);
  }
  if (changes.length > limits.maxChangesPerBatch) throw batchTooLarge(id, `it has ${changes.length} changes`);
  if (deliveries.some(({ message }) => messageBytes(message) > limits.maxMessageBytes)) {
    throw batchTooLarge(id, "a message is larger than the store takes");
  }
  for (const { terms } of deliveries) if (terms !== undefined) checkTerms(id, terms);
  if (outbox !== undefined && !(outbox.from >= 0 && outbox.to >= outbox.from)) {
    throw new RangeError(`Cannot commit batch ${id}: its outbox step goes from ${outbox.from} to ${outbox.to}`);
  }
}

function checkTerms(id: string, { slot, group, priority = 0 }: WaitingTerms): void {
  if (!(Number.isInteger(priority) && priority >= 0 && priority <= 9)) {
    throw new RangeError(`Cannot commit batch ${id}: a priority is ${priority}, not 0 to 9`);
  }
  if (Math.max(slot?.length ?? 0, group?.name.length ?? 0) > MAX_TERM_LENGTH) {
    throw new RangeError(
      `Cannot commit batch ${id}: a slot or a group has a name of more than ${MAX_TERM_LENGTH} units`,
    );
  }
  if (group !== undefined && !(group.maximumMessages >= 1 && group.maximumBytes >= 1)) {
    throw new RangeError(`Cannot commit batch ${id}: a group has no room for a message`);
  }
}

/** The error for a batch that is too large. */
export function batchTooLarge(id: string, found: string): SessionError {
  return new SessionError("LIMIT_EXCEEDED", `Cannot commit batch ${id}: ${found}`);
}

/** The filters that batches subscribe to: they have to be admitted first, so that the index never names too little. */
export function subscribedFilters(batches: readonly CommitBatch[]): string[] {
  return batches.flatMap(({ changes }) =>
    changes.flatMap((change) => change.type === "putSubscription" ? [change.filter] : [])
  );
}

/**
 * How many receivers of each delivery a commit reaches that reaches `most`. Once some are owed, all that follow are: so
 * the outbox keeps the publisher's order.
 */
export function reachedBy({ deliveries, behindOutbox }: CommitBatch, most: number): number[] {
  let isBehind = behindOutbox === true;
  let left = isBehind ? 0 : most;
  return deliveries.map(({ receivers }) => {
    const count = isBehind || receivers === undefined ? 0 : Math.min(left, receivers.length);
    left -= count;
    if (receivers === undefined || count < receivers.length) isBehind = true;
    return count;
  });
}
