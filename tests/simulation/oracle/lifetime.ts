/** How long a session lives: the interval in force, and when it ends at the earliest and at the latest. */
import { appliedUntil, type Connection } from "./connection.ts";
import type { Knowledge } from "./knowledge.ts";
import type { WireConnack, WireConnect, WireDisconnect, WorldBounds } from "./observation.ts";

/** The Session Expiry Interval that means: never. */
const NEVER = 0xffff_ffff;

function toMs(seconds: number): number {
  return seconds === NEVER ? Infinity : seconds * 1_000;
}

function askedMs({ sessionExpiryInterval, cleanStart }: WireConnect, version: 4 | 5): number {
  if (version === 5) return toMs(sessionExpiryInterval ?? 0);
  return cleanStart ? 0 : Infinity;
}

/** CONNECT asks for an interval; the server may give less. */
export function intervalAsked(connection: Connection, connect: WireConnect, bounds: WorldBounds): void {
  const cap = bounds.maximumSessionExpiryInterval;
  const asked = askedMs(connect, connection.version);
  const least = cap === undefined ? asked : Math.min(asked, toMs(cap));
  connection.leastExpiryMs = least;
  connection.mostExpiryMs = connection.version === 4 ? least : asked;
}

/** CONNACK tells a 5.0 client the interval in force, if it is another one. */
export function intervalGiven(connection: Connection, connect: WireConnect, connack: WireConnack): void {
  if (connection.version === 4) return;
  const { sessionExpiryInterval } = connack;
  const inForce = sessionExpiryInterval === undefined ? askedMs(connect, 5) : toMs(sessionExpiryInterval);
  connection.leastExpiryMs = connection.mostExpiryMs = inForce;
}

/** DISCONNECT may replace it, if it arrives. */
export function intervalReplaced(connection: Connection, disconnect: WireDisconnect): void {
  const { sessionExpiryInterval } = disconnect;
  if (connection.version === 4 || sessionExpiryInterval === undefined || connection.connect === undefined) return;
  // From 0 to another value is an error, and no DISCONNECT at all.
  if (askedMs(connection.connect, 5) === 0) return;
  const replaced = toMs(sessionExpiryInterval);
  connection.leastExpiryMs = Math.min(connection.leastExpiryMs, replaced);
  connection.mostExpiryMs = Math.max(connection.mostExpiryMs, replaced);
}

/** The connection had not ended at the server before this time. */
export function attachedUntil(connection: Connection, bounds: WorldBounds): number {
  return Math.max(connection.connectAt, connection.lastReceivedAt - seenAfterMs(bounds));
}

/** What a client sees was decided so long ago at most. */
export function seenAfterMs({ networkMs, effectMs = 0 }: WorldBounds): number {
  return networkMs + effectMs;
}

/** A session that this connection held last has not ended by itself before this time. */
export function earliestEnd(connection: Connection, bounds: WorldBounds): number {
  return attachedUntil(connection, bounds) + connection.leastExpiryMs - 2 * bounds.clockMs;
}

/** A session that this connection held last has ended after this time. */
export function latestEnd(connection: Connection, bounds: WorldBounds): number {
  const detached = connection.closedAt + bounds.networkMs + bounds.detachMs;
  return detached + connection.mostExpiryMs + 2 * bounds.clockMs;
}

/** Whether an administrator may have ended what these connections held. */
export function mayBeEndedByHand(holder: Connection, knowledge: Knowledge): boolean {
  const { bounds } = knowledge;
  return holder.client.ends.some((end) =>
    end.isAnswered
      ? end.untilSeq > holder.connectSeq
      : end.fromAt + bounds.networkMs + bounds.detachMs + bounds.dueMs >= holder.connectAt
  );
}

/** Whether an administrator surely ended whatever these connections held, before a moment. */
export function surelyEndedByHand(holders: readonly Connection[], knowledge: Knowledge, beforeSeq: number): boolean {
  const [holder] = holders;
  if (holder === undefined) return false;
  return holder.client.ends.some((end) =>
    end.isAnswered && end.untilSeq < beforeSeq &&
    holders.every((held) =>
      held.isAccepted ? held.connackSeq < end.fromSeq : appliedUntil(held, knowledge.bounds) < end.fromAt
    )
  );
}
