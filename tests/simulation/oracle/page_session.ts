/** When a client's session ends, and what of it was known to the client. */
import type { PageConnection, PageKnowledge, PageState, ToldLimits } from "./page_state.ts";

/** The session may have ended by this, for the server or for the client. */
export function sessionLost(knowledge: PageKnowledge, connection: PageConnection): void {
  connection.page.losses.push({ seq: knowledge.seq, connection });
}

/** The client surely knows that its session is over: nothing of it counts any more. */
export function pageLost(knowledge: PageKnowledge, connection: PageConnection): void {
  const { page, connack } = connection;
  if (page.isStale(connection) || connack?.sessionPresent === true && !connection.isDisconnected) return;
  page.knownLossSeq = knowledge.seq;
  page.out.clear();
  page.quarantine.clear();
  page.held.clear();
  // Without CONNACK it was a clean start: that has yet to succeed.
  page.isEstablished = connack !== undefined && !connection.isDisconnected;
  page.isSettled = false;
}

/** CONNACK came. */
export function connackGot(knowledge: PageKnowledge, connection: PageConnection, packet: ToldLimits): void {
  const { page } = connection;
  if (packet.reasonCode !== 0) {
    connection.isConfirmed = true;
    return;
  }
  connection.connack = packet;
  connection.connackSeq = knowledge.seq;
  connection.connackAt = knowledge.at;
  connection.lastSentAt = knowledge.at;
  if (packet.serverKeepAlive !== undefined) connection.keepAliveMs = packet.serverKeepAlive * 1_000;
  if (packet.sessionExpiryInterval !== undefined) connection.interval = packet.sessionExpiryInterval;
  if (packet.sessionPresent) {
    // What is not known of the attempts before it stays so.
    connection.isConfirmed = true;
  } else if (connection.connect?.cleanStart === false) sessionLost(knowledge, connection);
  page.isEstablished = true;
}

/** The application says good-bye: its interval counts for the client, also where DISCONNECT never leaves. */
export function goodByeAsked(
  knowledge: PageKnowledge,
  page: PageState,
  tab: number,
  expiry: number | undefined,
): void {
  const connection = page.connections.findLast((each) => each.tab === tab);
  if (connection === undefined) return;
  const { connect } = connection;
  const isRaised = connect?.protocolVersion === 5 && (connect.sessionExpiryInterval ?? 0) === 0 && expiry;
  // An interval of 0 may not be raised (SE-10): such a good-bye is refused, and the connection goes on.
  if (isRaised) return;
  connection.closedAt = Math.min(connection.closedAt, knowledge.at);
  if (expiry === undefined) return;
  connection.interval = expiry;
  page.isSettled = false;
  if (expiry === 0) sessionLost(knowledge, connection);
}

/**
 * A page heard that another one has the session. The store may have been late to answer what came before its clean start:
 * then that left for a session which was no more this page's, and the other one cannot know.
 */
export function pageSuperseded(page: PageState, tab: number): void {
  const last = page.connections.findLast((each) => each.tab === tab);
  if (last?.connect?.cleanStart === true && !last.hasGoneOn) page.isDoubtful = true;
}

/** The connection is closed at the client's end. */
export function pageClosed(knowledge: PageKnowledge, connection: PageConnection): void {
  connection.closedSeq = knowledge.seq;
  connection.closedAt = Math.min(connection.closedAt, knowledge.at);
  const { page, connack, connackAt, interval } = connection;
  if (connack === undefined) return;
  if (interval === 0) sessionLost(knowledge, connection);
  const { effectMs } = knowledge.bounds;
  const isLong = effectMs !== undefined && knowledge.at - connackAt > effectMs + 2_000;
  page.isSettled = !page.isStale(connection) && page.isEstablished && (page.isSettled || isLong) && interval > 0;
}
