/** A connection at rest: nothing of it is under way, so that its process may forget it. */
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { RestingConnection } from "../state/resting.ts";
import { type Session, stateOf } from "../state/session.ts";

/**
 * What another process needs to go on with the connection; `undefined` while it is not open, or an answer is awaited that
 * nobody else would get.
 */
export function restingConnection(session: Session): RestingConnection | undefined {
  const { connection, durable } = stateOf(session);
  if (connection === undefined) return undefined;
  if (connection.resting !== undefined) return { ...connection.resting, lastReceivedAt: connection.lastReceivedAt };
  if (connection.phase !== "online" || durable === undefined || isAnswerAwaited(connection)) return undefined;
  const { maximumPacketSize, limits, authentication, unanswered } = connection;
  return {
    version: connection.version,
    silenceMs: connection.silenceMs,
    lastReceivedAt: connection.lastReceivedAt,
    requestedExpiryInterval: connection.requestedExpiryInterval,
    longestExpiryInterval: connection.longestExpiryInterval,
    ...(maximumPacketSize === Infinity ? {} : { maximumPacketSize }),
    sendQuota: connection.sendQuota,
    ...(limits === undefined ? {} : { limits }),
    ...(authentication === undefined
      ? {}
      : { authentication: { method: authentication.method, awaitsClient: authentication.turn === "client" } }),
    sentThrough: sentThrough(connection),
    startedThrough: connection.startedThrough,
    lastStarted: connection.lastStarted,
    firstPubrecOrder: connection.firstPubrecOrder,
    unseenInbound: new Set([...durable.inbound.members].filter((packetId) => !unanswered.has(packetId))),
  };
}

/** A question is lost with the process that put it, and so is what the client waits for. */
function isAnswerAwaited({ publish, subscribe, authentication, loading, retained }: ConnectionState): boolean {
  return publish?.routed === false || subscribe !== undefined || authentication?.turn === "host" || loading ||
    retained?.page !== undefined;
}

/** Messages leave the page in order of sequence: what was read and waits no more has left. */
function sentThrough({ page, pageStart, cursor }: ConnectionState): number {
  const next: QueuedMessage | undefined = page[pageStart];
  return next === undefined ? cursor : next.sequence - 1;
}
