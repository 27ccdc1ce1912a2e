/**
 * A connection that outlives the memory of its process: it sleeps between two packets, and goes on in another one
 * ({@linkcode RestingConnection}).
 *
 * While it is asleep it answers PINGREQ, which needs nothing of the session; all else waits for the session to be reloaded.
 * To the client nothing has happened: no CONNACK comes, and nothing is resent ([MQTT-4.4.0-1]).
 */
import { messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import { packetIdOf } from "../../mqtt/packet_id.ts";
import type { ConnectionResumed, QueueLoaded, SessionReloaded } from "../event.ts";
import type { Output } from "../output.ts";
import { type ConnectionState, openConnection } from "../state/connection.ts";
import { durableOf, type DurableState, type SessionState } from "../state/session.ts";
import { OUTBOUND_TABLE } from "./outbound.ts";
import { takePage } from "./page.ts";
import { oweStored } from "./retained.ts";
import { drain } from "./sending.ts";
import { lose } from "./started.ts";

/** The connection is here again, as it was when it fell asleep; its session is still to be reloaded. */
export function connectionResumed(state: SessionState, { connection: resting }: ConnectionResumed): void {
  const { authentication, lastReceivedAt } = resting;
  const connection = openConnection(lastReceivedAt);
  connection.phase = "asleep";
  connection.resting = resting;
  connection.sleeps = true;
  connection.version = resting.version;
  connection.silenceMs = resting.silenceMs;
  connection.requestedExpiryInterval = resting.requestedExpiryInterval;
  connection.longestExpiryInterval = resting.longestExpiryInterval;
  connection.maximumPacketSize = resting.maximumPacketSize ?? Infinity;
  connection.sendQuota = resting.sendQuota;
  connection.limits = resting.limits;
  if (authentication !== undefined) {
    const { method, awaitsClient } = authentication;
    connection.authentication = { method, turn: awaitsClient ? "client" : undefined };
  }
  connection.cursor = resting.sentThrough;
  connection.startedThrough = resting.startedThrough;
  connection.lastStarted = resting.lastStarted;
  connection.firstPubrecOrder = resting.firstPubrecOrder;
  state.connection = connection;
  state.limits = { ...state.limits, ...resting.limits, topicAliasMaximum: 0 };
  state.latestNow = lastReceivedAt;
}

/** The session is here again, with the beginning of its log. */
export function sessionReloaded(
  state: SessionState,
  connection: ConnectionState,
  event: SessionReloaded,
  out: Output,
  now: number,
): void {
  const { resting } = connection;
  if (connection.phase === "closed") return;
  if (resting === undefined || state.durable !== undefined) {
    throw new TypeError(`Cannot step sessionReloaded: the connection is ${connection.phase}`);
  }
  const durable = state.durable = durableOf(event.snapshot);
  const { unseenInbound } = resting;
  const unseen = unseenInbound === "all" ? durable.inbound.members : unseenInbound;
  for (const packetId of durable.inbound.members) if (!unseen.has(packetId)) connection.unanswered.add(packetId);
  awaitReleased(connection, durable);
  connection.tail = event.tail;
  takeReloaded(state, connection, durable, event, out, now);
}

/** One more page of a log whose messages in flight fill more than one. */
export function reloadedFurther(
  state: SessionState,
  connection: ConnectionState,
  event: QueueLoaded,
  out: Output,
  now: number,
): void {
  const { durable } = state;
  if (durable === undefined) throw new TypeError("Cannot step queueLoaded: the session is still to be reloaded");
  takeReloaded(state, connection, durable, event, out, now);
}

/** Entries up to `sentThrough` are in flight already. Once all of them are known the connection goes on. */
function takeReloaded(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  { messages, through, withheld }: Pick<SessionReloaded, "messages" | "through" | "withheld">,
  out: Output,
  now: number,
): void {
  const { resting } = connection;
  if (resting === undefined) return;
  for (const message of messages) {
    if (message.sequence <= resting.sentThrough) awaitAcknowledgement(connection, durable, message, out);
  }
  if (through < Math.min(resting.sentThrough, connection.tail)) {
    const { pageMessages, pageBytes } = state.limits;
    out.requests.push({ type: "loadQueue", after: through, messages: pageMessages, bytes: pageBytes });
    return;
  }
  connection.resting = undefined;
  connection.phase = "online";
  if (state.limits.retainAvailable) oweStored(connection, durable);
  takePage(connection, messages, through, withheld);
  drain(state, connection, durable, out, now);
}

/** PUBREL has left, on this connection or when an earlier one was resumed: nothing is sent. */
function awaitReleased(connection: ConnectionState, durable: DurableState): void {
  const { firstPubrecOrder } = connection;
  connection.pubrecOrder = firstPubrecOrder;
  for (const [sequence, { phase, packetId, pubrecOrder }] of durable.outbound.entries) {
    if (phase !== "released") continue;
    const spent = pubrecOrder >= firstPubrecOrder;
    const state = OUTBOUND_TABLE.awaitPubcomp.resume.next;
    connection.window.add({ sequence, packetId, qos: 2, bytes: 0, state, spent, marked: true });
    connection.pubrecOrder = Math.max(connection.pubrecOrder, pubrecOrder + 1);
  }
}

/** PUBLISH has left on this connection: its acknowledgement is still to come. */
function awaitAcknowledgement(
  connection: ConnectionState,
  durable: DurableState,
  message: QueuedMessage,
  out: Output,
): void {
  const { sequence, qos } = message;
  const mark = durable.outbound.get(sequence);
  const bytes = messageBytes(message);
  // A row that outlived its PUBREC, or what was sent at QoS 0: neither is owed.
  if (mark?.phase === "released") out.changes.push({ type: "deleteQueued", sequence, bytes });
  else if (qos === 0) lose(durable, message, "atMostOnce", out);
  else {
    const { next: state } = qos === 1 ? OUTBOUND_TABLE.queued.drainQoS1 : OUTBOUND_TABLE.queued.drainQoS2;
    const packetId = mark?.packetId ?? packetIdOf(sequence);
    connection.window.add({ sequence, packetId, qos, bytes, state, spent: true, marked: mark !== undefined });
  }
}
