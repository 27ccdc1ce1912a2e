/** What the changes of an owner's batch write: rows, and the head that goes with them. */
import type { OutboundMark } from "../../machine/snapshot.ts";
import type { SessionChange } from "../../machine/change.ts";
import { isSharedFilter } from "../../mqtt/filter.ts";
import { encodeRoute } from "./route_row.ts";
import { countDrop } from "../records/drops.ts";
import { encodeSubscription } from "../records/subscription.ts";
import type { CommitBatch } from "../session_store.ts";
import type { ChunkRef } from "./chunk_ref.ts";
import { removeChunks } from "./chunks.ts";
import { encodeDue } from "./due_row.ts";
import type { GuardState } from "./guard.ts";
import { dueAtOf, encodeHead, type HeadRecord, ownerNodeOf } from "./head.ts";
import { type Layout, ROW } from "./layout.ts";
import { deleteText, putText } from "./long_text.ts";
import type { Plan } from "./plan.ts";
import { stagedPrefix } from "./queue_row.ts";
import { encodeClient, encodeMark, encodePacketIds, encodeWill } from "./rows.ts";
import type { Staging } from "./staging.ts";
import { putEnded } from "./ended.ts";
import type { World } from "./world.ts";

/** Where and how an owner's changes are planned. */
export interface Changing {
  readonly layout: Layout;
  readonly world: World;
  readonly plan: Plan;
  readonly staging: Staging;
  readonly valueBytes: number;
  /** Names the batch among all of a call. */
  readonly handle: string;
  readonly now: number;
}

/** A guard's knowledge on its way to the next one. */
export interface OwnerDraft {
  head: HeadRecord;
  inbound: ReadonlySet<number>;
  quarantine: ReadonlySet<number>;
  marks: ReadonlyMap<number, OutboundMark["phase"]>;
  will: ChunkRef | undefined;
  /** Entries of the log that are gone. */
  readonly removed: number[];
  /** Whether a row of the owner changed. */
  touched: boolean;
  /** Whether an entry that was to be deleted was not there. */
  missing: boolean;
  ended: boolean;
}

/** Plans the changes of a batch. The head itself is written by {@linkcode putHead}, once all of it is known. */
export function planChanges(work: Changing, state: GuardState, batch: CommitBatch): OwnerDraft {
  const { head, inbound, quarantine, marks, will } = state;
  const draft: OwnerDraft = {
    head,
    inbound,
    quarantine,
    marks,
    will,
    removed: [],
    touched: false,
    missing: false,
    ended: false,
  };
  const rows = work.layout.rows(head.clientId, head.incarnation);
  for (const [index, change] of batch.changes.entries()) {
    if (draft.ended) break;
    planChange({ ...work, handle: `${work.handle}/change/${index}` }, state, draft, rows, change);
  }
  if (!draft.ended && (draft.inbound !== inbound || draft.quarantine !== quarantine)) {
    const key = ROW.packetIds(rows);
    draft.touched = true;
    if (draft.inbound.size + draft.quarantine.size === 0) work.plan.delete(key);
    else work.plan.set(key, encodePacketIds(draft));
  }
  return draft;
}

function planChange(work: Changing, state: GuardState, draft: OwnerDraft, rows: string, change: SessionChange): void {
  const { plan, layout } = work;
  const { clientId, incarnation } = draft.head;
  switch (change.type) {
    case "putHead":
      draft.head = { ...draft.head, session: change.head };
      return;
    case "putSentLimit":
      draft.head = { ...draft.head, session: { ...draft.head.session, sentLimit: change.sentLimit } };
      return;
    case "putWill": {
      draft.touched = true;
      deleteParts(work, draft.head, draft.will);
      const value = encodeWill(change.will);
      draft.will = undefined;
      if (value.length <= work.valueBytes) return plan.set(ROW.will(rows), value);
      const prefix = (id: string): string => stagedPrefix(rows, { id });
      const staged = work.staging.stage(work.handle, { owner: incarnation, value: () => value, prefix });
      plan.stage(staged);
      draft.will = staged.ref;
      return plan.set(ROW.will(rows), encodeWill(staged.ref));
    }
    case "deleteWill":
      draft.touched = true;
      deleteParts(work, draft.head, draft.will);
      draft.will = undefined;
      return plan.delete(ROW.will(rows));
    case "putSubscription": {
      const { filter, subscription } = change;
      draft.touched = true;
      const named = layout.inRecord(filter);
      putText(plan, ROW.filter(rows, layout.part(filter)), filter, work.valueBytes);
      plan.set(layout.subscription(clientId, incarnation, filter), encodeSubscription({ filter: named, subscription }));
      if (isSharedFilter(filter)) return;
      const route = { clientId: layout.inRecord(clientId), incarnation, filter: named, subscription };
      return plan.set(layout.route(filter, clientId, incarnation), encodeRoute(route));
    }
    case "deleteSubscription":
      draft.touched = true;
      deleteText(plan, ROW.filter(rows, layout.part(change.filter)), change.filter, work.valueBytes);
      plan.delete(layout.subscription(clientId, incarnation, change.filter));
      return plan.delete(layout.route(change.filter, clientId, incarnation));
    case "putOutboundMark":
      draft.touched = true;
      plan.set(ROW.mark(rows, change.sequence), encodeMark(change.mark));
      draft.marks = new Map(draft.marks).set(change.sequence, change.mark.phase);
      return;
    case "deleteOutboundMark":
      return deleteMark(plan, draft, rows, change.sequence);
    case "deleteQueued": {
      const key = ROW.queued(rows, change.sequence);
      if (draft.marks.get(change.sequence) === "sent") deleteMark(plan, draft, rows, change.sequence);
      const known = state.log.get(change.sequence);
      if (!known?.isStarted) {
        // It may be gone, and counted by whoever took it: an appender, or the owner before.
        const version = work.world.versionOf(key);
        if (version === null || work.world.dropped.get(key)) {
          draft.missing = true;
          return;
        }
        const isSure = change.sequence <= state.head.session.sentLimit && !work.world.assumed.has(key);
        if (!isSure) plan.check(key, version);
      }
      if (draft.removed.includes(change.sequence)) return;
      plan.delete(key);
      deleteParts(work, draft.head, known?.body ?? work.world.bodies.get(key));
      draft.removed.push(change.sequence);
      forget(work, draft.head.clientId, change.sequence);
      const { head } = draft;
      draft.head = {
        ...head,
        removedMessages: head.removedMessages + 1,
        removedBytes: head.removedBytes + change.bytes,
        drops: change.dropped === undefined ? head.drops : countDrop(head.drops, change.dropped),
      };
      return;
    }
    case "putInboundId":
      if (!draft.inbound.has(change.packetId)) draft.inbound = new Set(draft.inbound).add(change.packetId);
      return;
    case "deleteInboundId":
      if (draft.inbound.has(change.packetId)) draft.inbound = draft.inbound.difference(new Set([change.packetId]));
      return;
    case "putQuarantine":
      if (!draft.quarantine.has(change.packetId)) draft.quarantine = new Set(draft.quarantine).add(change.packetId);
      return;
    case "deleteQuarantine":
      if (draft.quarantine.has(change.packetId)) {
        draft.quarantine = draft.quarantine.difference(new Set([change.packetId]));
      }
      return;
    case "endSession":
      draft.ended = true;
      return;
    default:
      change satisfies never;
  }
}

