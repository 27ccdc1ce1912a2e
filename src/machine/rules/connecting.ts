/**
 * A client connects: CONNECT is checked, then authenticated, then the session is acquired; only then comes CONNACK.
 *
 * A CONNECT that fails on the way touches no session (S1).
 */
import { checkRefusal, misstep } from "../misuse.ts";
import { messageBytes } from "../../mqtt/message.ts";
import { type ConnackPacket, type ConnectPacket, NEVER_EXPIRES, type ProtocolVersion } from "../../mqtt/packet.ts";
import { isSharedFilter } from "../../mqtt/filter.ts";
import * as REASON from "../../mqtt/reason.ts";
import { connackReturnCode } from "../../mqtt/reason_code.ts";
import { hasMoreLevels, isTopicName } from "../../mqtt/topic.ts";
import { isUtf8EncodedString } from "../../mqtt/utf8.ts";
import type { Will } from "../../mqtt/will.ts";
import type { AcquireRefused, Authenticated, AuthenticationRefused, SessionAcquired } from "../event.ts";
import type { Output } from "../output.ts";
import type { ServerLimits } from "../policy.ts";
import type { AcquireTerms } from "../request.ts";
import type { ConnectionState } from "../state/connection.ts";
import { durableOf, type DurableState, type SessionState } from "../state/session.ts";
import { endSession } from "./ending.ts";
import { send } from "./send.ts";
import { keepAliveTerms } from "./keep_alive.ts";
import { ENDING_TABLE, expiryNumbers } from "./lifecycle.ts";
import { takePage } from "./page.ts";
import { oweStored } from "./retained.ts";
import { drain, resumeReleased } from "./sending.ts";
import { sendAhead } from "./started.ts";
import { borrow, revokeSubscription } from "./subscribing.ts";

/** The first packet came: it is a CONNECT, or the connection closes without a word ([MQTT-3.1.0-1]). */
export function receiveConnect(
  state: SessionState,
  connection: ConnectionState,
  packet: ConnectPacket,
  out: Output,
  now: number,
): void {
  const version = packet.protocolVersion;
  if (version !== 4 && version !== 5) {
    // The return code of 3.1.1 is what a client of any other version is most likely to read.
    connection.version = version > 5 ? 5 : 4;
    return refuse(connection, out, { reasonCode: REASON.unsupportedProtocolVersion });
  }
  connection.version = version;
  const fault = faultOf(packet, version, state.limits);
  if (fault !== undefined) return refuse(connection, out, { reasonCode: fault });
  const { password: _password, username: _username, authenticationData: _data, ...kept } = packet;
  connection.connect = kept;
  connection.requestedExpiryInterval = packet.sessionExpiryInterval ?? 0;
  connection.lastReceivedAt = now;
  connection.maximumPacketSize = packet.maximumPacketSize ?? Infinity;
  connection.sendQuota = Math.min(packet.receiveMaximum ?? 65_535, state.limits.maximumInFlight);
  const { authenticationMethod: method } = packet;
  if (method !== undefined) connection.authentication = { method, turn: "host" };
  connection.phase = "authenticating";
  out.requests.push({ type: "authenticate", connect: packet });
}

function faultOf(packet: ConnectPacket, version: ProtocolVersion, limits: ServerLimits): number | undefined {
  if (packet.receiveMaximum === 0 || packet.maximumPacketSize === 0) return REASON.protocolError;
  const { authenticationMethod: method } = packet;
  if (method === undefined) {
    if (packet.authenticationData !== undefined) return REASON.protocolError;
  } else if (version === 4 || !limits.authenticationMethods.includes(method)) return REASON.badAuthenticationMethod;
  if (version === 4 && packet.clientId === "" && !packet.cleanStart) return REASON.clientIdentifierNotValid;
  if (!isUtf8EncodedString(packet.clientId)) return REASON.clientIdentifierNotValid;
  if (packet.clientId.length > limits.maximumClientIdLength) return REASON.clientIdentifierNotValid;
  return willFault(packet.will, version, limits);
}

function willFault(will: Will | undefined, version: ProtocolVersion, limits: ServerLimits): number | undefined {
  if (will === undefined) return undefined;
  const { topic, properties: { userProperties = [] } } = will;
  if (!isTopicName(topic) || hasMoreLevels(topic, limits.maximumTopicLevels)) return REASON.topicNameInvalid;
  if (userProperties.length > limits.maximumUserProperties) return REASON.quotaExceeded;
  if (messageBytes(will) > limits.maximumWillBytes) return REASON.quotaExceeded;
  if (will.qos > limits.maximumQoS) return REASON.qosNotSupported;
  // 3.1.1 cannot be told that nothing is retained: there the Will is delivered, and that is all.
  return will.retain && !limits.retainAvailable && version === 5 ? REASON.retainNotSupported : undefined;
}

