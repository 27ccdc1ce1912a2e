/**
 * A batch as the script takes it.
 *
 * @module
 */
import { messageBytes } from "../../mqtt/message.ts";
import { DROP_REASONS } from "../../store/records/drops.ts";
import { commitEntry, JOURNAL_KEPT_MS } from "../../store/records/journal.ts";
import { encodeOwedMessage, encodeOwedReceivers } from "../../store/records/owed.ts";
import type { CommitBatch, DeliveryReceiver } from "../../store/session_store.ts";
import type { WaitingTerms } from "../../store/waiting_terms.ts";
import { foldChanges, type FoldedChanges } from "./changes.ts";
import { Arguments } from "./context.ts";
import { named } from "./fields.ts";
import { type GuardState, RedisGuard } from "./guard.ts";
import { type RedisKeys, spreadOf, stampOf } from "./keys.ts";
import { COMMIT } from "./lua/commit.ts";
import { bodyText, headerText } from "./queue.ts";
import { reachOf } from "./reach.ts";
import { toText } from "./text.ts";
import type { Command } from "./transport.ts";

/** A batch, made ready. */
export interface Prepared {
  readonly batch: CommitBatch;
  readonly state: GuardState | undefined;
  readonly folded: FoldedChanges | undefined;
  /** How many receivers of each delivery are served at once. */
  readonly served: readonly number[];
  readonly call: Arguments;
  /** Whether keys that all sessions share must follow. */
  readonly changesIndex: boolean;
}

const REASON = {
  unowned: DROP_REASONS.indexOf("notConnected") + 1,
  newest: DROP_REASONS.indexOf("queueFullNewest") + 1,
  oldest: DROP_REASONS.indexOf("queueFullOldest") + 1,
  replaced: DROP_REASONS.indexOf("replaced") + 1,
  groupNewest: DROP_REASONS.indexOf("filterFullNewest") + 1,
  groupOldest: DROP_REASONS.indexOf("filterFullOldest") + 1,
  unreadable: DROP_REASONS.indexOf("unreadable") + 1,
} as const;

/** A batch, and what is known of its session; nothing where it has a guard that does not stand for it. */
export interface Known {
  readonly batch: CommitBatch;
  readonly state: GuardState | undefined;
}

/** How batches are made ready. */
export interface Shape {
  readonly cluster: boolean;
  /** How many receivers one of them reaches. */
  readonly maxReceivers: number;
  /** How many bytes of one request are for messages and receivers. */
  readonly requestBytes: number;
  /** Whose outbox is moved, in a cluster: a part of a key; absent where it belongs to no session. */
  readonly debtor?: string;
}

/** Makes a batch ready; `undefined` if its guard is known not to hold. */
export function prepareKnown(shape: Shape, keys: RedisKeys, { batch, state }: Known): Prepared | undefined {
  return batch.guard !== undefined && state === undefined ? undefined : prepare(shape, keys, batch, state);
}

/** The command of a batch. */
export function commandOf({ call: { keys, args } }: { readonly call: Arguments }): Command {
  return { script: COMMIT, keys, args };
}

