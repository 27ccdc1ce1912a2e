/** Planning one batch: its changes, its deliveries, its outbox, and the answer that it will get. */
import type { SessionChange } from "../../machine/change.ts";
import { type Drops, sumDrops } from "../records/drops.ts";
import { commitEntry, endsQuietly, withDropped, withEntry } from "../records/journal.ts";
import type { CommitBatch, CommitResult, ReceiverOutcome } from "../session_store.ts";
import { append, type Appending, outgoing, type OutgoingMessage } from "./append.ts";
import { deleteHead, type OwnerDraft, planChanges, putHead } from "./changes.ts";
import { ring } from "./rings.ts";
import { encodeRevision } from "./rows.ts";
import { type GuardState, isOwn, KeyValueGuard } from "./guard.ts";
import { type HeadRecord, ownerNodeOf } from "./head.ts";
import { type Layout, ROW } from "./layout.ts";
import { type AppendedRow, learn } from "./learn.ts";
import { packOutcomes } from "./outcomes.ts";
import { moveCursor, putEntry, receiversAfter } from "./owed.ts";
import { Plan } from "./plan.ts";
import type { Staging } from "./staging.ts";
import { World } from "./world.ts";

/** A batch that waits to be committed. */
export interface Item {
  readonly batch: CommitBatch;
  /** Its place among the batches of the call; names what it stages. */
  readonly index: number;
  /** What its guard knows; of a batch that is carried out in parts, after the latest of them. */
  state: GuardState | undefined;
  /** How many of its changes earlier commits carried out. */
  done: number;
  readonly messages: readonly OutgoingMessage[];
  /** Of a move: outcomes of the receivers that earlier commits served. */
  served: readonly ReceiverOutcome[];
  /** Whether the head has to be read again, since the guard did not hold. */
  rereads: boolean;
}

/** What a batch would write. */
export interface PlannedBatch {
  readonly outcome: "planned";
  readonly plan: Plan;
  readonly world: World;
  /** What has been served once the plan is committed; `undefined` when that is all. */
  readonly served: readonly ReceiverOutcome[] | undefined;
  /** How many changes of the batch are carried out once the plan is committed, if others are left: see {@linkcode planPart}. */
  readonly part: number | undefined;
  /** What the owner knows then; `undefined` without one, and once the session has ended. */
  readonly stateAfter: (version: string) => GuardState | undefined;
  /** The answer, once the version of the commit is known. */
  readonly answer: (version: string) => CommitResult;
}

/** A batch with a plan, or why it has none: its guard does not hold, or nobody can take its message. */
export type Planned = PlannedBatch | { readonly outcome: "lost" | "refused" };

/** What batches are planned with. */
export interface Planning {
  readonly layout: Layout;
  readonly staging: Staging;
  readonly valueBytes: number;
}

/** Makes an item of a batch. */
export function itemOf(batch: CommitBatch, index: number, state: GuardState | undefined): Item {
  const messages = batch.deliveries.map(outgoing);
  return { batch, index, state, done: 0, messages, served: [], rereads: false };
}

/**
 * Plans a batch on what is known.
 *
 * @param room How many receivers it may serve now; the others are owed, or, of a move, wait for the next commit.
 */
export function planBatch(planning: Planning, below: World, item: Item, room: number): Planned {
  const { batch, done } = item;
  return planWith(planning, below, item, room, done === 0 ? batch : { ...batch, changes: batch.changes.slice(done) });
}

/**
 * Plans the first changes of a batch that is too large for one commit, as its owner would have divided it: behind a
 * subscription, or an entry of the log that is gone. The next commit builds on this one; deliveries come with the last.
 */
export function planPart(planning: Planning, below: World, item: Item, end: number): Planned {
  const { batch, done } = item;
  const { raiseEpoch: _, ...rest } = batch;
  const first = { ...rest, id: "", changes: batch.changes.slice(done, end), deliveries: [] };
  const planned = planWith(planning, below, item, 0, first);
  return planned.outcome === "planned" ? { ...planned, part: end } : planned;
}

/** The last place up to `most` where a batch may be divided; `undefined` when there is none. */
export function lastBoundary({ batch, done }: Item, most: number): number | undefined {
  for (let end = Math.min(most, batch.changes.length - 1); end > done; end--) {
    if (mayDivide(batch.changes, end)) return end;
  }
  return undefined;
}

function mayDivide(changes: readonly SessionChange[], end: number): boolean {
  const last = changes[end - 1]?.type;
  if (last !== "putSubscription" && last !== "deleteSubscription" && last !== "deleteQueued") return false;
  // An exchange that goes on is not parted from its entry.
  const marked = new Set(changes.slice(end).map((each) => each.type === "putOutboundMark" ? each.sequence : undefined));
  return !changes.slice(0, end).some((each) => each.type === "deleteQueued" && marked.has(each.sequence));
}