/** The host knows who this is: now the session is asked for. */
export function authenticated(
  state: SessionState,
  connection: ConnectionState,
  event: Authenticated,
  out: Output,
  now: number,
): void {
  const connect = connectOf(connection, "authenticating", "authenticated");
  if (connect === undefined) return;
  const { authentication } = connection;
  if (authentication === undefined ? event.authenticationData !== undefined : authentication.turn !== "host") {
    throw misstep(event.type, "the host was not asked");
  }
  if (authentication !== undefined) authentication.turn = undefined;
  if (event.limits !== undefined) {
    connection.limits = event.limits;
    state.limits = { ...state.limits, ...event.limits, ...(connection.sleeps ? { topicAliasMaximum: 0 } : {}) };
    const fault = willFault(connect.will, connection.version, state.limits);
    if (fault !== undefined) return refuse(connection, out, { reasonCode: fault });
    connection.sendQuota = Math.min(connect.receiveMaximum ?? 65_535, state.limits.maximumInFlight);
  }
  connection.authenticationData = event.authenticationData;
  connection.responseInformation = event.responseInformation;
  const demand = { imposed: event.serverKeepAlive, maximum: state.limits.maximumKeepAlive };
  const keepAlive = keepAliveTerms(connect.keepAlive, demand, connection.version === 5);
  connection.silenceMs = keepAlive.silenceMs;
  connection.serverKeepAlive = keepAlive.serverKeepAlive;
  const imposed = event.sessionExpiryInterval;
  const interval = intervalInForce(connect, connection.version, imposed, state.limits);
  // What the host has imposed is not the client's to lengthen when it leaves.
  if (imposed !== undefined) connection.longestExpiryInterval = interval;
  connection.phase = "acquiring";
  out.requests.push({ type: "acquire", terms: termsOf(state, connection, connect, event, interval, now) });
}

/** The Session Expiry Interval in force: a 3.1.1 session ends with its connection or never (SE-16), up to the longest. */
function intervalInForce(
  connect: NonNullable<ConnectionState["connect"]>,
  version: ProtocolVersion,
  imposed: number | undefined,
  limits: ServerLimits,
): number {
  const asked = version === 5 ? connect.sessionExpiryInterval ?? 0 : connect.cleanStart ? 0 : NEVER_EXPIRES;
  return imposed === undefined
    ? allowedInterval(asked, limits)
    : Math.min(imposed, limits.maximumSessionExpiryInterval);
}

/** An interval in seconds between the shortest and the longest; 0, which asks for no session, stays. */
export function allowedInterval(asked: number, limits: ServerLimits): number {
  const raised = asked === 0 ? 0 : Math.max(asked, limits.minimumSessionExpiryInterval);
  return Math.min(raised, limits.maximumSessionExpiryInterval);
}

function termsOf(
  state: SessionState,
  connection: ConnectionState,
  connect: NonNullable<ConnectionState["connect"]>,
  event: Authenticated,
  interval: number,
  now: number,
): AcquireTerms {
  const { will } = connect;
  // In 3.1.1 the Will belongs to the connection: there is no delay.
  const delay = will === undefined || connection.version === 4 ? 0 : will.willDelayInterval;
  return {
    clientId: event.clientId,
    mustBeNew: event.assigned,
    cleanStart: connect.cleanStart,
    head: {
      protocolVersion: connection.version,
      attached: true,
      connectedAt: now,
      sessionExpiryInterval: interval,
      ...expiryNumbers(interval),
      ...(will === undefined ? {} : { willAfterMs: delay * 1_000 }),
      onTakeover: will !== undefined && delay === 0 ? "release" : "discard",
      sentLimit: 0,
    },
    ...(will === undefined ? {} : { will }),
    sendAhead: sendAhead(state, connection),
    releaseWillOnCleanStart: state.policy.pendingWillOnCleanStart === "publish",
    resumeAcrossVersions: state.policy.resumeAcrossVersions,
  };
}

/** The host refuses the client. */
export function authenticationRefused(connection: ConnectionState, event: AuthenticationRefused, out: Output): void {
  if (connectOf(connection, "authenticating", "authenticationRefused") === undefined) return;
  const { type: _type, ...refusal } = event;
  checkRefusal(refusal.reasonCode);
  refuse(connection, out, refusal);
}

/** The store refuses, or could not be asked. */
export function acquireRefused(connection: ConnectionState, event: AcquireRefused, out: Output): void {
  if (connectOf(connection, "acquiring", "acquireRefused") === undefined) return;
  connection.phase = "closed";
  if (!connection.lostWhileAcquiring) refuse(connection, out, { reasonCode: event.reasonCode });
}

