/**
 * Carrying batches out: one script each, all of them in one request.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { messageBytes } from "../../mqtt/message.ts";
import type { CommitBatch, CommitResult, StoreCallOptions } from "../../store/session_store.ts";
import { resultOf } from "./answer.ts";
import { commitInCluster } from "./commit_in_cluster.ts";
import { keysFor, type RedisContext, sendAll } from "./context.ts";
import { commandOf, type Known, prepareKnown } from "./prepare.ts";
import type { Routing } from "./routing.ts";
import { knownOrRead } from "./session.ts";

/** What commits need of their store. */
export interface Committing {
  readonly context: RedisContext;
  readonly routing: Routing;
  readonly maxReceivers: number;
  readonly maxChanges: number;
  readonly maxMessageBytes: number;
}

/** Carries batches out and answers in their order. */
export async function commit(
  store: Committing,
  batches: readonly CommitBatch[],
  call?: StoreCallOptions,
): Promise<readonly CommitResult[]> {
  if (batches.length === 0) return [];
  for (const batch of batches) checkBatch(store, batch);
  const { context } = store;
  const states = await Promise.all(batches.map(({ guard }) => guard && knownOrRead(context, guard, call)));
  await admitFilters(store, batches, call);
  const keys = await keysFor(context, namesOf(batches));
  const known: Known[] = batches.map((batch, index) => ({ batch, state: states[index] }));
  if (context.cluster) return await commitInCluster(context, keys, known, store.maxReceivers, call);
  const shape = { cluster: false, maxReceivers: store.maxReceivers };
  const prepared = known.map((each) => prepareKnown(shape, keys, each));
  const commands = prepared.flatMap((each) => each === undefined ? [] : [commandOf(each)]);
  const replies = await sendAll(context, commands, "commit", true, call);
  let next = 0;
  return prepared.map((each) =>
    each === undefined ? { outcome: "superseded" } : resultOf(keys, each, replies[next++]).result
  );
}

/** Throws for a batch that no state of the store would make right, before anything is sent. */
function checkBatch(store: Committing, batch: CommitBatch): void {
  const { id, guard, raiseEpoch, behindOutbox, changes, deliveries, outbox } = batch;
  const refuse = (found: string): SessionError =>
    new SessionError("LIMIT_EXCEEDED", `Cannot commit batch ${id}: ${found}`);
  if (guard === undefined && (changes.length > 0 || raiseEpoch !== undefined || behindOutbox === true)) {
    throw new TypeError(`Cannot commit batch ${id}: it changes a session and has no guard`);
  }
  if (changes.length > store.maxChanges) throw refuse(`it has ${changes.length} changes`);
  for (const { message } of deliveries) {
    if (messageBytes(message) > store.maxMessageBytes) throw refuse("a message is larger than the store takes");
  }
  if (outbox !== undefined && !(outbox.from >= 0 && outbox.to >= outbox.from)) {
    throw new RangeError(`Cannot commit batch ${id}: its outbox step goes from ${outbox.from} to ${outbox.to}`);
  }
}

/** Filters are admitted before their subscriptions are stored, so that the index never names too little. */
async function admitFilters(
  { routing }: Committing,
  batches: readonly CommitBatch[],
  call?: StoreCallOptions,
): Promise<void> {
  const filters = batches.flatMap(({ changes }) =>
    changes.flatMap((change) => change.type === "putSubscription" ? [change.filter] : [])
  );
  if (filters.length === 0) return;
  const admitted = await routing.admit(filters, call);
  if (admitted.includes(false)) throw new RangeError("Cannot commit: a Topic Filter was not admitted");
}

function* namesOf(batches: readonly CommitBatch[]): Generator<string> {
  for (const { guard, changes, deliveries } of batches) {
    if (guard !== undefined) yield guard.clientId;
    for (const change of changes) if ("filter" in change) yield change.filter;
    for (const { receivers } of deliveries) for (const { clientId } of receivers ?? []) yield clientId;
  }
}
