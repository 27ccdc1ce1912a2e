/**
 * Carrying batches out: one script each, all of them in one request.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { messageBytes } from "../../mqtt/message.ts";
import { unreadable } from "../../store/encoding.ts";
import { DROP_REASONS } from "../../store/records/drops.ts";
import { encodeOwedMessage, encodeOwedReceivers } from "../../store/records/owed.ts";
import type { CommitBatch, CommitResult, StoreCallOptions } from "../../store/session_store.ts";
import { foldChanges, type FoldedChanges } from "./changes.ts";
import { Arguments, keysFor, type RedisContext, sendAll } from "./context.ts";
import { named } from "./fields.ts";
import { type GuardState, RedisGuard } from "./guard.ts";
import { type RedisKeys, spreadOf, stampOf } from "./keys.ts";
import { COMMIT } from "./lua/commit.ts";
import { outcomesOf, repeatedOutcomes } from "./outcomes.ts";
import { bodyText, headerText } from "./queue.ts";
import type { Routing } from "./routing.ts";
import { knownOrRead } from "./session.ts";
import { readReply, toText } from "./text.ts";

/** What commits need of their store. */
export interface Committing {
  readonly context: RedisContext;
  readonly routing: Routing;
  readonly maxReceivers: number;
  readonly maxChanges: number;
  readonly maxMessageBytes: number;
}

/** A batch, made ready. */
interface Prepared {
  readonly batch: CommitBatch;
  readonly state: GuardState | undefined;
  readonly folded: FoldedChanges | undefined;
  /** How many receivers of each delivery are served at once. */
  readonly served: readonly number[];
  readonly call: Arguments;
}

const REASON = {
  unowned: DROP_REASONS.indexOf("notConnected") + 1,
  newest: DROP_REASONS.indexOf("queueFullNewest") + 1,
  oldest: DROP_REASONS.indexOf("queueFullOldest") + 1,
  unreadable: DROP_REASONS.indexOf("unreadable") + 1,
} as const;

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
  const prepared = batches.map((batch, index) =>
    batch.guard !== undefined && states[index] === undefined ? undefined : prepare(store, keys, batch, states[index])
  );
  const sent = prepared.filter((each) => each !== undefined);
  const commands = sent.map(({ call: { keys, args } }) => ({ script: COMMIT, keys, args }));
  const replies = await sendAll(context, commands, "commit", true, call);
  let next = 0;
  return prepared.map((each) => each === undefined ? { outcome: "superseded" } : resultOf(keys, each, replies[next++]));
}

function prepare(
  { maxReceivers }: Committing,
  keys: RedisKeys,
  batch: CommitBatch,
  state: GuardState | undefined,
): Prepared {
  const folded = state && foldChanges(keys, state, batch);
  const served = servedOf(batch, maxReceivers);
  const owes = batch.deliveries.some(({ receivers }, index) =>
    receivers === undefined || owesRest(receivers, served, index)
  );
  const call = new Arguments();
  const part = state && keys.part(state.clientId);
  const has = {
    owned: folded !== undefined && folded.ownedGone.length > 0,
    due: folded !== undefined && folded.duePuts.length + folded.dueGone.length > 0 || owes ||
      batch.outbox !== undefined,
    rings: batch.raiseEpoch !== undefined || served.some((count) => count > 0),
    owed: owes || batch.outbox !== undefined,
    routes: folded !== undefined && (folded.ends || folded.routes.length > 0),
    ended: folded?.ends === true,
  };
  for (const shared of ["owned", "due", "rings", "owed", "routes", "ended"] as const) {
    call.key(has[shared] ? keys.shared(shared) : undefined);
  }
  call.key(undefined);
  const touchesRows = folded !== undefined &&
    (folded.ends || folded.rowPuts.length + folded.rowGone.length > 0 || folded.expiry !== "");
  call.key(touchesRows && part !== undefined ? keys.rowsOf(part) : undefined);
  call.key(part === undefined ? undefined : keys.logOf(part));
  call.add(named(batch.id), Math.ceil(batch.now), stampOf(batch.id));
  if (state !== undefined && folded !== undefined && part !== undefined) addOwn(call, batch, state, folded, part);
  addDeliveries(call, keys, batch, served);
  return { batch, state, folded, served, call };
}

/** The guard and the changes of the own session. */
function addOwn(call: Arguments, batch: CommitBatch, state: GuardState, folded: FoldedChanges, part: string): void {
  const { removals, sentLimit, fields, ends, rowPuts, rowGone, routes, ownedGone, duePuts, dueGone, expiry } = folded;
  call.add(named(state.incarnation), state.epoch, state.version, part, spreadOf(part), named(state.clientId));
  call.add(removals.length, ...removals.flat());
  call.add(sentLimit ?? "", batch.raiseEpoch === undefined ? "" : named(batch.raiseEpoch.token));
  call.add(fields.length / 2, ...fields).flag(ends);
  call.list(rowPuts).list(rowGone);
  call.add(routes.length, ...routes.flatMap(({ field, spread, name, data }) => [field, spread, name, data]));
  call.list([]).list(ownedGone).list(duePuts).list(dueGone).add(expiry);
}

