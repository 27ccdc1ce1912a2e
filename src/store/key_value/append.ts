/** Appending a message to one log: within its limits, behind its gate, and with word to its owner. */
import type { DropReason } from "../../machine/change.ts";
import { type Message, messageBytes } from "../../mqtt/message.ts";
import { countDrop } from "../records/drops.ts";
import { termsBytes } from "../records/terms.ts";
import { makeRoom } from "../room.ts";
import type { Delivery, DeliveryReceiver, QueueLimits, ReceiverOutcome } from "../session_store.ts";
import type { LoggedTerms, WaitingTerms } from "../waiting_terms.ts";
import type { ChunkRef } from "./chunk_ref.ts";
import { removeChunks } from "./chunks.ts";
import { encodeGate, type GateRecord, ownerOf, queueSize } from "./gate.ts";
import type { HeadRecord } from "./head.ts";
import { type Layout, ROW } from "./layout.ts";
import type { Plan } from "./plan.ts";
import { encodeBody, encodeQueueRow, frameBody, stagedPrefix } from "./queue_row.ts";
import { ring } from "./rings.ts";
import type { Staging } from "./staging.ts";
import type { WaitingEntry, World } from "./world.ts";

/** A message on its way into logs, encoded once for all of them. */
export interface OutgoingMessage {
  readonly message: Message;
  readonly terms: WaitingTerms | undefined;
  readonly body: Uint8Array;
  readonly bytes: number;
}

/** Encodes what all copies share. */
export function outgoing({ message, terms }: Pick<Delivery, "message" | "terms">): OutgoingMessage {
  return { message, terms, body: encodeBody(message), bytes: messageBytes(message) };
}

/** Where and how messages are appended. */
export interface Appending {
  readonly layout: Layout;
  readonly world: World;
  readonly plan: Plan;
  readonly staging: Staging;
  readonly limits: QueueLimits;
  readonly valueBytes: number;
  /** Hears of a row that is planned. */
  readonly onRow?: (receiver: DeliveryReceiver, sequence: number, body: ChunkRef | undefined) => void;
  /** The node that appends, where it is known: it needs no doorbell. */
  readonly ownNode: string | undefined;
  readonly now: number;
}

