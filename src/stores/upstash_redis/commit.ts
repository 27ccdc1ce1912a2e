/**
 * Carrying batches out: one script each, all of them in one request.
 *
 * @module
 */
import { type BatchLimits, checkBatch, subscribedFilters } from "../../store/batch.ts";
import type { CommitBatch, CommitResult } from "../../store/session_store.ts";
import { stepwise, type StoreCallOptions, together } from "../../store/call.ts";
import { resultOf } from "./answer.ts";
import { commitInCluster } from "./commit_in_cluster.ts";
import { keysFor, type RedisContext, sendAll } from "./context.ts";
import { commandOf, type Known, prepareKnown } from "./prepare.ts";
import { inSteps, isTooWide } from "./reach.ts";
import type { Routing } from "./routing.ts";
import { knownOrRead } from "./session.ts";

/** What commits need of their store. */
export interface Committing {
  readonly context: RedisContext;
  readonly routing: Routing;
  readonly maxReceivers: number;
  /** How many bytes of one request are for messages and receivers. */
  readonly requestBytes: number;
  readonly limits: BatchLimits;
}

/** Carries batches out and answers in their order. */
export async function commit(
  store: Committing,
  batches: readonly CommitBatch[],
  call?: StoreCallOptions,
): Promise<readonly CommitResult[]> {
  for (const batch of batches) checkBatch(store.limits, batch);
  const wide = batches.filter((batch) => isTooWide(batch, store.maxReceivers));
  if (wide.length === 0) return await commitWhole(store, batches, call);
  const whole = batches.filter((batch) => !wide.includes(batch));
  return await stepwise(async (wrote) => {
    const answers = await commitWhole(store, whole, call);
    const results = new Map(whole.map((batch, index) => [batch, answers[index]]));
    if (whole.length > 0) wrote();
    const commitStep = async (step: CommitBatch): Promise<CommitResult> => {
      const [result] = await commitWhole(store, [step], call);
      wrote();
      return result ?? SUPERSEDED;
    };
    for (const batch of wide) results.set(batch, await inSteps(batch, store.maxReceivers, commitStep));
    return batches.map((batch) => results.get(batch) ?? SUPERSEDED);
  });
}

const SUPERSEDED: CommitResult = { outcome: "superseded" };

/** Carries batches out that one script each can hold. */
async function commitWhole(
  store: Committing,
  batches: readonly CommitBatch[],
  call?: StoreCallOptions,
): Promise<readonly CommitResult[]> {
  if (batches.length === 0) return [];
  const { context } = store;
  const states = await together(batches.map(({ guard }) => guard && knownOrRead(context, guard, call)));
  await admitFilters(store, batches, call);
  const keys = await keysFor(context, namesOf(batches));
  const known: Known[] = batches.map((batch, index) => ({ batch, state: states[index] }));
  if (context.cluster) return await commitInCluster(context, keys, known, store.maxReceivers, call);
  const shape = { cluster: false, maxReceivers: store.maxReceivers, requestBytes: store.requestBytes };
  const prepared = known.map((each) => prepareKnown(shape, keys, each));
  const commands = prepared.flatMap((each) => each === undefined ? [] : [commandOf(each)]);
  const replies = await sendAll(context, commands, "commit", true, call);
  let next = 0;
  return prepared.map((each) => each === undefined ? SUPERSEDED : resultOf(keys, each, replies[next++]).result);
}

/** Filters are admitted before their subscriptions are stored, so that the index never names too little. */
async function admitFilters(
  { routing }: Committing,
  batches: readonly CommitBatch[],
  call?: StoreCallOptions,
): Promise<void> {
  const filters = subscribedFilters(batches);
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