/** Limits, bodies, appends, the move of an entry, and what is owed. */
function addDeliveries(call: Arguments, keys: RedisKeys, batch: CommitBatch, served: readonly number[]): void {
  const { limits, deliveries, outbox, guard } = batch;
  const mayRefuse = limits.whenFull === "reject" && outbox === undefined &&
    deliveries.every(({ receivers }) => receivers !== undefined);
  call.add(limits.maximumMessages, limits.maximumBytes).flag(limits.whenFull === "dropOldest").flag(mayRefuse);
  call.add(REASON.unowned, REASON.newest, REASON.oldest, REASON.unreadable);
  call.add(guard === undefined ? "" : silentNode(guard), "");
  const used = deliveries.map((_, index) => (served[index] ?? 0) > 0);
  const bodies = deliveries.filter((_, index) => used[index]);
  call.add(bodies.length, ...bodies.flatMap(({ message }) => [messageBytes(message), bodyText(message)]));
  call.add(served.reduce((sum, count) => sum + count, 0));
  for (const [index, { receivers = [] }] of deliveries.entries()) {
    const body = used.slice(0, index + 1).filter(Boolean).length;
    for (const receiver of receivers.slice(0, served[index] ?? 0)) {
      const part = keys.part(receiver.clientId);
      call.key(keys.logOf(part)).add(named(receiver.incarnation), named(receiver.clientId), body);
      call.add(Number(receiver.qos === 0) + 2 * Number(receiver.onlyIfOwned === true), "", headerText(receiver));
    }
  }
  if (outbox === undefined) call.add("");
  else {
    const { outboxId, number, from, to, receivers } = outbox;
    call.add(named(outboxId), number, from, to).flag(receivers !== undefined);
    call.add(receivers?.length ?? -1, receivers === undefined ? "" : toText(encodeOwedReceivers(receivers)));
  }
  const debts = deliveries.flatMap(({ message, receivers }, index) => {
    const cursor = served[index] ?? 0;
    if (outbox !== undefined || (receivers !== undefined && cursor >= receivers.length)) return [];
    return [
      cursor,
      receivers?.length ?? -1,
      `m${toText(encodeOwedMessage(message))}`,
      receivers === undefined ? "" : toText(encodeOwedReceivers(receivers)),
    ];
  });
  call.add(named(guard?.incarnation ?? batch.id), debts.length / 4, ...debts);
}

/** A node needs no doorbell for what it appends itself. */
function silentNode(guard: NonNullable<CommitBatch["guard"]>): string {
  const state = RedisGuard.stateOf(guard);
  return state?.head.attached ? named(state.nodeId) : "";
}

/** How many receivers of each delivery a commit reaches. Once some are owed, all that follow are: order is kept. */
function servedOf(batch: CommitBatch, maxReceivers: number): number[] {
  let left = batch.behindOutbox ? 0 : maxReceivers;
  let isBehind = batch.behindOutbox === true;
  return batch.deliveries.map(({ receivers }) => {
    const count = isBehind || receivers === undefined ? 0 : Math.min(left, receivers.length);
    left -= count;
    if (receivers === undefined || count < receivers.length) isBehind = true;
    return count;
  });
}

function owesRest(receivers: readonly unknown[], served: readonly number[], index: number): boolean {
  return (served[index] ?? 0) < receivers.length;
}

function resultOf(
  keys: RedisKeys,
  { batch, state, folded, served }: Prepared,
  reply: string | readonly (string | null)[] | undefined,
): CommitResult {
  return readReply(reply ?? "", "commit", (reader) => {
    const status = reader.text();
    switch (status) {
      case "s":
        return { outcome: "superseded" };
      case "r":
        return { outcome: "refused", reason: "queueFull" };
      case "x":
        throw unreadable(state === undefined ? "" : keys.log(state.clientId), "its state is none");
      default: {
        const told = reader.text();
        if (status === "c") reader.number();
        const after = folded?.after && state && new RedisGuard({
          ...folded.after,
          epoch: state.epoch + Number(batch.raiseEpoch !== undefined),
          version: state.version + 1,
        });
        return {
          outcome: "committed",
          ...(after === undefined ? {} : { guard: after }),
          deliveries: status === "p" ? repeatedOutcomes(batch, served, told) : outcomesOf(batch, served, told),
        };
      }
    }
  }, { writes: true });
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
