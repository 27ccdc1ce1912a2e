/**
 * What is remembered of started deliveries: how far sending may go before the next commit, identifiers that cannot be
 * derived again, and identifiers out of circulation (D3).
 */
import { messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import { packetIdOf } from "../../mqtt/packet_id.ts";
import type { DropReason } from "../change.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import type { OutboundState } from "../state/window.ts";

/** Takes an identifier out of circulation: the peer may still hold it (CL-05, ID-14). */
export function quarantine(durable: DurableState, packetId: number, out: Output): void {
  durable.quarantine.add(packetId);
  out.changes.push({ type: "putQuarantine", packetId });
}

/** Keeps the stored limit ahead of what is sent, in commits that are made anyway (D3). */
export function advanceSentLimit(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  out: Output,
): void {
  const ahead = durable.head.sentLimit - connection.lastStarted;
  if (ahead * 2 >= sendAhead(state, connection)) return;
  putSentLimit(durable, connection.lastStarted + sendAhead(state, connection), out);
}

/** How far beyond the last started entry the stored limit is kept: no further than the window can reach. */
export function sendAhead(state: SessionState, connection: ConnectionState): number {
  return Math.max(1, Math.min(state.limits.sendAhead, connection.sendQuota));
}

/** Stores how far entries count as started. */
export function putSentLimit(durable: DurableState, sentLimit: number, out: Output): void {
  durable.head = { ...durable.head, sentLimit };
  out.changes.push({ type: "putSentLimit", sentLimit });
}

/** Takes an entry into the window; an identifier that cannot be derived again is stored with it (D3). */
export function launch(
  connection: ConnectionState,
  durable: DurableState,
  message: QueuedMessage,
  packetId: number,
  isMarked: boolean,
  next: OutboundState,
  out: Output,
): void {
  const { sequence, qos } = message;
  const needsMark = !isMarked && packetId !== packetIdOf(sequence);
  if (needsMark) {
    const mark = { packetId, phase: "sent", pubrecOrder: 0 } as const;
    durable.outbound.set(sequence, mark);
    out.changes.push({ type: "putOutboundMark", sequence, mark });
  }
  const bytes = messageBytes(message);
  connection.window.add({ sequence, packetId, qos, bytes, state: next, spent: true, marked: isMarked || needsMark });
  if (sequence > connection.lastStarted) connection.lastStarted = sequence;
}

/** A message that is lost to this session: it leaves the log, counted under its reason. */
export function lose(durable: DurableState, message: QueuedMessage, reason: DropReason, out: Output): void {
  const { sequence, topic } = message;
  if (durable.outbound.get(sequence)?.phase === "sent") durable.outbound.delete(sequence);
  out.changes.push({ type: "deleteQueued", sequence, bytes: messageBytes(message), dropped: reason });
  out.effects.push({ type: "messageDropped", reason, topic, sequence });
}
