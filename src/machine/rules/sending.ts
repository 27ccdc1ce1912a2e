/**
 * Sends what may be sent, in order: PUBREL of released entries, then resends, then what was never started.
 */
import { hasExpired, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import { packetIdOf } from "../../mqtt/packet_id.ts";
import * as REASON from "../../mqtt/reason.ts";
import type { Output } from "../output.ts";
import type { ConnectionState, HeldMessage } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { publishPacket, tooLarge } from "./delivery_packet.ts";
import { closeWith } from "./ending.ts";
import { mayPublish } from "./flow.ts";
import { OUTBOUND_TABLE, type OutboundRow } from "./outbound.ts";
import { leavePage, loadMore } from "./page.ts";
import { dropHeld, send } from "./send.ts";
import { launch, lose, putSentLimit, quarantine, sendAhead } from "./started.ts";

/**
 * Resends the released entries: PUBREL in the order in which their PUBRECs came (O16). They cost no quota, so all go at
 * once and first.
 */
export function resumeReleased(connection: ConnectionState, durable: DurableState, out: Output): void {
  const released = [...durable.outbound.entries].filter(([, mark]) => mark.phase === "released");
  released.sort(([, a], [, b]) => a.pubrecOrder - b.pubrecOrder);
  for (const [sequence, mark] of released) {
    const packetId = mark.packetId;
    connection.window.add({
      sequence,
      packetId,
      qos: 2,
      bytes: 0,
      state: OUTBOUND_TABLE.awaitPubcomp.resume.next,
      spent: false,
      marked: true,
    });
    connection.pubrecOrder = mark.pubrecOrder + 1;
    send(connection, out, { type: "pubrel", packetId, reasonCode: REASON.success });
  }
}

/** Sends what may be sent, in order: resends first, then what was never started; then asks for more of the log. */
export function drain(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  out: Output,
  now: number,
): void {
  if (connection.phase !== "online") return;
  while (connection.pageStart < connection.page.length) {
    // pageStart is below the length, and a page has no holes.
    const message = connection.page[connection.pageStart] as QueuedMessage;
    if (message.sequence <= connection.lostThrough) {
      lose(durable, message, "sessionLost", out);
      leavePage(connection, message);
      continue;
    }
    if (message.qos === 0) sendHeld(state, connection, out, now);
    const moved = message.sequence <= connection.startedThrough
      ? resend(state, connection, durable, message, out, now)
      : start(state, connection, durable, message, out, now);
    if (connection.phase !== "online") return;
    if (!moved) break;
    leavePage(connection, message);
  }
  sendHeld(state, connection, out, now);
  loadMore(connection, state.limits, out);
}

/** An entry that an earlier connection started: O15, O17, O18. Answers whether it has left the page. */
function resend(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  message: QueuedMessage,
  out: Output,
  now: number,
): boolean {
  const { sequence, qos } = message;
  if (qos === 0) {
    lose(durable, message, "atMostOnce", out);
    return true;
  }
  const mark = durable.outbound.get(sequence);
  // Its PUBREC came, and the row outlived it: what is owed is the PUBREL that went out already.
  if (mark?.phase === "released") {
    out.changes.push({ type: "deleteQueued", sequence, bytes: messageBytes(message) });
    return true;
  }
  const table = qos === 1 ? OUTBOUND_TABLE.awaitPuback : OUTBOUND_TABLE.awaitPubrec;
  if (isUnsupported(connection, message)) {
    // The server may hold the identifier of a QoS 2 message, as where it became too large.
    if (qos === 2) quarantine(durable, mark?.packetId ?? packetIdOf(sequence), out);
    lose(durable, message, "notSupported", out);
    return true;
  }
  if (tooLarge(connection, message)) {
    if (state.policy.oversizedInFlight === "close") {
      closeWith(state, out, REASON.packetTooLarge, now);
      return false;
    }
    const row: OutboundRow = table.resumeTooLarge;
    if (row.quarantines === "always") quarantine(durable, mark?.packetId ?? packetIdOf(sequence), out);
    lose(durable, message, "tooLarge", out);
    return true;
  }
  if (!mayPublish(connection, state.policy)) return false;
  const packetId = mark?.packetId ?? connection.window.packetIdFor(sequence, durable.quarantine);
  if (packetId === undefined) return false;
  launch(connection, durable, message, packetId, mark !== undefined, table.resume.next, out);
  send(connection, out, publishPacket(state.policy, connection, message, packetId, true, now));
  return true;
}

/** An entry that was never started: O1 to O5. Answers whether it has left the page. */
function start(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  message: QueuedMessage,
  out: Output,
  now: number,
): boolean {
  if (hasExpired(message, now)) {
    lose(durable, message, OUTBOUND_TABLE.queued.drainExpired.tells, out);
    return true;
  }
  if (tooLarge(connection, message)) {
    lose(durable, message, OUTBOUND_TABLE.queued.drainTooLarge.tells, out);
    return true;
  }
  if (isUnsupported(connection, message)) {
    lose(durable, message, "notSupported", out);
    return true;
  }
  const { sequence, qos } = message;
  if (connection.withheld.delete(sequence)) {
    lose(durable, message, "notAuthorized", out);
    return true;
  }
  if (qos === 0) {
    out.changes.push({ type: "deleteQueued", sequence, bytes: messageBytes(message) });
    send(connection, out, publishPacket(state.policy, connection, message, undefined, false, now));
    return true;
  }
  if (!mayPublish(connection, state.policy)) return false;
  const packetId = connection.window.packetIdFor(sequence, durable.quarantine);
  if (packetId === undefined) return false;
  const row = qos === 1 ? OUTBOUND_TABLE.queued.drainQoS1 : OUTBOUND_TABLE.queued.drainQoS2;
  launch(connection, durable, message, packetId, false, row.next, out);
  if (sequence > durable.head.sentLimit) putSentLimit(durable, sequence + sendAhead(state, connection), out);
  send(connection, out, publishPacket(state.policy, connection, message, packetId, false, now));
  return true;
}

/** Whether the server has said that it does not take such a message (CL-12, CL-14, policy P9). */
export function isUnsupported(
  { peer }: ConnectionState,
  { qos, retain }: Pick<QueuedMessage, "qos" | "retain">,
): boolean {
  return qos > peer.maximumQoS || (retain && !peer.retainAvailable);
}

/**
 * Takes a QoS 0 copy for a connected session. It overtakes no QoS 0 message that was queued before it (D10), and is
 * overtaken by none queued after it: behind the former it waits; when too many wait, it is lost.
 */
export function offerQos0(
  state: SessionState,
  connection: ConnectionState,
  message: QueuedMessage,
  out: Output,
  now: number,
): void {
  if (connection.held.length >= state.limits.pageMessages) {
    out.effects.push({ type: "messageDropped", reason: "atMostOnce", topic: message.topic });
    return;
  }
  connection.held.push({ message, after: connection.tail });
  sendHeld(state, connection, out, now);
  // Where nothing is remembered it would be lost without a word.
  if (connection.sleeps) dropHeld(connection, out);
}

function sendHeld(state: SessionState, connection: ConnectionState, out: Output, now: number): void {
  for (let first = connection.held[0]; first !== undefined; first = connection.held[0]) {
    if (mustWait(connection, first)) return;
    connection.held.shift();
    const { message } = first;
    if (hasExpired(message, now)) {
      out.effects.push({ type: "messageDropped", reason: "expired", topic: message.topic });
    } else if (tooLarge(connection, message)) {
      out.effects.push({ type: "messageDropped", reason: "tooLarge", topic: message.topic });
    } else {
      send(connection, out, publishPacket(state.policy, connection, message, undefined, false, now));
    }
  }
}

/** Whether a QoS 0 message that was queued before it has yet to be sent, or may stand in what was not read. */
function mustWait(connection: ConnectionState, { after }: HeldMessage): boolean {
  if (connection.cursor < after) return true;
  if (connection.pageQos0 === 0) return false;
  for (let index = connection.pageStart; index < connection.page.length; index++) {
    // The index is below the length, and a page has no holes.
    const { sequence, qos } = connection.page[index] as QueuedMessage;
    if (sequence > after) return false;
    if (qos === 0) return true;
  }
  return false;
}