/** The session is this connection's: CONNACK, then the resend set, then the log ([MQTT-3.2.0-1]). */
export function sessionAcquired(
  state: SessionState,
  connection: ConnectionState,
  event: SessionAcquired,
  out: Output,
  now: number,
): void {
  if (connectOf(connection, "acquiring", "sessionAcquired") === undefined) return;
  const durable = durableOf(event.snapshot);
  state.durable = durable;
  connection.phase = "online";
  // The stored limit runs ahead of the log (D3): what comes after the acquire was never sent by anyone.
  connection.startedThrough = Math.min(event.startedThrough, event.tail);
  connection.lastStarted = connection.startedThrough;
  connection.tail = event.tail;
  if (connection.lostWhileAcquiring) {
    // The client never saw a CONNACK: this is a connection that was lost at once.
    connection.phase = "closed";
    const ending = { reasonCode: REASON.unspecifiedError, tellsPeer: false, now };
    return endSession(state, out, ENDING_TABLE.attached.connectionLost, ending);
  }
  connection.lastReceivedAt = now;
  for (const filter of event.revoked ?? []) revokeSubscription(durable, filter, out);
  send(connection, out, connack(state, connection, durable, event.resumed));
  connection.connect = undefined;
  if (state.limits.retainAvailable) oweStored(connection, durable);
  // What it had claimed was given back, and it goes on all the same.
  if ([...durable.subscriptions.keys()].some(isSharedFilter)) borrow(durable, out);
  connection.authenticationData = undefined;
  resumeReleased(connection, durable, out);
  connection.firstPubrecOrder = connection.pubrecOrder;
  takePage(connection, event.messages, event.through, event.withheld);
  drain(state, connection, durable, out, now);
}

/** CONNACK with what the client must know: limits that differ from their defaults, and what was overridden. */
function connack(
  state: SessionState,
  connection: ConnectionState,
  durable: DurableState,
  sessionPresent: boolean,
): ConnackPacket {
  if (connection.version === 4) return { type: "connack", sessionPresent, reasonCode: 0 };
  const limits = state.limits;
  const { serverKeepAlive, responseInformation, authentication, authenticationData } = connection;
  const interval = durable.head.sessionExpiryInterval;
  const asked = connection.requestedExpiryInterval;
  return {
    type: "connack",
    sessionPresent,
    reasonCode: REASON.success,
    ...(interval === asked ? {} : { sessionExpiryInterval: interval }),
    ...(limits.receiveMaximum === 65_535 ? {} : { receiveMaximum: limits.receiveMaximum }),
    ...(limits.maximumQoS === 2 ? {} : { maximumQoS: limits.maximumQoS }),
    ...(limits.retainAvailable ? {} : { retainAvailable: false }),
    maximumPacketSize: limits.maximumPacketSize,
    // Whoever made it, the client does not know it yet ([MQTT-3.2.2-16]).
    ...(connection.connect?.clientId === "" ? { assignedClientIdentifier: durable.clientId } : {}),
    ...(limits.topicAliasMaximum === 0 ? {} : { topicAliasMaximum: limits.topicAliasMaximum }),
    ...(limits.wildcardSubscriptionAvailable ? {} : { wildcardSubscriptionAvailable: false }),
    ...(limits.subscriptionIdentifiersAvailable ? {} : { subscriptionIdentifiersAvailable: false }),
    ...(limits.sharedSubscriptionAvailable ? {} : { sharedSubscriptionAvailable: false }),
    ...(serverKeepAlive === undefined ? {} : { serverKeepAlive }),
    ...(responseInformation === undefined || connection.connect?.requestResponseInformation !== true
      ? {}
      : { responseInformation }),
    // The method stands on every CONNACK with success, and on no other ([MQTT-4.12.0-5], [MQTT-4.12.0-7]).
    ...(authentication === undefined ? {} : { authenticationMethod: authentication.method }),
    ...(authenticationData === undefined ? {} : { authenticationData }),
  };
}

type Refusal = Pick<ConnackPacket, "reasonCode" | "reasonString" | "serverReference">;

/** A refusing CONNACK carries Session Present 0, and nothing follows it but the close ([MQTT-3.2.2-6], [MQTT-3.2.2-7]). */
export function refuse(connection: ConnectionState, out: Output, refusal: Refusal): void {
  // The store may be giving this connection the session right now: what comes back is let go again at once.
  if (connection.phase === "acquiring") connection.lostWhileAcquiring = true;
  else connection.phase = "closed";
  const { reasonCode } = refusal;
  const told = connection.version === 4 ? { reasonCode: connackReturnCode(reasonCode) } : refusal;
  send(connection, out, { type: "connack", sessionPresent: false, ...told });
  out.effects.push({ type: "closeConnection", reasonCode });
}

/** The CONNECT that an answer belongs to; `undefined` when the connection has closed meanwhile. */
function connectOf(
  connection: ConnectionState,
  phase: "authenticating" | "acquiring",
  event: string,
): ConnectionState["connect"] {
  if (connection.phase === "closed") return undefined;
  if (connection.phase !== phase) throw misstep(event, `the connection is ${connection.phase}`);
  return connection.connect;
}
