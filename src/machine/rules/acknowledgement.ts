/**
 * What PUBACK, PUBREC and PUBCOMP do to a delivery in flight, as {@linkcode OUTBOUND_TABLE} says.
 */
import type { PublishResponse } from "../../mqtt/packet.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import * as REASON from "../../mqtt/reason.ts";
import { isFailure, isLegalReasonCode } from "../../mqtt/reason_code.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";
import { type DurableState, peerOf, type SessionState } from "../state/session.ts";
import type { InFlight } from "../state/window.ts";
import { closeWith } from "./ending.ts";
import { send } from "./send.ts";
import { OUTBOUND_TABLE, type OutboundEvent, type OutboundRow } from "./outbound.ts";
import { drain } from "./sending.ts";
import { advanceSentLimit, quarantine } from "./started.ts";

type Acknowledgement = PublishResponse<"puback" | "pubrec" | "pubcomp">;

/** Takes a PUBACK, PUBREC or PUBCOMP in, then sends what it made room for. */
export function acknowledge(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: Acknowledgement,
  out: Output,
  now: number,
): void {
  if (!isPacketId(packet.packetId) || !isLegalReasonCode(packet.type, peerOf(state), packet.reasonCode)) {
    return closeWith(state, out, REASON.protocolError, now);
  }
  const entry = connection.window.get(packet.packetId);
  const rows: Partial<Record<OutboundEvent, OutboundRow>> = OUTBOUND_TABLE[entry?.state ?? "none"];
  const row = rows[eventOf(packet)];
  if (row === undefined) return closeWith(state, out, REASON.protocolError, now);
  if (entry === undefined) {
    const { packetId, reasonCode } = packet;
    out.effects.push({ type: "diagnosed", diagnosis: "unknownPacketIdentifier", packetId, reasonCode });
  } else if (row.next === "done") {
    finish(state, connection, durable, entry, row, packet.reasonCode, out);
  } else if (entry.state === "awaitPubrec") {
    release(connection, durable, entry, out);
  }
  if (row.sends !== undefined) {
    const unknown = row.sends === "pubrelNotFound" && connection.version === 5;
    const reasonCode = unknown ? REASON.packetIdentifierNotFound : REASON.success;
    send(connection, out, { type: "pubrel", packetId: packet.packetId, reasonCode });
  }
  if (row.next === "done") drain(state, connection, durable, out, now);
}

function eventOf(packet: Acknowledgement): OutboundEvent {
  // PUBCOMP ends its exchange whatever its code (OB-13).
  if (packet.type === "pubcomp") return "pubcomp";
  if (packet.type === "puback") return isFailure(packet.reasonCode) ? "pubackFailure" : "puback";
  return isFailure(packet.reasonCode) ? "pubrecFailure" : "pubrec";
}

/** PUBREC came: the payload is needed no more, the identifier still is (OB-19). */
function release(connection: ConnectionState, durable: DurableState, entry: InFlight, out: Output): void {
  entry.state = "awaitPubcomp";
  const mark = { packetId: entry.packetId, phase: "released", pubrecOrder: connection.pubrecOrder++ } as const;
  durable.outbound.set(entry.sequence, mark);
  out.changes.push({ type: "putOutboundMark", sequence: entry.sequence, mark });
  out.changes.push({ type: "deleteQueued", sequence: entry.sequence, bytes: entry.bytes });
}

function finish(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  entry: InFlight,
  row: OutboundRow,
  reasonCode: number,
  out: Output,
): void {
  connection.window.remove(entry);
  if (entry.state === "awaitPubcomp") {
    durable.outbound.delete(entry.sequence);
    out.changes.push({ type: "deleteOutboundMark", sequence: entry.sequence });
    if (state.policy.creditForResentPubrel && !entry.spent) connection.window.credit();
  } else {
    if (entry.marked) durable.outbound.delete(entry.sequence);
    out.changes.push({ type: "deleteQueued", sequence: entry.sequence, bytes: entry.bytes });
  }
  if (row.row === "O12" || reasonCode === REASON.packetIdentifierInUse) {
    out.effects.push({ type: "diagnosed", diagnosis: "stateMismatch", packetId: entry.packetId, reasonCode });
  }
  if (row.quarantines === "onInUse" && reasonCode === REASON.packetIdentifierInUse) {
    quarantine(durable, entry.packetId, out);
  }
  const told = row.tells === "failed" ? reasonCode : REASON.success;
  out.effects.push({ type: "deliveryCompleted", sequence: entry.sequence, reasonCode: told });
  advanceSentLimit(state, connection, durable, out);
}
