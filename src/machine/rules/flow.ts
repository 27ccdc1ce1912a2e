/**
 * Receive Maximum, both ways: what may be sent before an acknowledgement, and what may be received before one.
 */
import type { SessionPolicy } from "../policy.ts";
import type { ConnectionState } from "../state/connection.ts";

/**
 * Whether another PUBLISH of QoS 1 or 2 may be sent ([MQTT-4.9.0-2]).
 *
 * The quota is counted from the entries whose PUBLISH went out on this connection, so it can neither leak nor grow
 * (FC-05, FC-17). Policy P11 counts carried-over PUBREL entries too.
 */
export function mayPublish(connection: ConnectionState, policy: SessionPolicy): boolean {
  const counted = policy.conservativeWindow ? connection.window.size : connection.window.spent;
  return counted < connection.sendQuota;
}

/** Whether one more unanswered PUBLISH of QoS 1 or 2 is more than this server allowed (FC-11). */
export function exceedsReceiveMaximum(connection: ConnectionState, unsent: number, receiveMaximum: number): boolean {
  return connection.unanswered.size + unsent >= receiveMaximum;
}