function planWith(planning: Planning, below: World, item: Item, room: number, batch: CommitBatch): Planned {
  const { layout } = planning;
  const { state } = item;
  const world = new World(below);
  const plan = new Plan();
  if (state !== undefined && !isCurrent(world.heads.get(layout.head(state.head.clientId)), state.head)) {
    return { outcome: "lost" };
  }
  const appended: AppendedRow[] = [];
  const onRow: Appending["onRow"] = (receiver, sequence, body) => {
    if (state !== undefined && isOwn(state, receiver)) appended.push({ sequence, body });
  };
  const work = { ...planning, world, plan, handle: `${item.index}/${item.done}`, now: batch.now, onRow };
  const draft = state && planOwner(work, state, batch);
  const delivered = batch.outbox === undefined
    ? planDeliveries(work, item, room, batch, draft)
    : planMove(work, item, room);
  if (delivered === undefined) return { outcome: "lost" };
  if (mayRefuse(batch) && isRefusal(delivered.deliveries)) return { outcome: "refused" };
  if (batch.isWhole && (draft?.missing || !isTaken(delivered.deliveries))) return { outcome: "refused" };
  for (const { nodeId, clientId } of batch.rings ?? []) ring(plan, layout, nodeId, clientId);
  const { deliveries, served } = delivered;
  if (state === undefined || draft === undefined) {
    const answer = (): CommitResult => ({ outcome: "committed", deliveries });
    return { outcome: "planned", plan, world, served, part: undefined, stateAfter: () => undefined, answer };
  }
  const next = finishOwner(work, state, draft, batch, deliveries);
  const stateAfter = (version: string): GuardState | undefined => {
    learn(state, { layout, world, draft, appended, version });
    return next && { ...state, ...draft, head: next, headVersion: version };
  };
  const answer = (version: string): CommitResult => {
    const after = stateAfter(version);
    return { outcome: "committed", ...(after === undefined ? {} : { guard: new KeyValueGuard(after) }), deliveries };
  };
  return { outcome: "planned", plan, world, served, part: undefined, stateAfter, answer };
}

/** Whether a stored head is the one that a guard was made for. */
export function isCurrent(stored: HeadRecord | undefined, head: HeadRecord): boolean {
  return stored !== undefined && stored.incarnation === head.incarnation && stored.epoch === head.epoch &&
    stored.version === head.version;
}

interface Work extends Planning, Pick<Appending, "onRow"> {
  readonly world: World;
  readonly plan: Plan;
  readonly handle: string;
  readonly now: number;
}

interface Delivered {
  readonly deliveries: readonly (readonly ReceiverOutcome[])[];
  readonly served: readonly ReceiverOutcome[] | undefined;
}

function planOwner(work: Work, state: GuardState, batch: CommitBatch): OwnerDraft {
  const { layout, plan, world } = work;
  const headKey = layout.head(state.head.clientId);
  plan.check(headKey, world.versionOf(headKey));
  const draft = planChanges(work, state, batch);
  // What is delivered to the session itself finds it as it is after its changes.
  world.heads.set(headKey, draft.ended ? undefined : draft.head);
  if (draft.ended) {
    draft.head = { ...draft.head, drops: lostBy(work, draft) };
    world.gates.set(layout.gate(state.head.clientId), undefined);
  }
  return draft;
}

function planDeliveries(
  work: Work,
  item: Item,
  room: number,
  batch: CommitBatch,
  draft: OwnerDraft | undefined,
): Delivered {
  const { state } = item;
  let left = room;
  let isBehind = batch.behindOutbox === true;
  let entries = 0;
  const deliveries = batch.deliveries.map(({ message, receivers }, index) => {
    const now = isBehind || receivers === undefined ? 0 : Math.min(left, receivers.length);
    left -= now;
    const outcomes = appendAll(work, item, index, 0, now);
    if (receivers !== undefined && now === receivers.length) return outcomes;
    // From here on the outbox keeps the publisher's order.
    isBehind = true;
    entries++;
    const ofSession = draft === undefined || draft.ended ? {} : { clientId: draft.head.clientId };
    putEntry({ ...work, handle: `${work.handle}/owed/${index}/${now}` }, {
      outboxId: draft?.head.incarnation ?? batch.id,
      number: (state?.head.outboxTail ?? 0) + entries,
      ...ofSession,
      message,
      receivers,
      cursor: now,
    });
    for (const { clientId, incarnation } of receivers?.slice(now) ?? []) {
      outcomes.push({ outcome: "owed", clientId, incarnation });
    }
    return outcomes;
  });
  if (draft !== undefined && entries > 0) {
    draft.head = { ...draft.head, outboxTail: draft.head.outboxTail + entries };
    draft.touched = true;
  }
  return { deliveries, served: undefined };
}

