/** A client takes what its server publishes, and hands it to its application. */
import * as REASON from "../../mqtt/reason.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { messageOf, type Published, remember } from "./publishing.ts";
import { send } from "./send.ts";

/** A client takes what comes, wanted or not, and acknowledges it once it is stored for the application (IB-15). */
export function takePublish(
  _state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  { packet, packetId, topic, ref }: Published,
  out: Output,
  now: number,
): void {
  const { qos, subscriptionIdentifiers = [] } = packet;
  // Whoever published it is not told.
  const message = messageOf("", topic, packet, now);
  if (qos === 0) {
    out.effects.push({ type: "messageReceived", message, subscriptionIdentifiers });
    return;
  }
  if (qos === 2) remember(connection, durable, packetId, out);
  out.changes.push({ type: "publishMessage", ref, message, to: "inbox", subscriptionIdentifiers });
  send(connection, out, { type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: REASON.success });
}
