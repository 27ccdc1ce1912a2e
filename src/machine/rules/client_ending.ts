/** How a connection ends at the client's end, and what it leaves (rows C9, C11, C13, C14). */
import * as REASON from "../../mqtt/reason.ts";
import { isLegalReasonCode } from "../../mqtt/reason_code.ts";
import { NEVER_EXPIRES } from "../../mqtt/packet.ts";
import type { DisconnectRequested } from "../client_event.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { SessionState } from "../state/session.ts";
import { clientOf, forgetSession, putHead } from "./client_state.ts";
import type { Ending } from "./lifecycle.ts";
import { dropHeld, send } from "./send.ts";

/** Closes a connection and lets its interval decide what becomes of the session. */
export function endClientConnection(
  state: SessionState,
  connection: ConnectionState,
  out: Output,
  ending: Ending,
): void {
  const wasOnline = connection.phase === "online";
  connection.phase = "closed";
  if (wasOnline && state.durable !== undefined) leaveServer(state, connection, ending, out);
  dropHeld(connection, out);
  for (const { ref } of connection.client?.requests.values() ?? []) {
    out.effects.push({ type: "requestFailed", ref, reasonCode: REASON.unspecifiedError });
  }
  const { reasonCode } = ending;
  // Unlike a server, a client may say so before CONNACK has accepted it, and should (ER-08).
  const tells = ending.tellsPeer && connection.version === 5 && isLegalReasonCode("disconnect", "client", reasonCode);
  if (tells) send(connection, out, { type: "disconnect", reasonCode });
  out.effects.push({ type: "closeConnection", reasonCode });
}

/** The session goes on without a connection, or is over with it. */
function leaveServer(state: SessionState, connection: ConnectionState, ending: Ending, out: Output): void {
  const { part, durable } = clientOf(state, "an end");
  part.startedThrough = Math.max(part.startedThrough, connection.lastStarted);
  part.tail = Math.max(part.tail, connection.tail);
  const { head } = durable;
  const sessionExpiryInterval = ending.sessionExpiryInterval ?? head.sessionExpiryInterval;
  if (sessionExpiryInterval === 0) {
    // In 3.1.1 an interval of 0 would say that a clean start is still to be made.
    const left = connection.version === 4 ? NEVER_EXPIRES : 0;
    return forgetSession(state, { ...head, sessionExpiryInterval: left }, out);
  }
  const disconnected = { disconnectedAt: ending.now, disconnectReason: ending.reasonCode };
  // Nothing more is sent: what was never sent need not count as started when this process dies.
  putHead(durable, { ...head, ...disconnected, sessionExpiryInterval, sentLimit: part.startedThrough }, out);
}

/** The application says good-bye (C11). A DISCONNECT that would raise the interval from 0 is refused (C12, SE-10). */
export function disconnectRequested(
  state: SessionState,
  connection: ConnectionState,
  event: DisconnectRequested,
  out: Output,
  now: number,
): void {
  const { reasonCode = REASON.success, sessionExpiryInterval } = event;
  if (connection.version === 5 && !isLegalReasonCode("disconnect", "client", reasonCode)) {
    throw new RangeError(`Cannot disconnect: a client may not send reason code ${reasonCode}`);
  }
  const raises = sessionExpiryInterval !== undefined && sessionExpiryInterval > 0;
  if (raises && connection.requestedExpiryInterval === 0) {
    throw new RangeError("Cannot disconnect with an interval: CONNECT had a Session Expiry Interval of 0");
  }
  const isOnline = connection.phase === "online";
  const replaces = connection.version === 5 && sessionExpiryInterval !== undefined;
  if (isOnline) {
    send(connection, out, {
      type: "disconnect",
      reasonCode: connection.version === 5 ? reasonCode : REASON.success,
      ...(replaces ? { sessionExpiryInterval } : {}),
    });
  }
  endClientConnection(state, connection, out, {
    reasonCode,
    tellsPeer: false,
    ...(replaces ? { sessionExpiryInterval } : {}),
    now,
  });
}
