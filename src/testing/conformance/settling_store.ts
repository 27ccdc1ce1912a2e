/** A store whose deliveries go through outboxes, as one whose commits reach their receivers. */
import { reachedBy } from "../../store/batch.ts";
import type { CommitBatch, CommitResult, ReceiverOutcome, SessionStore } from "../../store/session_store.ts";

/**
 * Works off at once what a commit would have reached, so that both kinds of stores are asked the same. A store whose
 * commits reach their receivers is left as it is.
 */
export function settlingStore(store: SessionStore): SessionStore {
  if (store.capabilities.delivery === "commit") return store;
  const seen = new Set<string>();
  const settle = async (batch: CommitBatch, result: CommitResult): Promise<CommitResult> => {
    if (result.outcome !== "committed" || batch.outbox !== undefined) return result;
    // What became of the deliveries of a repeated batch is not remembered.
    if (seen.has(batch.id)) return { ...result, deliveries: batch.deliveries.map(() => []) };
    seen.add(batch.id);
    const reached = reachedBy(batch, store.capabilities.maxReceiversPerCommit);
    const owing = [...batch.deliveries.entries()].filter(([, { receivers }]) => receivers?.length !== 0);
    const outboxId = batch.guard?.incarnation ?? batch.id;
    const entries = reached.some((count) => count > 0) ? await store.readOutbox(outboxId, 10_000) : [];
    const deliveries: (readonly ReceiverOutcome[])[] = [...result.deliveries];
    for (const [place, [index, delivery]] of owing.entries()) {
      const entry = entries[entries.length - owing.length + place];
      const to = reached[index] ?? 0;
      const { receivers = [] } = delivery;
      if (entry === undefined || to === 0) continue;
      const [moved] = await store.commit([{
        id: `${batch.id}/${index}`,
        changes: [],
        deliveries: [{ ...delivery, receivers: receivers.slice(0, to) }],
        outbox: { outboxId, number: entry.number, from: 0, to },
        limits: batch.limits,
        now: batch.now,
      }]);
      if (moved?.outcome !== "committed") continue;
      deliveries[index] = [...moved.deliveries[0] ?? [], ...(result.deliveries[index] ?? []).slice(to)];
    }
    return { ...result, deliveries };
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name !== "commit") return Reflect.get(target, name);
      return async (batches: readonly CommitBatch[], options: Parameters<SessionStore["commit"]>[1]) => {
        const results = await target.commit(batches, options);
        const settled: CommitResult[] = [];
        for (const [index, batch] of batches.entries()) {
          const result = results[index];
          if (result !== undefined) settled.push(await settle(batch, result));
        }
        return settled;
      };
    },
  });
}
