/**
 * Wills: published at most once for each CONNECT that carried one, never when the client took its leave, never before the
 * connection ended and the delay or the session was over, and never after the session was resumed in time (WL-03 to WL-15).
 *
 * @module
 */
import { type Connection, surelyBefore } from "./connection.ts";
import type { Knowledge } from "./knowledge.ts";
import { attachedUntil } from "./lifetime.ts";
import { type Message, newMessage, textOf } from "./message.ts";
import type { WireWill } from "./observation.ts";

/** The Will of one CONNECT. */
export interface Will {
  readonly message: Message;
  readonly connection: Connection;
  readonly delayMs: number;
  /** Why it is never published, once that is certain. */
  neverBecause: string | undefined;
  /** When a copy of it came first. */
  arrivedSeq: number;
}

/** A CONNECT carries a Will. */
export function willSent(knowledge: Knowledge, connection: Connection, carried: WireWill): void {
  const { client, version } = connection;
  const text = textOf(carried.payload);
  let message = knowledge.messages.get(text);
  if (message === undefined) {
    const { seq: firstSeq, at: firstAt } = knowledge;
    message = newMessage({ text, kind: "will", publisher: client.name, firstSeq, firstAt }, carried);
    knowledge.messages.set(text, message);
  }
  const delayMs = version === 5 ? (carried.willDelayInterval ?? 0) * 1_000 : 0;
  const will: Will = { message, connection, delayMs, neverBecause: undefined, arrivedSeq: Infinity };
  connection.will = will;
  message.wills.push(will);
  message.routings++;
}

/** Whether an administrator may have ended the session while its CONNECT was being repeated, so that it began once more. */
export function mayBeginTwice({ connection }: Will): boolean {
  return connection.client.ends.some(({ fromSeq, untilSeq, isAnswered }) =>
    fromSeq < connection.connackSeq && (!isAnswered || untilSeq > connection.connectSeq)
  );
}

/** Something makes it certain that a Will is never published. */
export function neverPublished(will: Will, because: string): void {
  will.neverBecause ??= because;
}

/** The session of a connection surely goes on with another one: its Will is gone, unless it may be due by now. */
export function connectionResumed(knowledge: Knowledge, holder: Connection): void {
  const { will } = holder;
  if (will === undefined || knowledge.at >= earliestPublication(knowledge, will)) return;
  neverPublished(will, "the session was resumed before it was due");
}

/**
 * The server closed in order after a DISCONNECT with 0x00: that was what it closed for, unless it may have closed for
 * another reason. A 5.0 client is told such a reason, unless the store hangs; a 3.1.1 client is not.
 */
export function closedInOrder(knowledge: Knowledge, connection: Connection): void {
  const { will, client, disconnect } = connection;
  if (will === undefined || disconnect?.reasonCode !== 0 || !connection.isAccepted || connection.isRude) return;
  if (connection.version === 4 || connection.serverDisconnected || isInvalid(connection)) return;
  const isAlone = client.connections.every((other) =>
    other === connection || other.connect === undefined || surelyBefore(other, connection, knowledge.bounds)
  );
  // An administrator may have ended the session, and so published it, before DISCONNECT came.
  const mayBeEnded = client.ends.some((end) => !end.isAnswered || end.untilSeq > connection.connectSeq);
  // It may have been closing in silence since before DISCONNECT came.
  const mayBeSilent = knowledge.at - connection.connackAt >= (knowledge.bounds.silentMs ?? Infinity);
  if (isAlone && !mayBeEnded && !mayBeSilent) neverPublished(will, "the client had disconnected with 0x00");
}

/** A DISCONNECT that raises the interval from 0 is none (WL-16). */
function isInvalid({ connect, disconnect }: Connection): boolean {
  return (connect?.sessionExpiryInterval ?? 0) === 0 && (disconnect?.sessionExpiryInterval ?? 0) > 0;
}

/** A Will is not published before this time. */
export function earliestPublication(knowledge: Knowledge, will: Will): number {
  const { bounds } = knowledge;
  const { connection, delayMs } = will;
  const { client } = connection;
  const afterMs = Math.min(delayMs, connection.leastExpiryMs) - 2 * bounds.clockMs;
  let earliest = attachedUntil(connection, bounds) + afterMs;
  for (const other of client.connections) {
    if (other === connection || other.connect === undefined || other.isRefused) continue;
    if (surelyBefore(other, connection, bounds)) continue;
    const takenAt = Math.max(other.connectAt, connection.connectAt);
    // Whoever takes the session over ends the connection, though its client may hear of that later; a clean start ends the
    // session, and with it the delay.
    earliest = Math.min(earliest, other.connect.cleanStart ? takenAt : takenAt + afterMs);
  }
  for (const end of client.ends) {
    if (!end.isAnswered || end.untilSeq > connection.connectSeq) earliest = Math.min(earliest, end.fromAt);
  }
  return earliest;
}

/** A Will surely is published by this time; infinite when it need not be. */
export function latestPublication(knowledge: Knowledge, will: Will): number {
  const { bounds } = knowledge;
  const { connection, delayMs } = will;
  const { client, disconnect } = connection;
  if (!connection.isAccepted || connection.isContested || connection.isRude || connection.generation?.isRude) {
    return Infinity;
  }
  if (disconnect !== undefined && (connection.version === 4 || disconnect.reasonCode === 0)) return Infinity;
  const others = client.connections.filter((other) => {
    return other !== connection && other.connect !== undefined && !other.isRefused &&
      !surelyBefore(other, connection, bounds);
  });
  // Who asked before this one was answered may have come before it, and then took nothing over from it.
  if (others.some((other) => other.connectSeq < connection.connackSeq)) return Infinity;
  const lateMs = bounds.dueMs + 2 * bounds.clockMs;
  const takenOverAt = Math.min(...others.filter(({ isAccepted }) => isAccepted).map(({ connackAt }) => connackAt));
  const endedAt = Math.min(connection.closedAt + bounds.networkMs + bounds.detachMs, takenOverAt);
  if (delayMs === 0 || connection.mostExpiryMs === 0) return endedAt + lateMs;
  const [next, second] = others;
  const byItself = endedAt + Math.min(delayMs, connection.mostExpiryMs) + lateMs;
  if (next === undefined || next.connectAt > byItself) return byItself;
  // Whoever comes first may suppress it; a session that began anew did not go on.
  const isFirst = second === undefined || next.connackSeq < second.connectSeq;
  const beganAnew = next.isAccepted && next.generation?.firstConnection === next;
  return isFirst && beganAnew ? next.connackAt + lateMs : Infinity;
}

/** A copy of a Will came for the first time: may it be published already? */
export function whyNotPublished(knowledge: Knowledge, message: Message): string | undefined {
  let why = "no CONNECT carried it";
  for (const will of message.wills) {
    will.arrivedSeq = Math.min(will.arrivedSeq, knowledge.seq);
    if (will.neverBecause !== undefined) {
      why = will.neverBecause;
    } else if (!will.connection.isRude && knowledge.at < earliestPublication(knowledge, will)) {
      why = `connection ${will.connection.number} had not ended, or its delay was not over`;
    } else {
      return undefined;
    }
  }
  return why;
}
