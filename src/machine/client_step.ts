/**
 * The client's end of a session: the same data, the same tables for messages, and a life of its own.
 *
 * @module
 */
import { misstep } from "./misuse.ts";
import type { ServerPacket } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import { isLegalReasonCode } from "../mqtt/reason_code.ts";
import type { SessionChange } from "./change.ts";
import type { PublishMessage } from "./change.ts";
import type { ClientEffect } from "./client_effect.ts";
import type { ClientEvent, ServerPacketReceived } from "./client_event.ts";
import { emptyOutput, type Output } from "./output.ts";
import type { LoadQueueRequest } from "./request.ts";
import { acknowledge } from "./rules/acknowledgement.ts";
import { authReceived, connackReceived, connectRequested } from "./rules/client_connecting.ts";
import { disconnectRequested, endClientConnection } from "./rules/client_ending.ts";
import { keepAlivePassed } from "./rules/client_keep_alive.ts";
import { publishRequested } from "./rules/client_publishing.ts";
import { checkRequest, requestAnswered, sendWaiting } from "./rules/client_requests.ts";
import { clientOf, establish } from "./rules/client_state.ts";
import { closeUnsendable, closeWith } from "./rules/ending.ts";
import { hasRoom, takePage } from "./rules/page.ts";
import { takePublish } from "./rules/client_taking.ts";
import { receivePublish, receivePubrel } from "./rules/publishing.ts";
import { send } from "./rules/send.ts";
import { drain } from "./rules/sending.ts";
import type { ClientSession } from "./client_session.ts";
import type { ClientConnection } from "./state/client_part.ts";
import type { ConnectionState } from "./state/connection.ts";
import { connectionDeadline } from "./state/deadlines.ts";
import { type SessionState, stateOf } from "./state/session.ts";

/** What one step asks, changes and causes. */
export interface ClientStepResult {
  /** Pages of the log that it needs; each comes back as `queueLoaded`. */
  readonly requests: readonly LoadQueueRequest[];
  /** What must be durable, in one commit with all earlier changes or after them. */
  readonly changes: readonly (SessionChange | PublishMessage)[];
  /** What may then be done, in order, after the effects of all earlier steps. */
  readonly effects: readonly ClientEffect[];
}

/**
 * Moves a client's session. `now` is in epoch milliseconds; the session is updated in place, the result holds copies.
 *
 * What a server does wrong is an outcome, a close with its reason code. What the application may not ask for throws a
 * `RangeError`, an event that the host must not send a `TypeError`; neither changes anything.
 *
 * @example A session that was acquired connects
 * ```ts
 * import { clientAcquireTerms, openClientSession, stepClient } from "@edge-mqtt/session/machine";
 *
 * const { clientId, head } = clientAcquireTerms("a", undefined);
 * const nothing = { subscriptions: new Map(), outbound: new Map(), quarantine: new Set<number>(), inbound: new Set<number>() };
 * const session = openClientSession({
 *   snapshot: { clientId, incarnation: "1", head, ...nothing },
 *   startedThrough: 0,
 *   tail: 0,
 * });
 * const { effects } = stepClient(session, {
 *   type: "connectRequested",
 *   connect: { protocolVersion: 5, cleanStart: false, keepAlive: 60, sessionExpiryInterval: 3_600 },
 * }, Date.now());
 * console.assert(effects[0]?.type === "sendPacket");
 * ```
 */
export function stepClient(session: ClientSession, event: ClientEvent, now: number): ClientStepResult {
  const state = stateOf(session);
  if (state.ofClient === undefined) throw misstep("the session as a client's", "it is a server's");
  const at = state.policy.backwardTime === "hold" ? Math.max(now, state.latestNow) : now;
  const out = emptyOutput();
  move(state, event, out, at);
  closeUnsendable(state, out, at);
  state.latestNow = at;
  noteSent(state.connection, out, at);
  // The rules of this role ask for nothing but pages, and cause nothing that is a server's.
  return out as Output & ClientStepResult;
}

/** Whatever is sent puts the next PINGREQ off. */
function noteSent(connection: ConnectionState | undefined, out: Output, now: number): void {
  const own = connection?.client;
  if (own !== undefined && out.effects.some(({ type }) => type === "sendPacket")) own.lastSentAt = now;
}

