import type { DropReason, SessionChange } from "../../machine/change.ts";
import type { QoS } from "../../mqtt/qos.ts";
import { type Message, messageBytes } from "../../mqtt/message.ts";
import { makeRoom } from "../../store/room.ts";
import type {
  CommitBatch,
  Delivery,
  DeliveryReceiver,
  QueueLimits,
  ReceiverOutcome,
} from "../../store/session_store.ts";
import type { WaitingTerms } from "../../store/waiting_terms.ts";
import { copyOfMessage, copyOfReceiver, copyOfTerms } from "./copies.ts";
import { MessageLog } from "./log.ts";
import type { SessionRecord } from "./records.ts";
import type { World } from "./world.ts";

/** Where what cannot be delivered in this commit waits. */
export interface OutboxPlace {
  readonly id: string;
  /** The number of its next entry. */
  nextNumber(): number;
}

/** A sequence that gives way, and why. */
interface Leaving {
  readonly sequence: number;
  readonly reason: DropReason;
}

/** A copy on its way into a log. */
interface Coming {
  readonly bytes: number;
  readonly qos: QoS;
  readonly terms: WaitingTerms | undefined;
}

/** What gives way to a copy in a log, once changes of its session have been carried out; or why there is no room. */
function roomFor(
  record: SessionRecord,
  copy: Coming,
  limits: QueueLimits,
  changes: readonly SessionChange[] = [],
): readonly Leaving[] | DropReason {
  const { log } = record;
  const sentLimit = sentLimitAfter(record, changes);
  if (copy.terms === undefined && (log?.lastTerms ?? 0) <= sentLimit) {
    if (changes.length > 0) {
      const size = sizeAfter(record, changes);
      const fits = size.messages < limits.maximumMessages && size.bytes + copy.bytes <= limits.maximumBytes;
      // Only whether there is room at once is asked beforehand, by who may refuse.
      return fits ? [] : "queueFullNewest";
    }
    const leaving = givesWay(record, copy.bytes, copy.qos === 0, limits);
    return leaving?.map((sequence) => ({ sequence, reason: "queueFullOldest" })) ?? "queueFullNewest";
  }
  const size = sizeAfter(record, changes);
  const fits = size.messages < limits.maximumMessages && size.bytes + copy.bytes <= limits.maximumBytes;
  if (copy.terms === undefined && fits) return [];
  const removed = new Set(changes.flatMap((change) => change.type === "deleteQueued" ? [change.sequence] : []));
  const waiting = (log?.waiting(sentLimit) ?? []).filter(({ sequence }) => !removed.has(sequence));
  const room = makeRoom(limits, size, waiting, copy);
  if (!room.fits) return room.reason;
  return room.leaving.map(({ entry, reason }) => ({ sequence: entry.sequence, reason }));
}

/** The `sentLimit` of a session once changes have been carried out. */
function sentLimitAfter({ head }: SessionRecord, changes: readonly SessionChange[]): number {
  let { sentLimit } = head;
  for (const change of changes) {
    if (change.type === "putHead") sentLimit = change.head.sentLimit;
    if (change.type === "putSentLimit") sentLimit = change.sentLimit;
  }
  return sentLimit;
}

/** The sequences that give way to a message; `undefined` when there is no room to be made for it. */
function givesWay(
  record: SessionRecord,
  bytes: number,
  qos0: boolean,
  limits: QueueLimits,
): readonly number[] | undefined {
  const { log } = record;
  let messages = (log?.count ?? 0) + 1 - limits.maximumMessages;
  let over = (log?.bytes ?? 0) + bytes - limits.maximumBytes;
  if (messages <= 0 && over <= 0) return [];
  if (log === undefined || limits.whenFull !== "dropOldest") return undefined;
  const leaving: number[] = [];
  // A QoS 0 message never displaces one that was promised.
  for (const kind of qos0 ? [true] : [true, false]) {
    for (const slot of log.candidates(record.head.sentLimit, kind)) {
      leaving.push(slot.sequence);
      messages -= 1;
      over -= slot.bytes;
      if (messages <= 0 && over <= 0) return leaving;
    }
  }
  return undefined;
}

/**
 * Whether D11 refuses the batch: a queue is full, and nobody takes any of its messages. Asked before anything is
 * changed, so what the batch does to its own session first is reckoned with.
 */
export function nobodyTakes(world: World, batch: CommitBatch, own: SessionRecord | undefined): boolean {
  if (batch.limits.whenFull !== "reject" || batch.behindOutbox === true || batch.outbox !== undefined) return false;
  const isEnding = batch.changes.some(({ type }) => type === "endSession");
  let isFull = false;
  for (const { message, terms, receivers } of batch.deliveries) {
    if (receivers === undefined || receivers.length > world.capabilities.maxReceiversPerCommit) return false;
    const bytes = messageBytes(message);
    for (const receiver of receivers) {
      const record = receiverOf(world, receiver);
      if (record === undefined || (record === own && isEnding)) continue;
      if (receiver.onlyIfOwned === true && !isOwnedAfter(record, record === own ? batch.changes : [])) continue;
      const copy = { bytes, qos: receiver.qos, terms };
      if (typeof roomFor(record, copy, batch.limits, record === own ? batch.changes : []) !== "string") return false;
      isFull = true;
    }
  }
  return isFull;
}

interface LogSize {
  readonly messages: number;
  readonly bytes: number;
}

function sizeOf({ log }: SessionRecord): LogSize {
  return { messages: log?.count ?? 0, bytes: log?.bytes ?? 0 };
}

