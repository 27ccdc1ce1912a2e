/** A server routes what it takes: where a PUBLISH goes, and its answer in the commit that hands it on (D4). */
import type { PublishPacket } from "../../mqtt/packet.ts";
import * as REASON from "../../mqtt/reason.ts";
import { legalReasonCode } from "../../mqtt/reason_code.ts";
import { hasMoreLevels } from "../../mqtt/topic.ts";
import type { PublishRefused, PublishRouted } from "../event.ts";
import { checkRefusal, unasked } from "../misuse.ts";
import type { Output } from "../output.ts";
import type { ConnectionState, InboundPublish } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { closeWith } from "./ending.ts";
import { forget, messageOf, type Published, remember } from "./publishing.ts";
import { send } from "./send.ts";

/** Asks for the route of a PUBLISH, or refuses it. */
export function routePublish(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  { packet, packetId, topic, ref }: Published,
  out: Output,
  now: number,
): void {
  const message = messageOf(durable.clientId, topic, packet, now);
  connection.publish = { ref, qos: packet.qos, packetId, routed: false, message };
  const reasonCode = refusalOf(state, durable, packet, topic);
  const isOverrun = packet.qos === 2 && durable.inbound.size >= state.limits.maximumUnreleased;
  // On 3.1.1 it would be acknowledged and dropped, and take one more identifier, without end.
  if (isOverrun && connection.version === 4) return closeWith(state, out, REASON.quotaExceeded, now);
  if (reasonCode !== undefined) {
    return publishRefused(state, connection, durable, { type: "publishRefused", ref, reasonCode }, out, now);
  }
  out.requests.push({ type: "routePublish", ref, message });
}

/** What is no fault, and yet not taken by this server. */
function refusalOf(
  { limits }: SessionState,
  durable: DurableState,
  packet: PublishPacket,
  topic: string,
): number | undefined {
  if (hasMoreLevels(topic, limits.maximumTopicLevels)) return REASON.topicNameInvalid;
  if ((packet.properties.userProperties?.length ?? 0) > limits.maximumUserProperties) return REASON.quotaExceeded;
  if (packet.qos === 2 && durable.inbound.size >= limits.maximumUnreleased) return REASON.quotaExceeded;
  return undefined;
}

/** The route is known: the message is handed on and acknowledged, in one commit (D4). */
export function publishRouted(
  connection: ConnectionState,
  durable: DurableState,
  event: PublishRouted,
  out: Output,
): void {
  const publish = pendingPublish(connection, event.ref);
  const { ref, qos, packetId, message } = publish;
  connection.publish = { ...publish, routed: true };
  if (qos === 2) remember(connection, durable, packetId, out);
  if (event.receivers > 0) out.changes.push({ type: "publishMessage", ref, message });
  if (qos === 0) return;
  const nobody = event.receivers === 0 && connection.version === 5;
  const reasonCode = nobody ? REASON.noMatchingSubscribers : REASON.success;
  send(connection, out, { type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode });
}

/** The publish is refused, before its commit or by it: rows I2 and I3. */
export function publishRefused(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  event: PublishRefused,
  out: Output,
  now: number,
): void {
  const publish = connection.publish;
  if (publish === undefined || publish.ref !== event.ref) throw unasked(event.type, event.ref);
  checkRefusal(event.reasonCode);
  connection.publish = undefined;
  const { qos, packetId } = publish;
  // The batch that remembered the identifier was refused with all it held, so nothing of it is stored.
  if (publish.routed && qos === 2) forget(connection, durable, packetId, out);
  out.effects.push({ type: "diagnosed", diagnosis: "publishRefused", packetId, reasonCode: event.reasonCode });
  if (connection.version === 4) {
    if (state.policy.refusedPublishV311 === "close") return closeWith(state, out, event.reasonCode, now);
    if (qos === 2) remember(connection, durable, packetId, out);
    if (qos > 0) send(connection, out, { type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: 0 });
    return;
  }
  if (qos === 0) return;
  const type = qos === 1 ? "puback" : "pubrec";
  const reasonCode = legalReasonCode(type, event.reasonCode, REASON.unspecifiedError);
  send(connection, out, { type, packetId, reasonCode });
}

function pendingPublish(connection: ConnectionState, ref: number): InboundPublish {
  const publish = connection.publish;
  if (publish === undefined || publish.ref !== ref || publish.routed) throw unasked("publishRouted", ref);
  return publish;
}
