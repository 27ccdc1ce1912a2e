/**
 * The gate: where a log is appended to. Anybody may write it, so it is apart from the head, which only the owner writes.
 */
import { decodeRecord, RECORD_KIND, recordWriter } from "../encoding.ts";
import { type Drops, readDrops, writeDrops } from "../records/drops.ts";
import type { HeadRecord } from "./head.ts";

/** The gate of a log. */
export interface GateRecord {
  readonly incarnation: string;
  /** The epoch and node of the latest acquire, which writes the gate so that whoever appends learns of it. */
  readonly epoch: number;
  readonly ownerNode: string;
  /** The highest sequence, which is also how many messages were ever appended. */
  readonly tail: number;
  /** What they counted for. */
  readonly appendedBytes: number;
  /** Messages that appenders took out again, and what they counted for. */
  readonly droppedMessages: number;
  readonly droppedBytes: number;
  /** The highest sequence of a message with QoS 0; 0 when there was none. */
  readonly lastQos0: number;
  /** The highest sequence of a message that came with terms; absent when there was none. */
  readonly lastTerms?: number;
  /** Lost messages, those that were never appended among them. */
  readonly drops: Drops;
}

/** How much a log holds. */
export interface QueueSize {
  readonly messages: number;
  readonly bytes: number;
}

/** The gate of a log that nothing was appended to. */
export function emptyGate(incarnation: string, epoch: number, ownerNode: string): GateRecord {
  return {
    incarnation,
    epoch,
    ownerNode,
    tail: 0,
    appendedBytes: 0,
    droppedMessages: 0,
    droppedBytes: 0,
    lastQos0: 0,
    drops: {},
  };
}

/** How much a log holds: what was appended, less what appenders and the owner took out. */
export function queueSize(gate: GateRecord, head: HeadRecord | undefined): QueueSize {
  const removed = head?.incarnation === gate.incarnation ? head : { removedMessages: 0, removedBytes: 0 };
  return {
    messages: gate.tail - gate.droppedMessages - removed.removedMessages,
    bytes: gate.appendedBytes - gate.droppedBytes - removed.removedBytes,
  };
}

/**
 * The node that owns a session. Gate and head are not read in one step: a head from before the gate's epoch is older,
 * and then the gate knows better. An acquire writes both, so an append that builds on this gate cannot miss it.
 */
export function ownerOf(gate: GateRecord, head: HeadRecord | undefined): string | undefined {
  if (head === undefined || head.incarnation !== gate.incarnation || head.epoch < gate.epoch) return gate.ownerNode;
  return head.session.attached ? head.owner.nodeId : undefined;
}

/** Writes a gate. */
export function encodeGate(gate: GateRecord): Uint8Array {
  const { lastTerms } = gate;
  const writer = recordWriter(lastTerms === undefined ? RECORD_KIND.gate : RECORD_KIND.gateWithTerms);
  writer.text(gate.incarnation).number(gate.epoch).text(gate.ownerNode).number(gate.tail);
  writer.number(gate.appendedBytes).number(gate.droppedMessages).number(gate.droppedBytes).number(gate.lastQos0);
  if (lastTerms !== undefined) writer.number(lastTerms);
  writeDrops(writer, gate.drops);
  return writer.finish();
}

/** Reads a gate. */
export function decodeGate(key: string, bytes: Uint8Array): GateRecord {
  // A log that nothing came to under terms has a gate of the form from before there were any.
  const hasTerms = bytes[1] === RECORD_KIND.gateWithTerms;
  const kind = hasTerms ? RECORD_KIND.gateWithTerms : RECORD_KIND.gate;
  return decodeRecord(key, bytes, kind, (reader) => ({
    incarnation: reader.text(),
    epoch: reader.count(),
    ownerNode: reader.text(),
    tail: reader.count(),
    appendedBytes: reader.count(),
    droppedMessages: reader.count(),
    droppedBytes: reader.count(),
    lastQos0: reader.count(),
    ...(hasTerms ? { lastTerms: reader.count() } : {}),
    drops: readDrops(reader),
  }));
}
