/**
 * Messages that wait for a shared group: how many a member has room for, and which it gives back (SH-05 to SH-08, SH-14).
 */
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { SessionPolicy } from "../policy.ts";
import { type Session, stateOf } from "../state/session.ts";

/** How many messages a connected session could send at once: what waits for it already comes first. */
export function claimRoom(session: Session): number {
  const { connection, durable, policy } = stateOf(session);
  if (connection?.phase !== "online" || durable === undefined) return 0;
  const { cursor, tail, loading, pageStart, page, window, sendQuota } = connection;
  if (loading || cursor < tail || pageStart < page.length) return 0;
  return Math.max(0, sendQuota - (policy.conservativeWindow ? window.size : window.spent));
}

/** Up to which sequence deliveries were started, by this connection or an earlier one. */
export function startedThrough(session: Session): number {
  const { connection, durable } = stateOf(session);
  return connection?.lastStarted ?? durable?.head.sentLimit ?? 0;
}

/** Up to which sequence the connection has read its log, and knows what stands there; all of it once it has ended. */
export function readThrough(session: Session): number {
  return stateOf(session).connection?.cursor ?? Infinity;
}

/** How a member stands to what it has claimed, once its connection has ended. */
export interface MemberLeft {
  /** Entries of its log up to here were started. */
  readonly startedThrough: number;
  /** Whether its session has ended too. */
  readonly hasEnded: boolean;
  /** P12. */
  readonly sharedNeverStarted: SessionPolicy["sharedNeverStarted"];
}

/**
 * Whether a claimed message goes back to its group.
 *
 * What was never started does. A started one waits for its client as long as the session lasts; then one of QoS 1 goes to
 * another member, one of QoS 2 to nobody ([MQTT-4.8.2-5]).
 */
export function goesBack(
  { sequence, qos, claimed }: Pick<QueuedMessage, "sequence" | "qos" | "claimed">,
  { startedThrough, hasEnded, sharedNeverStarted }: MemberLeft,
): boolean {
  if (claimed === undefined) return false;
  if (sequence <= startedThrough) return hasEnded && qos === 1;
  if (!hasEnded || sharedNeverStarted === "redispatch") return true;
  return sharedNeverStarted === "redispatchQoS1" && claimed.qos < 2;
}
