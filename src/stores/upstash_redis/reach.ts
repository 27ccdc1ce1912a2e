/**
 * How many receivers one commit reaches: a message stands once in the request, and once more in each log.
 *
 * @module
 */
import { messageBytes } from "../../mqtt/message.ts";
import { reachedBy } from "../../store/batch.ts";
import type { CommitBatch, CommitResult, ReceiverOutcome } from "../../store/session_store.ts";

/** What one commit writes into logs at most, in bytes of `messageBytes`: a script holds all of it in memory at once. */
const BYTES_A_COMMIT = 8_388_608;

/** What the names of its receivers take in one request at most. */
const NAME_BYTES_A_COMMIT = 4_194_304;

/** The most receivers that one commit of a batch reaches. */
export function mostReceivers({ deliveries }: CommitBatch, maxReceivers: number): number {
  let largest = 1;
  let longest = 0;
  for (const { message, receivers = [] } of deliveries) {
    largest = Math.max(largest, messageBytes(message));
    for (const { clientId } of receivers) longest = Math.max(longest, clientId.length);
  }
  const most = Math.min(BYTES_A_COMMIT / largest, NAME_BYTES_A_COMMIT / nameBytes(longest));
  return Math.min(maxReceivers, Math.max(1, Math.floor(most)));
}

/** What a receiver takes in a request beside its name: keys, flags, numbers. */
const RECEIVER_BYTES = 300;

/**
 * How many receivers of each delivery one request reaches. A delivery that is reached in part stands in it twice: as what
 * is appended, and as what is owed.
 */
export function reachOf(batch: CommitBatch, maxReceivers: number, requestBytes: number): number[] {
  const reached = reachedBy(batch, mostReceivers(batch, maxReceivers));
  const bodies = batch.deliveries.map(({ message }) => textBytes(messageBytes(message)) + RECEIVER_BYTES);
  // Each of them stands in the request at least once.
  let left = requestBytes - bodies.reduce((sum, bytes) => sum + bytes, 0);
  let isBehind = false;
  return batch.deliveries.map(({ receivers = [] }, index) => {
    const body = bodies[index] ?? 0;
    const names = receivers.map(({ clientId }) => nameBytes(clientId.length));
    const list = textBytes(names.reduce((sum, bytes) => sum + bytes, 0));
    const wanted = isBehind ? 0 : reached[index] ?? 0;
    const fitting = (room: number): number => {
      let count = 0;
      for (let over = room; count < wanted && (over -= names[count] ?? 0) >= 0;) count++;
      return count;
    };
    // All of it, if that fits; else what fits beside the rest that is owed.
    const isWhole = wanted === receivers.length && fitting(left) === wanted;
    const count = isWhole ? wanted : fitting(left - body - list);
    const isPartial = count < receivers.length;
    isBehind ||= isPartial;
    if (isPartial) left -= list + (count > 0 ? body : 0);
    for (const bytes of names.slice(0, count)) left -= bytes;
    return count;
  });
}

/** What a receiver takes in a request at most: a character may be escaped into nine. */
function nameBytes(length: number): number {
  return RECEIVER_BYTES + 9 * length;
}

/** What bytes take as base64. */
function textBytes(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** Whether a step of an outbox reaches more receivers than one commit does. */
export function isTooWide(batch: CommitBatch, maxReceivers: number): boolean {
  const count = batch.deliveries.reduce((sum, { receivers }) => sum + (receivers?.length ?? 0), 0);
  return batch.outbox !== undefined && count > mostReceivers(batch, maxReceivers);
}

/**
 * Takes a step of an outbox in several that one commit can hold each. When somebody else is found at it, or it comes
 * again, the cursor tells how far it came.
 */
export async function inSteps(
  batch: CommitBatch,
  maxReceivers: number,
  commit: (step: CommitBatch) => Promise<CommitResult>,
): Promise<CommitResult> {
  const { outbox, deliveries } = batch;
  if (outbox === undefined) return await commit(batch);
  const most = mostReceivers(batch, maxReceivers);
  const { receivers: fixes, ...move } = outbox;
  const outcomes: ReceiverOutcome[][] = deliveries.map(() => []);
  let from = outbox.from;
  for (const [index, delivery] of deliveries.entries()) {
    const { receivers = [] } = delivery;
    for (let start = 0; start < receivers.length; start += most) {
      const slice = receivers.slice(start, start + most);
      const result = await commit({
        ...batch,
        id: `${batch.id}/${from}`,
        deliveries: [{ ...delivery, receivers: slice }],
        outbox: {
          ...move,
          from,
          to: from + slice.length,
          ...(fixes === undefined || from > outbox.from ? {} : { receivers: fixes }),
        },
      });
      if (result.outcome !== "committed") return result;
      outcomes[index]?.push(...result.deliveries[0] ?? []);
      from += slice.length;
    }
  }
  return { outcome: "committed", deliveries: outcomes };
}
