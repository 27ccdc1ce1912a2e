/**
 * How a connection ends and what it leaves: carries out the rows of {@linkcode ENDING_TABLE}.
 */
import * as REASON from "../../mqtt/reason.ts";
import { isLegalReasonCode } from "../../mqtt/reason_code.ts";
import type { EndReason } from "../change.ts";
import type { Output } from "../output.ts";
import type { SessionHead } from "../snapshot.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { detachedHead, type Ending, ENDING_TABLE, type EndingRow, expiryNumbers } from "./lifecycle.ts";
import { dropHeld, send } from "./send.ts";
import { willMessage } from "./will.ts";

/** Closes a connection that was owed a packet which it cannot take; nothing of the same step is sent without it. */
export function closeUnsendable(state: SessionState, out: Output, now: number): void {
  if (state.connection?.hasUnsendable !== true || state.connection.phase === "closed") return;
  const kept = out.effects.filter((effect) => effect.type !== "sendPacket");
  out.effects.splice(0, out.effects.length, ...kept);
  const ending = { reasonCode: REASON.packetTooLarge, now, tellsPeer: false };
  endConnection(state, out, ENDING_TABLE.attached.connectionLost, ending);
}

/** Ends a connection for a fault of the peer, or because the host wants it: row S12, or S1 before CONNACK. */
export function closeWith(state: SessionState, out: Output, reasonCode: number, now: number): void {
  endConnection(state, out, ENDING_TABLE.attached.connectionLost, { reasonCode, now, tellsPeer: true });
}

/** Closes the connection, if it is open, and lets the row decide what becomes of the session. */
export function endConnection(state: SessionState, out: Output, row: EndingRow, ending: Ending): void {
  const connection = state.connection;
  if (connection === undefined || connection.phase === "closed") return;
  if (state.ofClient !== undefined) return state.ofClient.end(state, connection, out, ending);
  if (connection.phase === "acquiring") {
    if (connection.lostWhileAcquiring) return;
    // The store may be giving this connection the session right now: what comes back is let go again at once.
    connection.lostWhileAcquiring = true;
    out.effects.push({ type: "closeConnection", reasonCode: ending.reasonCode });
    return;
  }
  const wasOnline = connection.phase === "online" || connection.phase === "asleep";
  connection.phase = "closed";
  if (wasOnline) endSession(state, out, row, ending);
  dropHeld(connection, out);
  const tells = ending.tellsPeer && wasOnline && connection.version === 5 &&
    isLegalReasonCode("disconnect", "server", ending.reasonCode);
  if (tells) {
    const { reasonCode, reasonString, serverReference } = ending;
    send(connection, out, {
      type: "disconnect",
      reasonCode,
      ...(reasonString === undefined ? {} : { reasonString }),
      ...(serverReference === undefined ? {} : { serverReference }),
    });
  }
  out.effects.push({ type: "closeConnection", reasonCode: ending.reasonCode });
}

/** Moves the durable part as a row says: Will, interval, head, or the end of the session. */
export function endSession(state: SessionState, out: Output, row: EndingRow, ending: Ending): void {
  const durable = state.durable;
  if (durable === undefined) return;
  if (row.next === "lost") {
    state.durable = undefined;
    return;
  }
  if (row.will === "delete" && durable.will !== undefined) deleteWill(durable, out);
  if (row.next === "absent") {
    discard(state, durable, out, "administrative", ending.now);
    return;
  }
  const interval = row.appliesInterval ? ending.sessionExpiryInterval : undefined;
  const left = detachedHead(exactHead(state, durable, interval), ending.now, ending.reasonCode);
  settle(state, durable, out, left, ending.now, ending.reasonCode);
}

/**
 * Carries out what is due of a session that no connection owns (S13, S14, S18), given the head that it has by now.
 *
 * `reasonCode` is that of the ending which led here; `undefined` when only time has passed.
 */
export function settle(
  state: SessionState,
  durable: DurableState,
  out: Output,
  head: SessionHead,
  now: number,
  reasonCode: number | undefined,
): void {
  if (head.endsAt !== undefined && head.endsAt <= now) {
    const reason: EndReason = head.endsAfterMs === 0 && reasonCode !== undefined ? "disconnected" : "expired";
    discard(state, durable, out, reason, now);
    return;
  }
  let settled = head;
  if (head.willDueAt !== undefined && head.willDueAt <= now) {
    publishWill(durable, out, now);
    const { willDueAt: _due, willAfterMs: _after, ...rest } = head;
    settled = rest;
  }
  if (settled === durable.head) return;
  durable.head = settled;
  out.changes.push({ type: "putHead", head: settled });
}

/** Ends the session: its Will first if one is left, then all of it (the helper `end` of the reference). */
function discard(state: SessionState, durable: DurableState, out: Output, reason: EndReason, now: number): void {
  publishWill(durable, out, now);
  state.durable = undefined;
  out.changes.push({ type: "endSession", reason });
  out.effects.push({ type: "sessionEnded", reason });
}

function publishWill(durable: DurableState, out: Output, now: number): void {
  if (durable.will === undefined) return;
  out.changes.push({ type: "publishMessage", message: willMessage(durable.will, durable.clientId, now) });
  durable.will = undefined;
  out.changes.push({ type: "deleteWill" });
}

function deleteWill(durable: DurableState, out: Output): void {
  durable.will = undefined;
  const { willAfterMs: _after, ...rest } = durable.head;
  durable.head = rest;
  out.changes.push({ type: "deleteWill" });
}

/** The head with the exact `sentLimit`, now that nothing more will be sent, and with a DISCONNECT's interval. */
function exactHead(state: SessionState, durable: DurableState, interval: number | undefined): SessionHead {
  const connection = state.connection;
  const sentLimit = connection === undefined ? durable.head.sentLimit : connection.lastStarted;
  if (interval === undefined) return { ...durable.head, sentLimit };
  const { endsAt: _at, endsAfterMs: _after, ...rest } = durable.head;
  return { ...rest, sentLimit, sessionExpiryInterval: interval, ...expiryNumbers(interval) };
}
