/** A client connects: CONNECT, and what CONNACK makes of it (rows C1 to C8). */
import { misstep } from "../misuse.ts";
import { type AuthPacket, type ConnackPacket, type ConnectPacket, NEVER_EXPIRES } from "../../mqtt/packet.ts";
import { MAX_PACKET_SIZE } from "../../mqtt/packet_size.ts";
import * as REASON from "../../mqtt/reason.ts";
import { isFailure, isLegalReasonCode } from "../../mqtt/reason_code.ts";
import type { ConnectRequest } from "../client_event.ts";
import type { Output } from "../output.ts";
import type { ServerLimits } from "../policy.ts";
import type { SessionHead } from "../snapshot.ts";
import type { ClientConnection } from "../state/client_part.ts";
import { type ConnectionState, openConnection } from "../state/connection.ts";
import type { DurableState, SessionState } from "../state/session.ts";
import { endClientConnection } from "./client_ending.ts";
import { CLIENT_TABLE, type ClientRow } from "./client_lifecycle.ts";
import { sendWaiting } from "./client_requests.ts";
import {
  clientOf,
  establish,
  forgetSession,
  forgetSets,
  freeIdentifiers,
  isEstablished,
  putHead,
  renounceSession,
} from "./client_state.ts";
import { closeWith } from "./ending.ts";
import { intervalEndsAt } from "./lifecycle.ts";
import { send } from "./send.ts";
import { drain, resumeReleased } from "./sending.ts";

/** Sends CONNECT. What it forgets is written before it leaves, and none leaves without a commit: only an owner connects. */
export function connectRequested(state: SessionState, connect: ConnectRequest, out: Output, now: number): void {
  if (state.connection !== undefined && state.connection.phase !== "closed") {
    throw misstep("connectRequested", "the session has an open connection");
  }
  const { part, durable } = clientOf(state, "connectRequested");
  const version = connect.protocolVersion;
  const clientId = part.assigned ?? connect.clientId ?? durable.clientId;
  if (clientId === "" && version === 4 && !connect.cleanStart) {
    throw new RangeError("Cannot connect: a 3.1.1 client without an identifier has to start clean");
  }
  if (version === 4 && connect.authenticationMethod !== undefined) {
    throw new RangeError("Cannot connect: 3.1.1 knows no Authentication Method");
  }
  const row: ClientRow = CLIENT_TABLE.idle[eventOf(state, durable.head, connect, now)];
  const cleanStart = row.sendsCleanStart === true;
  const interval = intervalOf(connect, cleanStart);
  const connection = state.connection = openConnection(now);
  connection.phase = "connecting";
  connection.version = version;
  connection.requestedExpiryInterval = interval;
  if (row.forgets === "always") {
    // Whenever it is discarded, it is none to come back to: the server may have it no more from now on (LC-31).
    const forget = state.policy.discardOnCleanStart === "atSend" ? forgetSession : renounceSession;
    forget(state, { ...durable.head, protocolVersion: version, sessionExpiryInterval: interval }, out);
  } else {
    // It takes the place of another connection, and a clean start ends what the server has: who has lost the session to
    // another page by now must send neither.
    putHead(durable, durable.head, out);
  }
  const { password: _password, username: _username, authenticationData: _data, ...request } = connect;
  connection.client = {
    request,
    cleanStart,
    requests: new Map(),
    lastSentAt: now,
    pingSentAt: undefined,
    keepAliveMs: connect.keepAlive * 1_000,
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: true,
    sharedSubscriptionAvailable: true,
  };
  send(connection, out, connectPacket(connect, clientId, cleanStart, state.limits));
}

