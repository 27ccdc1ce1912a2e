/** What the memory store holds, and the few moves that more than one call makes. */
import type { DropReason } from "../../machine/change.ts";
import type { Message } from "../../mqtt/message.ts";
import { isSharedFilter } from "../../mqtt/filter.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import { type SubscriptionIndex, subscriptionIndex } from "../../routing/matcher.ts";
import type { SubscriptionMatch } from "../../routing/resolve.ts";
import type { StoreCapabilities } from "../../store/capabilities.ts";
import type { DeliveryReceiver, Guard, OutboxEntry } from "../../store/session_store.ts";
import { copyOfMessage, copyOfReceiver } from "./copies.ts";
import { Doorbells } from "./doorbells.ts";
import { DueHeap } from "./due_heap.ts";
import type { EndedJournal, NodeRecord, Outbox, Owner, SessionRecord, Tombstone } from "./records.ts";

/** The whole store. Every method leaves it consistent; no method waits. */
export class World {
  readonly capabilities: StoreCapabilities;
  readonly sessions = new Map<string, SessionRecord>();
  /** Principal → its sessions that began under a quota. */
  readonly counted = new Map<string, Set<SessionRecord>>();
  /** Whether restored ones are among them, of whose principals no more is known than the digest. */
  countsRestored = false;
  readonly tombstones = new Map<string, Tombstone>();
  /** By client. */
  readonly endedJournals = new Map<string, EndedJournal>();
  readonly outboxes = new Map<string, Outbox>();
  readonly nodes = new Map<string, NodeRecord>();
  readonly doorbells = new Doorbells();
  readonly index: SubscriptionIndex<SubscriptionMatch>;
  readonly dueSessions = new DueHeap<SessionRecord>();
  readonly dueTombstones = new DueHeap<Tombstone>();
  readonly dueJournals = new DueHeap<EndedJournal>();
  readonly dueOutboxes = new DueHeap<Outbox>();

  constructor(capabilities: StoreCapabilities, maximumShapes: number) {
    this.capabilities = capabilities;
    this.index = subscriptionIndex({ maximumShapes });
  }

  /** Until when a node is known to be alive; 0 when it has no row. */
  aliveUntil(nodeId: string): number {
    return this.nodes.get(nodeId)?.until ?? 0;
  }

  /** The session that a guard stands for, if it is still the one. */
  guarded(guard: Guard): SessionRecord | undefined {
    const record = this.sessions.get(guard.clientId);
    if (record?.incarnation !== guard.incarnation) return undefined;
    return record.epoch === guard.epoch && record.version === guard.version ? record : undefined;
  }

  /** Forgets the journal of an ended session: its client has another. */
  forgetJournal(clientId: string): EndedJournal | undefined {
    const ended = this.endedJournals.get(clientId);
    if (ended === undefined) return undefined;
    this.endedJournals.delete(clientId);
    this.dueJournals.set(ended, Infinity);
    return ended;
  }

  /** Changes who owns a session. */
  setOwner(record: SessionRecord, owner: Owner | undefined): void {
    if (record.owner !== undefined && record.owner.nodeId !== owner?.nodeId) {
      this.nodes.get(record.owner.nodeId)?.owned.delete(record);
    }
    record.owner = owner;
    if (owner === undefined) return;
    let node = this.nodes.get(owner.nodeId);
    if (node === undefined) this.nodes.set(owner.nodeId, node = { until: 0, owned: new Set() });
    node.owned.add(record);
  }

  /** Sets when a session is due, from its head. */
  setDue(record: SessionRecord): void {
    const { attached, willDueAt = Infinity, endsAt = Infinity } = record.head;
    this.dueSessions.set(record, attached ? Infinity : Math.min(willDueAt, endsAt));
  }

  /** Whether a filter can be routed; a shared one is not routed by itself. */
  admit(filter: string): boolean {
    return isSharedFilter(filter) || this.index.admit(filter);
  }

  /** Makes or replaces a subscription; its filter was admitted. */
  putSubscription(record: SessionRecord, filter: string, subscription: Subscription): void {
    const { clientId, incarnation } = record;
    // Frozen, for look-ups hand it out as it is: copies would cost most where there are most matches.
    const options = Object.freeze({ ...subscription });
    (record.subscriptions ??= new Map()).set(filter, options);
    if (isSharedFilter(filter)) return;
    this.index.add(filter, incarnation, Object.freeze({ clientId, incarnation, filter, subscription: options }));
  }

  /** Ends a subscription. */
  deleteSubscription(record: SessionRecord, filter: string): void {
    record.subscriptions?.delete(filter);
    this.index.remove(filter, record.incarnation);
  }

  /** Counts a lost message. */
  countDrop(record: SessionRecord, reason: DropReason): void {
    record.dropped ??= new Map();
    record.dropped.set(reason, (record.dropped.get(reason) ?? 0) + 1);
  }

  /** Ends a session: all of it is gone, except what stands in its outbox. */
  endSession(record: SessionRecord): void {
    this.setOwner(record, undefined);
    this.dueSessions.set(record, Infinity);
    for (const filter of record.subscriptions?.keys() ?? []) this.index.remove(filter, record.incarnation);
    this.sessions.delete(record.clientId);
    const whose = record.principal ?? record.principalDigest ?? "";
    const counted = this.counted.get(whose);
    if (counted?.delete(record) && counted.size === 0) this.counted.delete(whose);
  }

  /** Counts a session against the quota of its principal. */
  count(principal: string, record: SessionRecord): void {
    const counted = this.counted.get(principal);
    if (counted === undefined) this.counted.set(principal, new Set([record]));
    else counted.add(record);
  }

  /** What an outbox holds, oldest first, as copies. */
  readOutbox(outboxId: string, limit: number): readonly OutboxEntry[] {
    return (this.outboxes.get(outboxId)?.entries ?? []).slice(0, limit).map((entry) => ({
      outboxId,
      number: entry.number,
      message: copyOfMessage(entry.message),
      ...(entry.receivers === undefined ? {} : { receivers: entry.receivers.map(copyOfReceiver) }),
      cursor: entry.cursor,
    }));
  }

  /** Puts a message into an outbox, as a copy. */
  putOutbox(
    id: string,
    number: number,
    entry: { readonly message: Message; readonly receivers: readonly DeliveryReceiver[] | undefined; cursor: number },
    now: number,
  ): void {
    let outbox = this.outboxes.get(id);
    if (outbox === undefined) {
      this.outboxes.set(id, outbox = { id, entries: [], dueAt: Infinity, place: -1 });
      this.dueOutboxes.set(outbox, now);
    }
    outbox.entries.push({
      number,
      message: copyOfMessage(entry.message),
      receivers: entry.receivers?.map(copyOfReceiver),
      cursor: entry.cursor,
    });
  }
}

/** The guard of a session as it stands. */
export function guardOf(record: SessionRecord): Guard {
  const { clientId, incarnation, epoch, version } = record;
  return { clientId, incarnation, epoch, version };
}