/** Appends one copy, or says why not. `handle` names it among all copies of a call. */
export function append(
  work: Appending,
  outgoing: OutgoingMessage,
  receiver: DeliveryReceiver,
  handle: string,
): ReceiverOutcome {
  const { layout, world, plan } = work;
  const { clientId, incarnation } = receiver;
  const gateKey = layout.gate(clientId);
  const gate = world.gates.get(gateKey);
  if (gate === "unreadable") return { outcome: "dropped", clientId, incarnation, reason: "unreadable" };
  if (gate === undefined || gate.incarnation !== incarnation) return { outcome: "ended", clientId, incarnation };
  const headKey = layout.head(clientId);
  const stored = world.heads.get(headKey);
  const head = stored?.incarnation === incarnation ? stored : undefined;
  const ownerNode = ownerOf(gate, head);

  const putGate = (next: GateRecord): void => {
    world.gates.set(gateKey, next);
    plan.check(gateKey, world.versionOf(gateKey));
    plan.set(gateKey, encodeGate(next));
  };
  const drop = (reason: DropReason): ReceiverOutcome => {
    putGate({ ...gate, drops: countDrop(gate.drops, reason) });
    return { outcome: "dropped", clientId, incarnation, reason };
  };

  if (receiver.onlyIfOwned && ownerNode === undefined) return drop("notConnected");
  if (receiver.ownedBy !== undefined) {
    // That it is owned by this very connection has to hold when the commit is made.
    plan.check(headKey, world.versionOf(headKey));
    if (head?.session.attached !== true || head.owner.token !== receiver.ownedBy) return drop("notConnected");
  }
  const waiting = world.waiting.get(gateKey);
  const { bytes, terms } = outgoing;
  const room = makeRoom(work.limits, queueSize(gate, head), droppable(waiting, head), {
    bytes,
    qos: receiver.qos,
    terms,
  });
  // Whoever drops must know what was started and removed: the head has to be the one that was read.
  if (!(room.fits && room.leaving.length === 0) && head !== undefined) plan.check(headKey, world.versionOf(headKey));
  if (!room.fits) return drop(room.reason);
  const { leaving } = room;

  const rows = layout.rows(clientId, incarnation);
  const sequence = gate.tail + 1;
  let next: GateRecord = {
    ...gate,
    tail: sequence,
    appendedBytes: gate.appendedBytes + outgoing.bytes,
    lastQos0: receiver.qos === 0 ? sequence : gate.lastQos0,
    ...(terms === undefined ? {} : { lastTerms: sequence }),
  };
  for (const { entry: victim, reason } of leaving) {
    const key = ROW.queued(rows, victim.sequence);
    world.dropped.set(key, true);
    plan.delete(key);
    if (victim.body !== undefined) {
      const prefix = stagedPrefix(rows, victim.body);
      removeChunks(plan, layout, { owner: incarnation, prefix, ref: victim.body, now: work.now });
    }
    next = {
      ...next,
      droppedMessages: next.droppedMessages + 1,
      droppedBytes: next.droppedBytes + victim.bytes,
      drops: countDrop(next.drops, reason),
    };
  }
  putGate(next);
  const body = putRow(work, outgoing, receiver, { rows, sequence, handle });
  work.onRow?.(receiver, sequence, body);
  if (waiting !== undefined) {
    const left = waiting.filter((entry) => !leaving.some((each) => each.entry === entry));
    world.waiting.set(gateKey, [...left, { sequence, qos: receiver.qos, bytes, terms, body }]);
  }
  if (ownerNode !== undefined && ownerNode !== work.ownNode) {
    ring(plan, layout, ownerNode, clientId);
  }
  return {
    outcome: "appended",
    clientId,
    incarnation,
    sequence,
    ...(ownerNode === undefined ? {} : { ownerNode }),
    ...(leaving.length === 0 ? {} : { dropped: leaving.map(({ reason }) => reason) }),
  };
}

/** Writes the row: the message in it, or staged beside it when a value cannot hold it. */
export function putRow(
  work: Pick<Appending, "plan" | "staging" | "valueBytes">,
  outgoing: Omit<OutgoingMessage, "terms"> & { readonly terms: LoggedTerms | undefined },
  receiver: DeliveryReceiver,
  place: { readonly rows: string; readonly sequence: number; readonly handle: string },
): WaitingEntry["body"] {
  const { bytes, terms } = outgoing;
  const header = { ...receiver, bytes, terms };
  const key = ROW.queued(place.rows, place.sequence);
  // Identifiers take four bytes at most, and the header has few other fields.
  const { claimed } = receiver;
  const claimBytes = claimed === undefined ? 0 : 16 + 3 * (claimed.clientId.length + claimed.incarnation.length);
  const headerBytes = 32 + receiver.subscriptionIdentifiers.length * 4 + claimBytes + termsBytes(terms);
  if (outgoing.body.length + headerBytes <= work.valueBytes) {
    work.plan.set(key, encodeQueueRow(header, outgoing.body));
    return undefined;
  }
  const staged = work.staging.stage(place.handle, {
    owner: receiver.incarnation,
    value: () => frameBody(outgoing.body),
    prefix: (id) => stagedPrefix(place.rows, { id }),
  });
  work.plan.stage(staged);
  work.plan.set(key, encodeQueueRow(header, staged.ref));
  return staged.ref;
}

/** What may give way; nothing where it is not known what was started. */
function droppable(waiting: readonly WaitingEntry[] = [], head: HeadRecord | undefined): readonly WaitingEntry[] {
  if (head === undefined) return [];
  const { sentLimit } = head.session;
  return waiting.filter(({ sequence }) => sequence > sentLimit);
}