/** Makes a batch ready. */
export function prepare(
  { cluster, maxReceivers, requestBytes, debtor }: Shape,
  keys: RedisKeys,
  batch: CommitBatch,
  state: GuardState | undefined,
): Prepared {
  const folded = state && foldChanges(keys, state, batch);
  // In a cluster the receivers live in other slots: everything is owed, and steps of outboxes reach them.
  const served = cluster
    ? batch.deliveries.map(() => 0)
    : batch.outbox === undefined
    ? reachOf(batch, maxReceivers, requestBytes)
    : batch.deliveries.map(({ receivers }) => receivers?.length ?? 0);
  const owes = batch.outbox === undefined &&
    batch.deliveries.some(({ receivers }, index) => receivers === undefined || (served[index] ?? 0) < receivers.length);
  const call = new Arguments();
  const part = state && keys.part(state.clientId);
  const has = {
    owned: folded !== undefined && folded.ownedGone.length > 0,
    due: folded !== undefined && folded.duePuts.length + folded.dueGone.length > 0 || owes ||
      batch.outbox !== undefined,
    rings: batch.raiseEpoch !== undefined || (batch.rings ?? []).length > 0 || served.some((count) => count > 0),
    owed: owes || batch.outbox !== undefined,
    routes: folded !== undefined && (folded.ends || folded.routes.length > 0),
    ended: folded?.ends === true,
    places: folded?.ends === true && !cluster,
  };
  // What has no session stands with the shared keys, also in a cluster.
  const beside = cluster ? part ?? (batch.outbox && debtor) : undefined;
  for (const shared of ["owned", "due", "rings", "owed", "routes", "ended", "places"] as const) {
    if (!has[shared]) call.key(undefined);
    else if (beside === undefined) call.key(keys.shared(shared));
    else call.key(shared === "owed" || shared === "ended" ? keys.besideOf(beside, shared) : undefined);
  }
  call.key(beside !== undefined && has.routes ? keys.besideOf(beside, "left") : undefined);
  const touchesRows = folded !== undefined &&
    (folded.ends || folded.rowPuts.length + folded.rowGone.length > 0 || folded.expiry !== "");
  call.key(touchesRows && part !== undefined ? keys.rowsOf(part) : undefined);
  call.key(part === undefined ? undefined : keys.logOf(part));
  call.add(named(batch.id), Math.ceil(batch.now), stampOf(batch.id)).flag(batch.isWhole === true);
  const { rings = [] } = batch;
  call.add(rings.length, ...rings.flatMap(({ nodeId, clientId }) => [named(nodeId), named(clientId)]));
  if (state !== undefined && folded !== undefined && part !== undefined) addOwn(call, batch, state, folded, part);
  addDeliveries(call, keys, batch, served);
  const changesIndex = has.owned || has.due || has.owed || has.routes || batch.raiseEpoch !== undefined;
  return { batch, state, folded, served, call, changesIndex };
}

/** The guard and the changes of the own session. */
function addOwn(call: Arguments, batch: CommitBatch, state: GuardState, folded: FoldedChanges, part: string): void {
  const {
    removals,
    sentLimit,
    fields,
    fieldsGone,
    marks,
    ends,
    rowPuts,
    rowGone,
    routes,
    ownedGone,
    duePuts,
    dueGone,
    expiry,
  } = folded;
  call.add(named(state.incarnation), state.epoch, state.version, part, spreadOf(part), named(state.clientId));
  call.add(removals.length, ...removals.flat());
  call.add(commitEntry(state.head, state.epoch, batch), JOURNAL_KEPT_MS);
  call.add(sentLimit ?? "", batch.raiseEpoch === undefined ? "" : named(batch.raiseEpoch.token));
  call.add(fields.length / 2, ...fields).list(fieldsGone).add(marks).flag(ends);
  call.list(rowPuts).list(rowGone);
  call.add(routes.length, ...routes.flatMap(({ field, spread, name, data }) => [field, spread, name, data]));
  call.list(ownedGone).list(duePuts).list(dueGone).add(expiry);
}

/** A copy that is appended, and its mark in a cluster. */
interface Append {
  readonly delivery: number;
  readonly receiver: DeliveryReceiver;
  readonly mark: string;
}

