/**
 * Carrying batches out where a script reaches one slot only (D4).
 *
 * What a session delivers enters its outbox in the commit of the session. A step of an outbox then appends in each
 * receiver's slot, where a mark tells what was taken already, rings, and moves the cursor last.
 *
 * @module
 */
import { encodeOwedReceivers } from "../../store/records/owed.ts";
import type { CommitBatch, CommitResult, OutboxMove } from "../../store/session_store.ts";
import { afterwards, allWritten, type StoreCallOptions } from "../../store/call.ts";
import { readAppends, resultOf } from "./answer.ts";
import type { Check, IndexChange } from "./checks.ts";
import { ask, type RedisContext, sendAll } from "./context.ts";
import { debtorOf } from "./debtors.ts";
import { named } from "./fields.ts";
import { changeIndex, followUps, indexCommand } from "./index.ts";
import type { RedisKeys } from "./keys.ts";
import { CLAIM } from "./lua/owed.ts";
import { listsOf } from "./outcomes.ts";
import { appendCalls, commandOf, type Known, prepare, prepareKnown, type Shape } from "./prepare.ts";
import { repair } from "./repair.ts";
import { toText } from "./text.ts";

/** Carries batches out and answers in their order. */
export async function commitInCluster(
  context: RedisContext,
  keys: RedisKeys,
  batches: readonly Known[],
  maxReceivers: number,
  call?: StoreCallOptions,
): Promise<readonly CommitResult[]> {
  const shape: Shape = { cluster: true, maxReceivers, requestBytes: 0 };
  const moves = batches.filter(({ batch }) => batch.outbox !== undefined);
  const others = batches.filter(({ batch }) => batch.outbox === undefined);
  const moved = moves.map(async ({ batch }) => [[batch, await moveOutbox(context, keys, batch, shape, call)]] as const);
  const committed = others.length === 0 ? [] : [commitSessions(context, keys, others, shape, call)];
  const results = new Map((await allWritten([...committed, ...moved])).flat());
  return batches.map(({ batch }) => results.get(batch) ?? SUPERSEDED);
}

const SUPERSEDED: CommitResult = { outcome: "superseded" };

/** Batches of sessions, each in its own slot, and what has no session: that enters an outbox beside the index. */
async function commitSessions(
  context: RedisContext,
  keys: RedisKeys,
  batches: readonly Known[],
  shape: Shape,
  call?: StoreCallOptions,
): Promise<readonly (readonly [CommitBatch, CommitResult])[]> {
  const prepared = batches.map((each) => prepareKnown(shape, keys, each));
  const sent = prepared.filter((each) => each !== undefined);
  if (sent.length === 0) return [];
  const now = Math.max(...sent.map(({ batch }) => batch.now));
  const checks = sent.flatMap(({ state, changesIndex }): Check[] =>
    state !== undefined && changesIndex ? [{ part: keys.part(state.clientId), nodeId: state.nodeId }] : []
  );
  const begins = context.checks.begin(checks, now);
  if (begins.length > 0) {
    await sendAll(context, [indexCommand(keys, begins)], "commit", true, call);
    context.checks.begun(checks, begins, now);
  }
  const replies = await sendAll(context, sent.map(commandOf), "commit", true, call);
  const answers = sent.map((each, index) => resultOf(keys, each, replies[index]));
  await followUps(
    context,
    keys,
    sent.flatMap(({ state }, index) =>
      state === undefined ? [] : [{ part: keys.part(state.clientId), changes: answers[index]?.changes ?? [] }]
    ),
    call,
  );
  // What was left to the first caller may not have been done.
  const repeated = sent.flatMap(({ state }, index): Check[] =>
    state !== undefined && answers[index]?.isRepeated ? [{ part: keys.part(state.clientId), nodeId: state.nodeId }] : []
  );
  await afterwards(() => repair(context, repeated, now, call));
  return sent.map(({ batch }, index) => [batch, answers[index]?.result ?? SUPERSEDED]);
}

/** One step of an outbox: it is claimed, with its receivers fixed; then they get their copies, then the cursor moves. */
async function moveOutbox(
  context: RedisContext,
  keys: RedisKeys,
  batch: CommitBatch,
  shape: Shape,
  call?: StoreCallOptions,
): Promise<CommitResult> {
  const { outbox } = batch;
  if (outbox === undefined) return SUPERSEDED;
  const debtor = await debtorOf(context, keys, outbox.outboxId, call);
  const { receivers: _fixed, ...step } = outbox;
  if (!await claim(context, keys, batch, outbox, debtor, call)) return SUPERSEDED;
  // What belongs to no session is delivered at least once: no marks for it.
  const calls = appendCalls(keys, batch, debtor === undefined ? "" : named(step.outboxId));
  const replies = await afterwards(() => sendAll(context, calls.map(commandOf), "commit", true, call));
  const rings: IndexChange[] = [];
  const told: string[] = [];
  for (const [index, { places }] of calls.entries()) {
    const answered = readAppends(replies[index] ?? "");
    rings.push(...answered.changes);
    for (const [at, place] of places.entries()) told[place] = answered.told[at] ?? "";
  }
  await afterwards(() => changeIndex(context, keys, rings, call));
  const moving = { ...batch, deliveries: [], outbox: step };
  const prepared = prepare({ ...shape, ...(debtor === undefined ? {} : { debtor }) }, keys, moving, undefined);
  const [reply] = await afterwards(() => sendAll(context, [commandOf(prepared)], "commit", true, call));
  const { result, changes } = resultOf(keys, prepared, reply);
  if (debtor !== undefined) await followUps(context, keys, [{ part: debtor, changes }], call);
  return result.outcome === "committed" ? { ...result, deliveries: listsOf(batch, told) } : result;
}

/** Claims a step. Two who looked the receivers up may have found different ones: those of the first are kept. */
async function claim(
  context: RedisContext,
  keys: RedisKeys,
  { id, now }: CommitBatch,
  { outboxId, number, from, receivers }: OutboxMove,
  debtor: string | undefined,
  call?: StoreCallOptions,
): Promise<boolean> {
  return await ask(context, {
    script: CLAIM,
    keys: [debtor === undefined ? keys.shared("owed") : keys.besideOf(debtor, "owed")],
    args: [
      named(outboxId),
      number,
      from,
      receivers === undefined ? 0 : 1,
      receivers?.length ?? 0,
      receivers === undefined ? "" : toText(encodeOwedReceivers(receivers)),
      named(id),
      Math.ceil(now),
    ],
    doing: "commit",
    writes: true,
    read: (status) => status === "c",
  }, call);
}