function move(state: SessionState, event: ClientEvent, out: Output, now: number): void {
  switch (event.type) {
    case "connectRequested":
      return connectRequested(state, event.connect, out, now);
    case "packetReceived":
      return receive(state, event, out, now);
    case "packetMalformed":
      return closeWith(state, out, event.reasonCode, now);
    case "publishRequested":
      return publishRequested(state, event, out, now);
    case "subscribeRequested":
    case "unsubscribeRequested": {
      checkRequest(event);
      const { part, durable } = clientOf(state, event.type);
      part.waiting.push(event);
      return whileOnline(state, (connection, own) => sendWaiting(connection, part, own, durable, out));
    }
    case "disconnectRequested":
      return whileOpen(state, (connection) => disconnectRequested(state, connection, event, out, now));
    case "authRequested":
      return whileOpen(state, (connection) => {
        const authenticationMethod = connection.client?.request.authenticationMethod;
        if (authenticationMethod === undefined || (event.reasonCode === 0x19 && connection.phase !== "online")) {
          throw misstep(event.type, "no enhanced authentication is under way");
        }
        const { reasonCode, authenticationData } = event;
        const data = authenticationData === undefined ? {} : { authenticationData };
        send(connection, out, { type: "auth", reasonCode, authenticationMethod, ...data });
      });
    case "messagesAppended": {
      const { part } = clientOf(state, event.type);
      part.tail = Math.max(part.tail, event.tail);
      return fed(state, out, now, (connection) => {
        const { messages = [], tail } = event;
        const isNext = messages[0]?.sequence === connection.cursor + 1 && !connection.loading;
        if (isNext && hasRoom(connection, state.limits)) {
          takePage(connection, messages, connection.cursor + messages.length);
        }
        connection.tail = Math.max(connection.tail, tail);
      });
    }
    case "queueLoaded":
      return fed(state, out, now, (connection) => {
        connection.loading = false;
        takePage(connection, event.messages, event.through);
      });
    case "connectionClosed":
      return whileOpen(state, (connection) => {
        endClientConnection(state, connection, out, { reasonCode: REASON.unspecifiedError, tellsPeer: false, now });
      });
    case "superseded":
      // Another one has the session: nothing of this one counts any more.
      state.durable = undefined;
      return whileOpen(state, (connection) => {
        endClientConnection(state, connection, out, { reasonCode: REASON.sessionTakenOver, tellsPeer: false, now });
      });
    case "timePassed":
      return timePassed(state, out, now);
    default:
      throw misstep("an event", `its type is unknown: ${String((event satisfies never as ClientEvent).type)}`);
  }
}

function fed(state: SessionState, out: Output, now: number, takes: (connection: ConnectionState) => void): void {
  whileOnline(state, (connection, own) => {
    const { part, durable } = clientOf(state, "an entry of the log");
    takes(connection);
    drain(state, connection, durable, out, now);
    if (connection.phase !== "online") return;
    establish(connection, part, durable, out);
    sendWaiting(connection, part, own, durable, out);
  });
}

function receive(state: SessionState, event: ServerPacketReceived, out: Output, now: number): void {
  const { connection } = state;
  const own = connection?.client;
  if (connection === undefined || own === undefined) {
    throw misstep(event.type, "no connection was asked for");
  }
  if (connection.phase === "closed") return;
  connection.lastReceivedAt = now;
  const { packet } = event;
  if (connection.phase === "online") return receiveOnline(state, connection, own, event, out, now);
  if (packet.type === "connack") return connackReceived(state, connection, own, packet, out, now);
  if (packet.type === "auth") return authReceived(state, connection, own, packet, out, now);
  closeWith(state, out, REASON.protocolError, now);
}

function receiveOnline(
  state: SessionState,
  connection: ConnectionState,
  own: ClientConnection,
  { packet, unsentAcknowledgements = 0 }: ServerPacketReceived,
  out: Output,
  now: number,
): void {
  const { part, durable } = clientOf(state, "packetReceived");
  switch (packet.type) {
    case "publish":
      return receivePublish(state, connection, durable, packet, unsentAcknowledgements, takePublish, out, now);
    case "puback":
    case "pubrec":
    case "pubcomp":
      // The type of PublishResponse is one literal at a time; these three are what acknowledge takes.
      acknowledge(state, connection, durable, packet as Parameters<typeof acknowledge>[3], out, now);
      if (connection.phase === "online") sendWaiting(connection, part, own, durable, out);
      return;
    case "pubrel":
      return receivePubrel(state, connection, durable, packet, out, now);
    case "suback":
    case "unsuback":
      requestAnswered(state, connection, own, packet, out, now);
      if (connection.phase === "online") sendWaiting(connection, part, own, durable, out);
      return;
    case "pingresp":
      own.pingSentAt = undefined;
      return;
    case "disconnect":
      return serverDisconnected(state, connection, packet, out, now);
    case "auth":
      return authReceived(state, connection, own, packet, out, now);
    case "connack":
      return closeWith(state, out, REASON.protocolError, now);
    default:
      packet satisfies never;
      return closeWith(state, out, REASON.malformedPacket, now);
  }
}

/** The server says good-bye (C13). Only 5.0 lets it, and without an interval (SE-12). */
function serverDisconnected(
  state: SessionState,
  connection: ConnectionState,
  packet: Extract<ServerPacket, { type: "disconnect" }>,
  out: Output,
  now: number,
): void {
  const { reasonCode, sessionExpiryInterval } = packet;
  const isLegal = connection.version === 5 && sessionExpiryInterval === undefined &&
    isLegalReasonCode("disconnect", "server", reasonCode);
  if (!isLegal) return closeWith(state, out, REASON.protocolError, now);
  const mayReconnect = reasonCode !== REASON.sessionTakenOver;
  out.effects.push({ type: "serverDisconnected", packet, mayReconnect });
  endClientConnection(state, connection, out, { reasonCode, tellsPeer: false, now });
}

function timePassed(state: SessionState, out: Output, now: number): void {
  const deadline = connectionDeadline(state);
  const { connection } = state;
  if (connection === undefined || deadline === undefined || deadline > now) return;
  if (connection.phase === "online") return keepAlivePassed(state, connection, out, now);
  // No CONNACK in time (LC-32): the session is as it was.
  endClientConnection(state, connection, out, { reasonCode: REASON.unspecifiedError, tellsPeer: false, now });
}

function whileOpen(state: SessionState, rule: (connection: ConnectionState) => void): void {
  const { connection } = state;
  if (connection !== undefined && connection.phase !== "closed") rule(connection);
}

function whileOnline(state: SessionState, rule: (connection: ConnectionState, own: ClientConnection) => void): void {
  const { connection } = state;
  if (connection?.phase === "online" && connection.client !== undefined) rule(connection, connection.client);
}
