/**
 * The one function that moves a session.
 *
 * @module
 */
import { misstep } from "./misuse.ts";
import type { ClientPacket } from "../mqtt/packet.ts";
import type { QueuedMessage } from "../mqtt/message.ts";
import * as REASON from "../mqtt/reason.ts";
import { legalReasonCode } from "../mqtt/reason_code.ts";
import type { Change } from "./change.ts";
import type { Effect } from "./effect.ts";
import type { CloseRequested, Event, PacketReceived, Qos0Offered } from "./event.ts";
import { emptyOutput, type Output } from "./output.ts";
import type { Request } from "./request.ts";
import { acknowledge } from "./rules/acknowledgement.ts";
import { expirySet, messagesPurged, subscriptionRemoved, subscriptionSet } from "./rules/administering.ts";
import {
  authenticationContinued,
  reauthenticated,
  reauthenticationRefused,
  receiveAuth,
  receiveWhileAuthenticating,
} from "./rules/authenticating.ts";
import {
  acquireRefused,
  authenticated,
  authenticationRefused,
  receiveConnect,
  refuse,
  sessionAcquired,
} from "./rules/connecting.ts";
import { receiveDisconnect } from "./rules/disconnecting.ts";
import { closeUnsendable, closeWith, endConnection, endSession, settle } from "./rules/ending.ts";
import { send } from "./rules/send.ts";
import { detachedHead, ENDING_TABLE } from "./rules/lifecycle.ts";
import { hasRoom, takePage } from "./rules/page.ts";
import { receivePublish, receivePubrel } from "./rules/publishing.ts";
import { publishRefused, publishRouted, routePublish } from "./rules/routing.ts";
import { advanceRetained, retainedLoaded, retainedSettled } from "./rules/retained.ts";
import { drain, offerQos0 } from "./rules/sending.ts";
import {
  answerRefusedSubscribe,
  receiveSubscribe,
  receiveUnsubscribe,
  subscribeAuthorized,
} from "./rules/subscribing.ts";
import { connectionResumed, reloadedFurther, sessionReloaded } from "./rules/waking.ts";
import { type ConnectionState, openConnection } from "./state/connection.ts";
import { connectionDeadline } from "./state/deadlines.ts";
import { type DurableState, type Session, type SessionState, stateOf } from "./state/session.ts";

/** What one step asks, changes and causes. */
export interface StepResult {
  /** Facts that the machine needs; each comes back as an event. */
  readonly requests: readonly Request[];
  /** What must be durable, in one commit with all earlier changes or after them. */
  readonly changes: readonly Change[];
  /** What may then be done, in order, after the effects of all earlier steps. */
  readonly effects: readonly Effect[];
}

/**
 * Moves a session: decides all that the MQTT text decides and does nothing else.
 *
 * `now` is in epoch milliseconds; the session is updated in place, the result holds copies. What a peer does wrong is an
 * outcome, a close with its reason code. An event that the host must not send throws a `TypeError`, and changes nothing.
 *
 * @example A client connects to a session that a store handed out
 * ```ts
 * import { openSession, step } from "@edge-mqtt/session/machine";
 *
 * const session = openSession(undefined, { role: "server" });
 * step(session, { type: "connectionOpened" }, 0);
 * const { requests } = step(session, {
 *   type: "packetReceived",
 *   packet: { type: "connect", protocolVersion: 5, clientId: "a", cleanStart: false, keepAlive: 60 },
 * }, 1);
 * console.assert(requests[0]?.type === "authenticate");
 * ```
 */
export function step(session: Session, event: Event, now: number): StepResult {
  const state = stateOf(session);
  if (state.role !== "server") throw misstep("the session as a server's", "it is a client's");
  const at = state.policy.backwardTime === "hold" ? Math.max(now, state.latestNow) : now;
  const out = emptyOutput();
  move(state, event, out, at);
  if (state.connection?.retained !== undefined) advanceRetained(state, state.connection, out);
  closeUnsendable(state, out, at);
  state.latestNow = at;
  // The rules of this role send what a server sends, and cause nothing that is a client's.
  return out as Output & StepResult;
}