function eventOf(
  state: SessionState,
  head: SessionHead,
  connect: ConnectRequest,
  now: number,
): keyof typeof CLIENT_TABLE.idle & `connect${string}` {
  if (connect.cleanStart) return "connectClean";
  if (!isEstablished(head)) {
    // A 3.1.1 session that begins clean ends with its connection, so only one that was asked to is repeated (LC-31).
    return connect.protocolVersion === 5 || head.sessionExpiryInterval === 0 ? "connectCleanPending" : "connect";
  }
  const isOver = state.policy.ownExpiry === "keep" && connect.protocolVersion === 5 &&
    (intervalEndsAt(head) ?? Infinity) <= now;
  return isOver ? "connectExpired" : "connect";
}

/** The interval that CONNECT asks for: a 3.1.1 session ends with its connection or never (SE-16). */
function intervalOf({ protocolVersion, sessionExpiryInterval = 0 }: ConnectRequest, cleanStart: boolean): number {
  if (protocolVersion === 5) return sessionExpiryInterval;
  return cleanStart ? 0 : NEVER_EXPIRES;
}

function connectPacket(
  connect: ConnectRequest,
  clientId: string,
  cleanStart: boolean,
  limits: ServerLimits,
): ConnectPacket {
  if (connect.protocolVersion === 4) {
    const { protocolVersion, keepAlive, will, username, password } = connect;
    return {
      type: "connect",
      protocolVersion,
      clientId,
      cleanStart,
      keepAlive,
      ...(will === undefined ? {} : { will }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    };
  }
  const { receiveMaximum, maximumPacketSize, topicAliasMaximum } = limits;
  return {
    ...connect,
    type: "connect",
    clientId,
    cleanStart,
    ...(receiveMaximum === 65_535 ? {} : { receiveMaximum }),
    ...(maximumPacketSize >= MAX_PACKET_SIZE ? {} : { maximumPacketSize }),
    ...(topicAliasMaximum === 0 ? {} : { topicAliasMaximum }),
  };
}

/** CONNACK came: the session begins, goes on, or is to be had no more. */
export function connackReceived(
  state: SessionState,
  connection: ConnectionState,
  own: ClientConnection,
  packet: ConnackPacket,
  out: Output,
  now: number,
): void {
  const { durable } = clientOf(state, "packetReceived");
  if (isInvalid(connection, own, packet)) return closeWith(state, out, REASON.protocolError, now);
  if (packet.reasonCode !== REASON.success) {
    out.effects.push({ type: "connectRefused", connack: packet });
    const reasonCode = connection.version === 5 ? packet.reasonCode : REASON.unspecifiedError;
    return endClientConnection(state, connection, out, { reasonCode, tellsPeer: false, now });
  }
  const event = acceptedAs(state, connection, own, durable, packet.sessionPresent);
  const row: ClientRow = CLIENT_TABLE.connecting[event];
  if (row.closes !== undefined) return closeWith(state, out, row.closes, now);
  takeLimits(state, connection, own, packet);
  accept(state, connection, own, packet, row, out, now);
}

/** What no server may say ([MQTT-3.2.2-6], FC-07, CL-04, AU-03). */
function isInvalid(connection: ConnectionState, own: ClientConnection, packet: ConnackPacket): boolean {
  if (connection.version === 4) return packet.reasonCode > 5 || (packet.reasonCode !== 0 && packet.sessionPresent);
  if (!isLegalReasonCode("connack", "server", packet.reasonCode)) return true;
  if (isFailure(packet.reasonCode)) return packet.sessionPresent;
  if (packet.receiveMaximum === 0 || packet.maximumPacketSize === 0) return true;
  if (packet.assignedClientIdentifier === "" || packet.authenticationMethod !== own.request.authenticationMethod) {
    return true;
  }
  return packet.authenticationData !== undefined && own.request.authenticationMethod === undefined;
}

function acceptedAs(
  state: SessionState,
  connection: ConnectionState,
  own: ClientConnection,
  { head }: DurableState,
  sessionPresent: boolean,
): "acceptedWithoutState" | "acceptedNew" | "acceptedPresent" | "acceptedUnexpectedly" {
  const goesOn = isEstablished(head) && !own.cleanStart;
  const closes = connection.version === 4 && state.policy.unexpectedNewSession === "close";
  if (sessionPresent) {
    if (goesOn) return "acceptedPresent";
    // A 3.1.1 client may go on with a session that it does not know: for it that one is new (LC-14).
    return connection.version === 5 || closes ? "acceptedUnexpectedly" : "acceptedNew";
  }
  if (!isEstablished(head)) return "acceptedWithoutState";
  return goesOn && closes ? "acceptedUnexpectedly" : "acceptedNew";
}

function takeLimits(
  state: SessionState,
  connection: ConnectionState,
  own: ClientConnection,
  packet: ConnackPacket,
): void {
  connection.sendQuota = Math.min(packet.receiveMaximum ?? 65_535, state.limits.maximumInFlight);
  if (connection.version === 4) return;
  connection.maximumPacketSize = packet.maximumPacketSize ?? Infinity;
  connection.peer = { maximumQoS: packet.maximumQoS ?? 2, retainAvailable: packet.retainAvailable ?? true };
  own.wildcardSubscriptionAvailable = packet.wildcardSubscriptionAvailable ?? true;
  own.subscriptionIdentifiersAvailable = packet.subscriptionIdentifiersAvailable ?? true;
  own.sharedSubscriptionAvailable = packet.sharedSubscriptionAvailable ?? true;
  if (packet.serverKeepAlive !== undefined) own.keepAliveMs = packet.serverKeepAlive * 1_000;
}

function accept(
  state: SessionState,
  connection: ConnectionState,
  own: ClientConnection,
  packet: ConnackPacket,
  row: ClientRow,
  out: Output,
  now: number,
): void {
  const { part, durable } = clientOf(state, "packetReceived");
  const { sessionPresent, assignedClientIdentifier } = packet;
  connection.phase = "online";
  const { disconnectedAt: _at, disconnectReason: _reason, ...head } = durable.head;
  const accepted = {
    ...head,
    protocolVersion: connection.version,
    sessionExpiryInterval: packet.sessionExpiryInterval ?? connection.requestedExpiryInterval,
  };
  if (isEstablished(durable.head) && row.forgets === "always") {
    forgetSession(state, accepted, out);
  } else {
    // What came while an earlier session was being forgotten belongs to the one after it, which may be lost by now as
    // well; where a 3.1.1 server still has that one, it goes on.
    if (!sessionPresent || own.cleanStart) forgetSets(durable, out);
    putHead(durable, accepted, out);
  }
  if (!sessionPresent) freeIdentifiers(durable, out);
  connection.startedThrough = connection.lastStarted = part.startedThrough;
  connection.lostThrough = part.lostThrough;
  connection.tail = part.tail;
  if (assignedClientIdentifier !== undefined) {
    part.assigned = assignedClientIdentifier;
    out.effects.push({ type: "clientIdentifierAssigned", clientId: assignedClientIdentifier });
  }
  out.effects.push({ type: "connected", sessionPresent, connack: packet });
  if (row.resends === true) resumeReleased(connection, durable, out);
  establish(connection, part, durable, out);
  drain(state, connection, durable, out, now);
  sendWaiting(connection, part, own, durable, out);
}

/** The server goes on with an enhanced authentication, which is the host's to answer (AU-02, AU-03, AU-04). */
export function authReceived(
  state: SessionState,
  connection: ConnectionState,
  own: ClientConnection,
  packet: AuthPacket,
  out: Output,
  now: number,
): void {
  const method = own.request.authenticationMethod;
  const goesOn = packet.reasonCode === 0x18 || (packet.reasonCode === 0 && connection.phase === "online");
  const isValid = method !== undefined && packet.authenticationMethod === method && goesOn;
  if (!isValid) return closeWith(state, out, REASON.protocolError, now);
  out.effects.push({ type: "authReceived", packet });
}
