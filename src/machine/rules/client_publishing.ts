/** The application of a client publishes: into the log, from which it is sent as a server sends. */
import { isTopicName } from "../../mqtt/topic.ts";
import * as REASON from "../../mqtt/reason.ts";
import type { PublishRequested } from "../client_event.ts";
import type { Output } from "../output.ts";
import type { SessionState } from "../state/session.ts";
import { clientOf } from "./client_state.ts";
import { tooLarge } from "./delivery_packet.ts";
import { isUnsupported, offerQos0 } from "./sending.ts";
import { putSentLimit } from "./started.ts";

/** Takes a message of the application, or says why not. */
export function publishRequested(state: SessionState, event: PublishRequested, out: Output, now: number): void {
  const { ref, message } = event;
  if (!isTopicName(message.topic)) throw new RangeError("Cannot publish: the topic is no Topic Name");
  const { part, durable } = clientOf(state, "publishRequested");
  const { connection } = state;
  const isOnline = connection?.phase === "online";
  const copy = { ...message, subscriptionIdentifiers: [], sequence: 0 };
  if (isOnline) {
    const reasonCode = isUnsupported(connection, message)
      ? message.qos > connection.peer.maximumQoS ? REASON.qosNotSupported : REASON.retainNotSupported
      : tooLarge(connection, copy)
      ? REASON.packetTooLarge
      : undefined;
    if (reasonCode !== undefined) return void out.effects.push({ type: "publishRejected", ref, reasonCode });
  }
  const isStored = message.qos > 0 || (!isOnline && state.policy.qos0WhileOffline === "queue");
  if (isStored) {
    // A page that ended without a word has left its limit ahead of the log: what is stored now was not sent by it.
    const started = Math.max(part.startedThrough, part.lostThrough);
    if (!isOnline && durable.head.sentLimit > started) putSentLimit(durable, started, out);
    return void out.changes.push({ type: "publishMessage", ref, message, to: "log" });
  }
  if (isOnline) return offerQos0(state, connection, copy, out, now);
  out.effects.push({ type: "publishRejected", ref, reasonCode: REASON.unspecifiedError });
}
