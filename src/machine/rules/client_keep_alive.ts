/** Keep Alive at the client's end: PINGREQ when nothing else was sent, and the wait for its answer (KA-01, KA-07). */
import * as REASON from "../../mqtt/reason.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { ClientPart } from "../state/client_part.ts";
import type { SessionState } from "../state/session.ts";
import { endClientConnection } from "./client_ending.ts";
import { send } from "./send.ts";

/** When PINGREQ is to leave, or its answer to be there; `undefined` when it never does. */
export function keepAliveDeadline({ client }: ConnectionState, { pingTimeoutMs }: ClientPart): number | undefined {
  if (client === undefined) return undefined;
  const { pingSentAt, keepAliveMs, lastSentAt } = client;
  const nextPacketAt = keepAliveMs === 0 ? undefined : lastSentAt + keepAliveMs;
  if (pingSentAt === undefined) return nextPacketAt;
  return Math.min(pingSentAt + pingTimeoutMs, nextPacketAt ?? Infinity);
}

/**
 * The deadline has come: that of the answer, or that of the next packet. A server that does not answer is not there: it
 * is told nothing.
 */
export function keepAlivePassed(state: SessionState, connection: ConnectionState, out: Output, now: number): void {
  const { client } = connection;
  const { part } = state.ofClient ?? {};
  if (client === undefined || part === undefined) return;
  if (client.pingSentAt !== undefined && client.pingSentAt + part.pingTimeoutMs <= now) {
    const ending = { reasonCode: REASON.keepAliveTimeout, tellsPeer: false, now };
    return endClientConnection(state, connection, out, ending);
  }
  // The server may be slow to answer: that is no reason to be silent for longer than it was promised.
  client.pingSentAt ??= now;
  send(connection, out, { type: "pingreq" });
}
