import { type AnySession, type SessionState, stateOf } from "./session.ts";

/**
 * When `timePassed` is next worth stepping, in epoch milliseconds; `undefined` when nothing is due ever.
 *
 * Ask again after every step. While attached only the connection's own deadlines count: no expiry and no Will is armed
 * (invariant 12).
 */
export function nextDeadline(session: AnySession): number | undefined {
  const state = stateOf(session);
  return connectionDeadline(state) ?? sessionDeadline(state);
}

/** The handshake's or the Keep Alive's deadline. */
export function connectionDeadline(state: SessionState): number | undefined {
  const connection = state.connection;
  if (connection === undefined || connection.phase === "closed" || connection.lostWhileAcquiring) return undefined;
  if (connection.phase !== "online" && connection.phase !== "asleep") {
    return connection.openedAt + state.limits.connectTimeoutMs;
  }
  if (state.ofClient !== undefined) return state.ofClient.deadline(connection, state.ofClient.part);
  return connection.silenceMs === 0 ? undefined : connection.lastReceivedAt + connection.silenceMs;
}

/** The earlier of the Will's and the session's due time, once detached. */
function sessionDeadline(state: SessionState): number | undefined {
  const head = state.durable?.head;
  if (head === undefined || head.attached) return undefined;
  if (head.willDueAt === undefined) return head.endsAt;
  return head.endsAt === undefined ? head.willDueAt : Math.min(head.willDueAt, head.endsAt);
}
