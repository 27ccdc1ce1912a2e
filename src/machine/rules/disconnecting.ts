/** A client says good-bye: rows S9, S10 and S11. */
import type { DisconnectPacket } from "../../mqtt/packet.ts";
import * as REASON from "../../mqtt/reason.ts";
import { isLegalReasonCode } from "../../mqtt/reason_code.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { allowedInterval } from "./connecting.ts";
import { endConnection } from "./ending.ts";
import { ENDING_TABLE } from "./lifecycle.ts";

/** Takes a DISCONNECT in. One that is not valid does not count as one: the Will stays (WL-16). */
export function receiveDisconnect(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: DisconnectPacket,
  out: Output,
  now: number,
): void {
  const { reasonCode } = packet;
  if (connection.version === 4) {
    const ending = { reasonCode: REASON.success, tellsPeer: false, now };
    return endConnection(state, out, ENDING_TABLE.attached.disconnectNormal, ending);
  }
  // The interval of the CONNECT packet counts here, not one that the server put in its place (SE-11).
  const requested = connection.requestedExpiryInterval;
  const interval = packet.sessionExpiryInterval;
  const isFault = !isLegalReasonCode("disconnect", "client", reasonCode) ||
    (requested === 0 && interval !== undefined && interval !== 0);
  if (isFault) {
    const ending = { reasonCode: REASON.protocolError, tellsPeer: true, now };
    return endConnection(state, out, ENDING_TABLE.attached.disconnectInvalid, ending);
  }
  const row = reasonCode === REASON.success
    ? ENDING_TABLE.attached.disconnectNormal
    : ENDING_TABLE.attached.disconnectWithWill;
  const inForce = state.policy.disconnectWithoutInterval === "inForce" ? durable.head.sessionExpiryInterval : requested;
  const sessionExpiryInterval = interval === undefined
    ? Math.min(inForce, state.limits.maximumSessionExpiryInterval)
    : Math.min(allowedInterval(interval, state.limits), connection.longestExpiryInterval);
  endConnection(state, out, row, { reasonCode, tellsPeer: false, sessionExpiryInterval, now });
}