/** The size of a log once changes have been carried out. */
function sizeAfter(record: SessionRecord, changes: readonly SessionChange[]): LogSize {
  let { messages, bytes } = sizeOf(record);
  const removed = new Set(changes.flatMap((change) => change.type === "deleteQueued" ? [change.sequence] : []));
  for (const sequence of removed) {
    const freed = record.log?.bytesOf(sequence);
    if (freed === undefined) continue;
    messages -= 1;
    bytes -= freed;
  }
  return { messages, bytes };
}

/** Whether a session has an owner once changes have been carried out: they may let it go, never take it. */
function isOwnedAfter({ owner, head }: SessionRecord, changes: readonly SessionChange[]): boolean {
  const last = changes.findLast((change) => change.type === "putHead")?.head ?? head;
  return owner !== undefined && last.attached;
}

/** Appends deliveries to the logs of their receivers; what waits behind others goes to the outbox, in order. */
export function deliver(
  world: World,
  batch: CommitBatch,
  outbox: OutboxPlace,
  ownNode: string | undefined,
): readonly (readonly ReceiverOutcome[])[] {
  let room = world.capabilities.maxReceiversPerCommit;
  let isBehind = batch.behindOutbox === true;
  return batch.deliveries.map((delivery) => {
    const { receivers } = delivery;
    const served = isBehind || receivers === undefined ? 0 : Math.min(room, receivers.length);
    room -= served;
    const outcomes = append(world, delivery, served, batch.limits, ownNode);
    if (receivers === undefined || served < receivers.length) {
      // From here on the order of the publisher is kept by the outbox.
      isBehind = true;
      const { message } = delivery;
      world.putOutbox(outbox.id, outbox.nextNumber(), { message, receivers, cursor: served }, batch.now);
    }
    for (const { clientId, incarnation } of receivers?.slice(served) ?? []) {
      outcomes.push({ outcome: "owed", clientId, incarnation });
    }
    return outcomes;
  });
}

function append(
  world: World,
  delivery: Delivery,
  served: number,
  limits: QueueLimits,
  ownNode: string | undefined,
): ReceiverOutcome[] {
  if (served === 0) return [];
  // One copy for all logs: they never change it, and hand out copies.
  const message = copyOfMessage(delivery.message);
  const { terms, receivers = [] } = delivery;
  return receivers.slice(0, served).map((receiver) => appendTo(world, { message, terms }, receiver, limits, ownNode));
}

function appendTo(
  world: World,
  { message, terms }: { readonly message: Message; readonly terms: WaitingTerms | undefined },
  receiver: DeliveryReceiver,
  limits: QueueLimits,
  ownNode: string | undefined,
): ReceiverOutcome {
  const { clientId, incarnation } = receiver;
  const record = receiverOf(world, receiver);
  if (record === undefined) return { outcome: "ended", clientId, incarnation };
  const drop = (reason: DropReason): ReceiverOutcome => {
    world.countDrop(record, reason);
    return { outcome: "dropped", clientId, incarnation, reason };
  };
  if (receiver.onlyIfOwned === true && record.owner === undefined) return drop("notConnected");
  if (!isOwnedAsAsked(record, receiver)) return drop("notConnected");
  const leaving = roomFor(record, { bytes: messageBytes(message), qos: receiver.qos, terms }, limits);
  if (typeof leaving === "string") return drop(leaving);
  for (const { sequence, reason } of leaving) {
    record.log?.remove(sequence);
    world.countDrop(record, reason);
  }
  const kept = terms && copyOfTerms(terms);
  const sequence = (record.log ??= new MessageLog()).append(message, copyOfReceiver(receiver), kept);
  const ownerNode = record.owner?.nodeId;
  // The node that commits reads the outcomes; only another one must be told.
  if (ownerNode !== undefined && ownerNode !== ownNode) world.doorbells.ring(ownerNode, clientId);
  return {
    outcome: "appended",
    clientId,
    incarnation,
    sequence,
    ...(ownerNode === undefined ? {} : { ownerNode }),
    ...(leaving.length === 0 ? {} : { dropped: leaving.map(({ reason }) => reason) }),
  };
}

function isOwnedAsAsked({ owner }: SessionRecord, { ownedBy }: DeliveryReceiver): boolean {
  return ownedBy === undefined || owner?.token === ownedBy;
}

/** Whether all that a batch moves is there, and is taken: asked before anything is changed. */
export function canMove(world: World, batch: CommitBatch, own: SessionRecord | undefined): boolean {
  const deleted = batch.changes.flatMap((change) => change.type === "deleteQueued" ? [change.sequence] : []);
  if (deleted.some((sequence) => own?.log?.bytesOf(sequence) === undefined)) return false;
  let room = world.capabilities.maxReceiversPerCommit;
  const sizes = new Map<SessionRecord, { messages: number; bytes: number }>();
  const { maximumMessages, maximumBytes } = batch.limits;
  return batch.deliveries.every(({ message, receivers }) =>
    receivers?.every((receiver) => {
      const record = receiverOf(world, receiver);
      if (record === undefined || --room < 0 || !isOwnedAsAsked(record, receiver)) return false;
      if (receiver.onlyIfOwned === true && record.owner === undefined) return false;
      const size = sizes.get(record) ?? { ...sizeOf(record) };
      sizes.set(record, size);
      size.messages += 1;
      size.bytes += messageBytes(message);
      return size.messages <= maximumMessages && size.bytes <= maximumBytes;
    })
  );
}

function receiverOf(world: World, receiver: DeliveryReceiver): SessionRecord | undefined {
  const record = world.sessions.get(receiver.clientId);
  return record?.incarnation === receiver.incarnation ? record : undefined;
}