/** Plans a step of an outbox, or as much of it as there is room for: its cursor tells how far it came. */
function planMove(work: Work, item: Item, room: number): Delivered | undefined {
  const { batch, served } = item;
  const move = batch.outbox;
  if (move === undefined) return undefined;
  const entry = work.world.outbox.get(work.layout.outboxEntry(move.outboxId, move.number));
  // Receivers that an earlier part of this step fixed are not fixed again.
  const { receivers: fixes, ...rest } = move;
  const step = {
    ...rest,
    from: move.from + served.length,
    ...(served.length > 0 || !fixes ? {} : { receivers: fixes }),
  };
  if (entry === undefined || receiversAfter(entry, step) === undefined) return undefined;
  const outcomes = [...served];
  let before = 0;
  for (const [index, { receivers = [] }] of batch.deliveries.entries()) {
    const from = Math.min(receivers.length, Math.max(0, outcomes.length - before));
    const to = Math.min(receivers.length, from + room + served.length - outcomes.length);
    outcomes.push(...appendAll(work, item, index, from, to));
    before += receivers.length;
  }
  const isWhole = outcomes.length === before;
  moveCursor(work, entry, { ...step, to: isWhole ? move.to : move.from + outcomes.length });
  return { deliveries: divided(outcomes, batch), served: isWhole ? undefined : outcomes };
}

function appendAll(work: Work, item: Item, index: number, from: number, to: number): ReceiverOutcome[] {
  const { batch, state, messages } = item;
  const message = messages[index];
  const ownNode = state && ownerNodeOf(state.head);
  const receivers = batch.deliveries[index]?.receivers?.slice(from, to) ?? [];
  if (message === undefined) return [];
  return receivers.map((receiver, place) =>
    append({ ...work, limits: batch.limits, ownNode }, message, receiver, `${work.handle}/${index}/${from + place}`)
  );
}

/** Outcomes in a row, one list per delivery again. */
function divided(outcomes: readonly ReceiverOutcome[], batch: CommitBatch): ReceiverOutcome[][] {
  let start = 0;
  return batch.deliveries.map(({ receivers }) => outcomes.slice(start, start += receivers?.length ?? 0));
}

function mayRefuse({ limits, outbox, deliveries }: CommitBatch): boolean {
  return limits.whenFull === "reject" && outbox === undefined &&
    deliveries.every(({ receivers }) => receivers !== undefined);
}

/** D11: somebody's queue is full, and nobody takes any of it. */
function isRefusal(deliveries: readonly (readonly ReceiverOutcome[])[]): boolean {
  let isFull = false;
  for (const each of deliveries.flat()) {
    if (each.outcome === "appended" || each.outcome === "owed") return false;
    isFull ||= each.outcome === "dropped" && (each.reason === "queueFullNewest" || each.reason === "filterFullNewest");
  }
  return isFull;
}

/** Whether every copy stands in the log that it was for. */
function isTaken(deliveries: readonly (readonly ReceiverOutcome[])[]): boolean {
  return deliveries.every((each) => each.every((told) => told.outcome === "appended" && told.dropped === undefined));
}

/** What a session that ends has lost, by what its head and its gate say. */
function lostBy({ layout, world }: Pick<Work, "layout" | "world">, { head }: OwnerDraft): Drops {
  const gate = world.gates.get(layout.gate(head.clientId));
  const isOwn = gate !== undefined && gate !== "unreadable" && gate.incarnation === head.incarnation;
  return isOwn ? sumDrops(head.drops, gate.drops) : head.drops;
}

/** Writes the head, or ends it: the next head. */
function finishOwner(
  work: Work,
  state: GuardState,
  draft: OwnerDraft,
  batch: CommitBatch,
  deliveries: readonly (readonly ReceiverOutcome[])[],
): HeadRecord | undefined {
  const { layout, plan, world } = work;
  const { clientId } = state.head;
  const raised = batch.raiseEpoch;
  const ownerNode = ownerNodeOf(state.head);
  if (raised !== undefined && ownerNode !== undefined) {
    ring(plan, layout, ownerNode, clientId);
  }
  const told = commitEntry(state.head.session, state.head.epoch, batch);
  const version = state.head.version + 1;
  const next: HeadRecord = {
    ...draft.head,
    version,
    ...(draft.touched ? { rowsVersion: version } : {}),
    ...(raised === undefined
      ? {}
      : { epoch: state.head.epoch + 1, owner: { nodeId: state.head.owner.nodeId, token: raised.token } }),
    lastBatchId: batch.id,
    lastOutcomes: packOutcomes(deliveries),
    journal: endsQuietly(batch.changes)
      ? ""
      : withEntry(draft.head.journal, draft.ended ? withDropped(told, draft.head.drops) : told),
  };
  const headKey = layout.head(clientId);
  if (draft.ended) {
    deleteHead(layout, plan, state.head, next, batch.now);
    world.heads.set(headKey, undefined);
    return undefined;
  }
  if (draft.touched) {
    plan.set(ROW.revision(layout.rows(clientId, next.incarnation)), encodeRevision(version));
  }
  putHead(layout, plan, state.head, next);
  world.heads.set(headKey, next);
  return next;
}