/** Limits, bodies, appends, the move of an entry, and what is owed. */
function addDeliveries(call: Arguments, keys: RedisKeys, batch: CommitBatch, served: readonly number[]): void {
  const { limits, deliveries, outbox, guard } = batch;
  const mayRefuse = limits.whenFull === "reject" && outbox === undefined &&
    deliveries.every(({ receivers }) => receivers !== undefined);
  const appends = deliveries.flatMap(({ receivers = [] }, delivery) =>
    receivers.slice(0, served[delivery] ?? 0).map((receiver) => ({ delivery, receiver, mark: "" }))
  );
  addAppends(call, keys, batch, appends, { mayRefuse, silent: guard === undefined ? "" : silentNode(guard) });
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

function addAppends(
  call: Arguments,
  keys: RedisKeys,
  { limits, deliveries }: CommitBatch,
  appends: readonly Append[],
  { mayRefuse, silent, source = "" }: {
    readonly mayRefuse: boolean;
    readonly silent: string;
    readonly source?: string;
  },
): void {
  call.add(limits.maximumMessages, limits.maximumBytes).flag(limits.whenFull === "dropOldest").flag(mayRefuse);
  call.add(REASON.unowned, REASON.newest, REASON.oldest, REASON.unreadable);
  call.add(REASON.replaced, REASON.groupNewest, REASON.groupOldest, silent, source);
  const used = [...new Set(appends.map(({ delivery }) => delivery))];
  const bodies = used.flatMap((index) => {
    const { message, terms } = deliveries[index] ?? {};
    return message === undefined ? [] : [messageBytes(message), bodyText(message), ...termsOf(terms)];
  });
  call.add(used.length, ...bodies, appends.length);
  for (const { delivery, receiver, mark } of appends) {
    call.key(keys.logOf(keys.part(receiver.clientId)));
    call.add(named(receiver.incarnation), named(receiver.clientId), used.indexOf(delivery) + 1);
    const { ownedBy } = receiver;
    const flags = Number(receiver.qos === 0) + 2 * Number(receiver.onlyIfOwned === true);
    call.add(flags + 4 * Number(ownedBy !== undefined), ...(ownedBy === undefined ? [] : [named(ownedBy)]));
    call.add(mark, headerText(receiver));
  }
}

/** Terms as the script takes them: rank, group, slot, and the bounds of the group; no rank where there are none. */
function termsOf(terms: WaitingTerms | undefined): readonly (string | number)[] {
  if (terms === undefined) return [""];
  const { slot, group, priority = 0 } = terms;
  const bounds = group === undefined
    ? [0, 0, 0]
    : [group.maximumMessages, group.maximumBytes, Number(group.whenFull === "dropOldest")];
  return [
    priority,
    group === undefined ? "-" : `g${named(group.name)}`,
    slot === undefined ? "-" : `s${named(slot)}`,
    ...bounds,
  ];
}

/** Appends to logs that live in different slots: one script a client, and the places of its copies among all. */
export function appendCalls(
  keys: RedisKeys,
  batch: CommitBatch,
  source: string,
): readonly { readonly call: Arguments; readonly places: readonly number[] }[] {
  const { number, from } = batch.outbox ?? { number: 0, from: 0 };
  const groups = new Map<string, { appends: Append[]; places: number[] }>();
  let place = 0;
  for (const [delivery, { receivers = [] }] of batch.deliveries.entries()) {
    for (const receiver of receivers) {
      const group = groups.get(receiver.clientId) ?? { appends: [], places: [] };
      const mark = source === "" ? "" : `${number} ${from + place + 1} ${Math.ceil(batch.now)}`;
      group.appends.push({ delivery, receiver, mark });
      group.places.push(place++);
      groups.set(receiver.clientId, group);
    }
  }
  return [...groups.values()].map(({ appends, places }) => {
    const call = new Arguments();
    for (let key = 0; key < 10; key++) call.key(undefined);
    call.add(named(batch.id), Math.ceil(batch.now), stampOf(batch.id)).flag(false).add(0);
    addAppends(call, keys, batch, appends, { mayRefuse: false, silent: "", source });
    call.add("", "", 0);
    return { call, places };
  });
}

/** A node needs no doorbell for what it appends itself. */
function silentNode(guard: NonNullable<CommitBatch["guard"]>): string {
  const state = RedisGuard.stateOf(guard);
  return state?.head.attached ? named(state.nodeId) : "";
}
