/** What a client keeps of a session, and how it forgets it. */
import { misstep } from "../misuse.ts";
import type { Output } from "../output.ts";
import type { SessionHead } from "../snapshot.ts";
import type { ClientPart } from "../state/client_part.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { lose } from "./started.ts";

/** Whether a server has accepted this session: the "session exists" marker. */
export function isEstablished({ connectedAt }: SessionHead): boolean {
  return connectedAt > 0;
}

/** The client's part and its session. Both are there as long as the session is this client's. */
export function clientOf(state: SessionState, event: string): { part: ClientPart; durable: DurableState } {
  const { ofClient, durable } = state;
  if (ofClient !== undefined && durable !== undefined) return { part: ofClient.part, durable };
  throw misstep(event, "the session is this client's no more");
}

/** Writes a head down. */
export function putHead(durable: DurableState, head: SessionHead, out: Output): void {
  durable.head = head;
  out.changes.push({ type: "putHead", head });
}

/** Clears both sets: the server has the session no more, or is told to have it no more. */
export function forgetSession(state: SessionState, head: SessionHead, out: Output): void {
  forgetSets(clientOf(state, "an event").durable, out);
  renounceSession(state, head, out);
}

/**
 * From now on the session is none that exists. What stands in the log and was started is lost as it is read, and until all
 * of it is, it stays so. What was never started is kept (policy P16).
 */
export function renounceSession(state: SessionState, head: SessionHead, out: Output): void {
  const { part, durable } = clientOf(state, "an event");
  part.lostThrough = state.policy.unsentOnSessionLoss === "keep" ? part.startedThrough : part.tail;
  if (state.connection !== undefined) loseLoaded(state.connection, durable, part.lostThrough, out);
  const { disconnectedAt: _at, disconnectReason: _reason, ...rest } = head;
  // Whoever opens the session next knows by it what is lost, and what is not.
  putHead(durable, { ...rest, connectedAt: 0, sentLimit: part.lostThrough }, out);
}

/** What of both sets does not stand in the log. */
export function forgetSets(durable: DurableState, out: Output): void {
  for (const [sequence, { phase }] of [...durable.outbound.entries]) {
    if (phase !== "released") continue;
    durable.outbound.delete(sequence);
    out.changes.push({ type: "deleteOutboundMark", sequence });
    out.effects.push({ type: "messageDropped", reason: "sessionLost", topic: "", sequence });
  }
  for (const packetId of [...durable.inbound.members]) {
    durable.inbound.delete(packetId);
    out.changes.push({ type: "deleteInboundId", packetId });
  }
}

/** The server has another session, which knows none of the identifiers that the one before may have held. */
export function freeIdentifiers(durable: DurableState, out: Output): void {
  for (const packetId of [...durable.quarantine.members]) {
    durable.quarantine.delete(packetId);
    out.changes.push({ type: "deleteQuarantine", packetId });
  }
}

/** What of the started messages a connection holds: those in flight, and those that wait to be sent again. */
function loseLoaded(connection: ConnectionState, durable: DurableState, through: number, out: Output): void {
  for (const entry of [...connection.window.entries()]) {
    connection.window.remove(entry);
    const { sequence, bytes, state, marked } = entry;
    if (state === "awaitPubcomp") continue;
    if (marked) durable.outbound.delete(sequence);
    out.changes.push({ type: "deleteQueued", sequence, bytes, dropped: "sessionLost" });
    out.effects.push({ type: "messageDropped", reason: "sessionLost", topic: "", sequence });
  }
  for (const message of connection.page.slice(connection.pageStart)) {
    if (message.sequence <= through) lose(durable, message, "sessionLost", out);
  }
  // Whatever else was loaded is read again by the next connection.
  connection.page = connection.page.slice(connection.pageStart).filter(({ sequence }) => sequence > through);
  connection.pageStart = 0;
  connection.pageBytes = connection.page.reduce((bytes, { payload }) => bytes + payload.length, 0);
  connection.pageQos0 = connection.page.filter(({ qos }) => qos === 0).length;
}

/** Once all that is lost is gone, the session is one that exists. */
export function establish(connection: ConnectionState, part: ClientPart, durable: DurableState, out: Output): void {
  if (isEstablished(durable.head) || connection.client === undefined) return;
  const waiting = connection.page[connection.pageStart];
  const isPast = waiting === undefined
    ? connection.cursor >= Math.min(connection.lostThrough, connection.tail)
    : waiting.sequence > connection.lostThrough;
  if (!isPast) return;
  connection.lostThrough = part.lostThrough = 0;
  putHead(durable, { ...durable.head, connectedAt: connection.openedAt }, out);
}