function move(state: SessionState, event: Event, out: Output, now: number): void {
  switch (event.type) {
    case "packetReceived":
      return receive(state, event, out, now);
    case "messagesAppended":
      return whileOnline(state, (connection, durable) => {
        const { messages, tail, withheld } = event;
        const first = messages?.[0]?.sequence;
        const isNext = first === connection.cursor + 1 && !connection.loading && hasRoom(connection, state.limits);
        if (messages !== undefined && isNext) {
          takePage(connection, messages, connection.cursor + messages.length, withheld);
        }
        if (tail > connection.tail) connection.tail = tail;
        drain(state, connection, durable, out, now);
      });
    case "publishRouted":
      return whileOnline(state, (connection, durable) => publishRouted(connection, durable, event, out));
    case "publishRefused":
      return whileOnline(
        state,
        (connection, durable) => publishRefused(state, connection, durable, event, out, now),
      );
    case "subscribeAuthorized":
      return whileOnline(
        state,
        (connection, durable) => subscribeAuthorized(state, connection, durable, event, out),
      );
    case "queueLoaded":
      if (state.connection?.phase === "asleep") return reloadedFurther(state, state.connection, event, out, now);
      return whileOnline(state, (connection, durable) => {
        connection.loading = false;
        takePage(connection, event.messages, event.through, event.withheld);
        drain(state, connection, durable, out, now);
      });
    case "qos0Offered":
      return whileOnline(state, (connection) => offerQos0(state, connection, offered(event), out, now));
    case "retainedLoaded":
      return whileOnline(state, (connection, durable) => retainedLoaded(connection, durable, event, out));
    case "retainedSettled":
      return whileOnline(state, (connection, durable) => retainedSettled(connection, durable, event, out));
    case "expirySet":
      return whileOnline(state, (connection, durable) => expirySet(connection, durable, event, out));
    case "subscriptionSet":
      return whileOnline(state, (connection, durable) => subscriptionSet(state, connection, durable, event, out));
    case "subscriptionRemoved":
      return whileOnline(state, (_, durable) => subscriptionRemoved(durable, event, out));
    case "messagesPurged":
      return whileOnline(state, (connection, durable) => messagesPurged(state, connection, durable, event, out, now));
    case "connectionOpened":
      if (state.connection !== undefined || state.durable !== undefined) {
        throw misstep(event.type, "the session has a connection or a stored state");
      }
      state.connection = openConnection(event.openedAt ?? now);
      if (event.sleeps === true) {
        state.connection.sleeps = true;
        state.limits = { ...state.limits, topicAliasMaximum: 0 };
      }
      return;
    case "connectionResumed":
      if (state.connection !== undefined || state.durable !== undefined) {
        throw new TypeError("Cannot step connectionResumed: the session has a connection or a stored state already");
      }
      return connectionResumed(state, event);
    case "sessionReloaded":
      return sessionReloaded(state, connectionOf(state, event), event, out, now);
    case "authenticated":
      return authenticated(state, connectionOf(state, event), event, out, now);
    case "authenticationContinued":
      return authenticationContinued(connectionOf(state, event), event, out);
    case "reauthenticated":
      return reauthenticated(connectionOf(state, event), event, out);
    case "authenticationRefused": {
      const connection = connectionOf(state, event);
      if (connection.phase === "online") return reauthenticationRefused(state, connection, event, out, now);
      return authenticationRefused(connection, event, out);
    }
    case "sessionAcquired":
      return sessionAcquired(state, connectionOf(state, event), event, out, now);
    case "acquireRefused":
      return acquireRefused(connectionOf(state, event), event, out);
    case "packetMalformed":
      return malformed(state, connectionOf(state, event), event.reasonCode, out, now);
    case "connectionClosed":
      connectionOf(state, event);
      return endConnection(state, out, ENDING_TABLE.attached.connectionLost, {
        reasonCode: REASON.unspecifiedError,
        tellsPeer: false,
        now,
      });
    case "superseded":
      connectionOf(state, event);
      return endConnection(state, out, ENDING_TABLE.attached.superseded, {
        reasonCode: event.reasonCode ?? REASON.sessionTakenOver,
        tellsPeer: true,
        now,
      });
    case "closeRequested":
      connectionOf(state, event);
      return closeRequested(state, event, out, now);
    case "endRequested":
      return endRequested(state, out, now);
    case "ownerLost":
      return ownerLost(state, event.at, out, now);
    case "timePassed":
      return timePassed(state, out, now);
    default:
      throw misstep("an event", `its type is unknown: ${String((event satisfies never as Event).type)}`);
  }
}

function receive(state: SessionState, event: PacketReceived, out: Output, now: number): void {
  const connection = connectionOf(state, event);
  // After a close nothing counts any more: neither here nor of a superseded connection (S16, [MQTT-3.14.4-1]).
  if (connection.phase === "closed" || connection.lostWhileAcquiring) return;
  connection.lastReceivedAt = now;
  const { packet } = event;
  if (connection.phase === "opened") {
    if (packet.type === "connect") return receiveConnect(state, connection, packet, out, now);
    return closeWith(state, out, REASON.protocolError, now);
  }
  const { durable } = state;
  const { authentication } = connection;
  if (connection.phase === "authenticating" && authentication !== undefined) {
    return receiveWhileAuthenticating(state, connection, authentication, packet, out, now);
  }
  // Nothing of the session is needed for it.
  if (connection.phase === "asleep" && packet.type === "pingreq") return send(connection, out, { type: "pingresp" });
  if (connection.phase !== "online" || durable === undefined) {
    throw misstep(event.type, `the connection is ${connection.phase}`);
  }
  receiveOnline(state, connection, durable, packet, event.unsentAcknowledgements ?? 0, out, now);
}