/**
 * Writes a head, and the rows by which it is found: when it is due, and by the node that owns it.
 *
 * @param before The head that it replaces.
 */
export function putHead(layout: Layout, plan: Plan, before: HeadRecord | undefined, head: HeadRecord): void {
  putIndex(layout, plan, before, head);
  plan.set(layout.head(head.clientId), encodeHead({ ...head, clientId: layout.inRecord(head.clientId) }));
}

/** Ends a session: its head and gate go, its rows are swept later (G8). */
export function deleteHead(layout: Layout, plan: Plan, before: HeadRecord, head: HeadRecord, now: number): void {
  putIndex(layout, plan, before, undefined);
  plan.delete(layout.head(head.clientId));
  plan.delete(layout.gate(head.clientId));
  putSweep(layout, plan, head, now);
  putEnded(layout, plan, head, now);
}

/** Has the rows of an incarnation swept. */
export function putSweep(layout: Layout, plan: Plan, head: HeadRecord, now: number): void {
  const { clientId, incarnation, lastBatchId, lastOutcomes } = head;
  const named = layout.inRecord(clientId);
  const row = encodeDue({ type: "sweep", clientId: named, incarnation, lastBatchId, lastOutcomes });
  plan.set(layout.dueSweep(now, clientId, incarnation), row);
}

/** Moves the index rows of a session from one head to the next. */
export function putIndex(
  layout: Layout,
  plan: Plan,
  before: HeadRecord | undefined,
  head: HeadRecord | undefined,
): void {
  const dueBefore = before && dueAtOf(before);
  const due = head && dueAtOf(head);
  const clientId = head?.clientId ?? before?.clientId ?? "";
  if (dueBefore !== due) {
    if (dueBefore !== undefined) plan.delete(layout.dueSession(dueBefore, clientId));
    if (due !== undefined) {
      const row = encodeDue({ type: "session", clientId: layout.inRecord(clientId) });
      plan.set(layout.dueSession(due, clientId), row);
    }
  }
  if (before?.place !== head?.place) {
    if (before?.place !== undefined) plan.delete(layout.place(before.principal, before.place));
    if (head?.place !== undefined) {
      plan.set(layout.place(head.principal, head.place), encodeClient(layout.part(clientId)));
    }
  }
  const ownerBefore = before && ownerNodeOf(before);
  const owner = head && ownerNodeOf(head);
  if (ownerBefore === owner) return;
  if (ownerBefore !== undefined) plan.delete(layout.owned(ownerBefore, clientId));
  if (owner !== undefined) plan.set(layout.owned(owner, clientId), encodeClient(layout.inRecord(clientId)));
}

function deleteParts(work: Changing, { clientId, incarnation }: HeadRecord, ref: ChunkRef | undefined): void {
  if (ref === undefined) return;
  const prefix = stagedPrefix(work.layout.rows(clientId, incarnation), ref);
  removeChunks(work.plan, work.layout, { owner: incarnation, prefix, ref, now: work.now });
}

/** What the owner removes can no longer give way to another batch of the same commit. */
function forget({ layout, world }: Changing, clientId: string, sequence: number): void {
  const gateKey = layout.gate(clientId);
  const waiting = world.waiting.get(gateKey);
  if (waiting === undefined) return;
  world.waiting.set(gateKey, waiting.filter((entry) => entry.sequence !== sequence));
}

function deleteMark(plan: Plan, draft: OwnerDraft, rows: string, sequence: number): void {
  draft.touched = true;
  plan.delete(ROW.mark(rows, sequence));
  const marks = new Map(draft.marks);
  marks.delete(sequence);
  draft.marks = marks;
}
