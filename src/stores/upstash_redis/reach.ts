/**
 * How many receivers one commit reaches: a message stands once in the request, and once more in each log.
 *
 * @module
 */
import { messageBytes } from "../../mqtt/message.ts";
import type { CommitBatch, CommitResult, ReceiverOutcome } from "../../store/session_store.ts";

/** What one commit writes into logs at most, in bytes of `messageBytes`: a script holds all of it in memory. */
const BYTES_A_COMMIT = 8_388_608;

/** The most receivers that one commit of a batch reaches. */
export function mostReceivers({ deliveries }: CommitBatch, maxReceivers: number): number {
  const largest = Math.max(1, ...deliveries.map(({ message }) => messageBytes(message)));
  return Math.min(maxReceivers, Math.max(1, Math.floor(BYTES_A_COMMIT / largest)));
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