function receiveOnline(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  packet: ClientPacket,
  unsent: number,
  out: Output,
  now: number,
): void {
  switch (packet.type) {
    case "publish":
      return receivePublish(state, connection, durable, packet, unsent, routePublish, out, now);
    case "puback":
    case "pubrec":
    case "pubcomp":
      // The type of PublishResponse is one literal at a time; these three are what acknowledge takes.
      return acknowledge(state, connection, durable, packet as Parameters<typeof acknowledge>[3], out, now);
    case "pubrel":
      return receivePubrel(state, connection, durable, packet, out, now);
    case "subscribe":
      receiveSubscribe(state, connection, durable, packet, out, now);
      return answerRefusedSubscribe(state, connection, durable, out);
    case "unsubscribe":
      return receiveUnsubscribe(state, connection, durable, packet, out, now);
    case "pingreq":
      return send(connection, out, { type: "pingresp" });
    case "disconnect":
      return receiveDisconnect(state, connection, durable, packet, out, now);
    case "auth":
      return receiveAuth(state, connection, packet, out, now);
    case "connect":
      // A second one ([MQTT-3.1.0-2]).
      return closeWith(state, out, REASON.protocolError, now);
    default:
      packet satisfies never;
      return closeWith(state, out, REASON.malformedPacket, now);
  }
}

function offered(event: Qos0Offered): QueuedMessage {
  const { message, retain, subscriptionIdentifiers } = event;
  return { ...message, qos: 0, retain, subscriptionIdentifiers, sequence: 0 };
}

function malformed(
  state: SessionState,
  connection: ConnectionState,
  reasonCode: number,
  out: Output,
  now: number,
): void {
  // An ill-formed CONNECT of 3.1.1 gets no CONNACK ([MQTT-3.1.4-1]); of which version it was is not known.
  if (connection.phase !== "opened") return closeWith(state, out, reasonCode, now);
  connection.phase = "closed";
  out.effects.push({ type: "closeConnection", reasonCode });
}

function closeRequested(state: SessionState, event: CloseRequested, out: Output, now: number): void {
  const connection = state.connection;
  const { type: _type, reasonCode, ...texts } = event;
  if (connection?.phase === "authenticating" || connection?.phase === "acquiring") {
    if (connection.lostWhileAcquiring) return;
    // Not every code of a DISCONNECT may stand on a CONNACK: 0x8B is one of them.
    const told = legalReasonCode("connack", reasonCode, REASON.serverUnavailable);
    return refuse(connection, out, { reasonCode: told, ...texts });
  }
  endConnection(state, out, ENDING_TABLE.attached.connectionLost, { reasonCode, ...texts, tellsPeer: true, now });
}

function endRequested(state: SessionState, out: Output, now: number): void {
  const ending = { reasonCode: REASON.administrativeAction, tellsPeer: true, now };
  const isOpen = state.connection !== undefined && state.connection.phase !== "closed";
  if (isOpen) return endConnection(state, out, ENDING_TABLE.attached.endRequested, ending);
  endSession(state, out, ENDING_TABLE.detached.endRequested, ending);
}

function ownerLost(state: SessionState, at: number, out: Output, now: number): void {
  const durable = state.durable;
  if (durable === undefined || state.connection !== undefined) {
    throw misstep("ownerLost", "the session was not read from a store");
  }
  if (!durable.head.attached) return;
  settle(state, durable, out, detachedHead(durable.head, at, REASON.unspecifiedError), now, undefined);
}

function timePassed(state: SessionState, out: Output, now: number): void {
  // What the end of the connection leaves is not known before the session is.
  if (state.connection?.phase === "asleep") return;
  const deadline = connectionDeadline(state);
  if (deadline !== undefined && deadline <= now) return closeWith(state, out, REASON.keepAliveTimeout, now);
  const durable = state.durable;
  if (durable === undefined || durable.head.attached) return;
  settle(state, durable, out, durable.head, now, undefined);
}

/** Runs a rule on an open connection. What comes after the close changes nothing. */
function whileOnline(state: SessionState, rule: (connection: ConnectionState, durable: DurableState) => void): void {
  const { connection, durable } = state;
  if (connection?.phase === "online" && durable !== undefined) rule(connection, durable);
}

function connectionOf(state: SessionState, event: Event): ConnectionState {
  if (state.connection !== undefined) return state.connection;
  throw misstep(event.type, "no connection was opened");
}
