/**
 * Enhanced authentication in the server (5.0): the host decides, and AUTH packets carry what it and the client say.
 *
 * Nothing of it is kept: a step's data goes to the host and is forgotten. Until the host is content no session is asked
 * for, so that a CONNECT which never gets there touches none (AU-05, AU-06).
 */
import { checkRefusal, misstep } from "../misuse.ts";
import type { AuthPacket, ClientPacket } from "../../mqtt/packet.ts";
import * as REASON from "../../mqtt/reason.ts";
import { legalReasonCode } from "../../mqtt/reason_code.ts";
import type { AuthenticationContinued, AuthenticationRefused, Reauthenticated } from "../event.ts";
import type { Output } from "../output.ts";
import type { ConnectionState, EnhancedAuthentication } from "../state/connection.ts";
import type { SessionState } from "../state/session.ts";
import { refuse } from "./connecting.ts";
import { closeWith, endConnection } from "./ending.ts";
import { ENDING_TABLE } from "./lifecycle.ts";
import { send } from "./send.ts";

/**
 * What comes before CONNACK from a client whose CONNECT named a method: AUTH and DISCONNECT, and nothing else
 * ([MQTT-3.1.2-30]).
 */
export function receiveWhileAuthenticating(
  state: SessionState,
  connection: ConnectionState,
  authentication: EnhancedAuthentication,
  packet: ClientPacket,
  out: Output,
  now: number,
): void {
  if (packet.type === "disconnect") {
    const ending = { reasonCode: packet.reasonCode, tellsPeer: false, now };
    return endConnection(state, out, ENDING_TABLE.absent.connectionLost, ending);
  }
  const goesOn = packet.type === "auth" && isNext(authentication, packet, REASON.continueAuthentication, "client");
  if (!goesOn) return refuse(connection, out, { reasonCode: REASON.protocolError });
  authentication.turn = "host";
  out.requests.push({ type: "authenticateStep", auth: packet });
}

/** AUTH on an open connection: authenticating again, while all else goes on (AU-07, AU-09). */
export function receiveAuth(
  state: SessionState,
  connection: ConnectionState,
  packet: AuthPacket,
  out: Output,
  now: number,
): void {
  const { authentication } = connection;
  // Without a method in CONNECT there is no AUTH at all ([MQTT-4.12.0-6]).
  if (authentication === undefined) return closeWith(state, out, REASON.protocolError, now);
  const begins = isNext(authentication, packet, REASON.reAuthenticate, undefined);
  const goesOn = isNext(authentication, packet, REASON.continueAuthentication, "client");
  if (!begins && !goesOn) return closeWith(state, out, REASON.protocolError, now);
  authentication.turn = "host";
  out.requests.push({ type: begins ? "reauthenticate" : "authenticateStep", auth: packet });
}

/** Whether it is the packet that may come now: of the same method ([MQTT-4.12.0-5]), with this code, at this turn. */
function isNext(
  { method, turn }: EnhancedAuthentication,
  { authenticationMethod, reasonCode }: AuthPacket,
  code: number,
  at: EnhancedAuthentication["turn"],
): boolean {
  return authenticationMethod === method && reasonCode === code && turn === at;
}

/** The host wants to know more: AUTH 0x18 ([MQTT-4.12.0-2]). */
export function authenticationContinued(
  connection: ConnectionState,
  { authenticationData }: AuthenticationContinued,
  out: Output,
): void {
  const authentication = asked(connection, "authenticationContinued");
  if (authentication === undefined) return;
  authentication.turn = "client";
  sendAuth(connection, authentication, REASON.continueAuthentication, authenticationData, out);
}

/** The host is content with a client that authenticated again: AUTH 0x00. */
export function reauthenticated(
  connection: ConnectionState,
  { authenticationData }: Reauthenticated,
  out: Output,
): void {
  if (connection.phase !== "online" && connection.phase !== "closed") {
    throw misstep("reauthenticated", `the connection is ${connection.phase}`);
  }
  const authentication = asked(connection, "reauthenticated");
  if (authentication === undefined) return;
  authentication.turn = undefined;
  sendAuth(connection, authentication, REASON.success, authenticationData, out);
}

/** The host refuses a client that authenticates again: an abnormal close, as far as Will and session go (AU-08). */
export function reauthenticationRefused(
  state: SessionState,
  connection: ConnectionState,
  event: AuthenticationRefused,
  out: Output,
  now: number,
): void {
  if (asked(connection, "authenticationRefused") === undefined) return;
  const { type: _type, reasonCode, ...texts } = event;
  checkRefusal(reasonCode);
  // Not every code of a CONNACK may stand on a DISCONNECT: 0x8C is one of them.
  const told = legalReasonCode("disconnect", reasonCode, REASON.notAuthorized);
  endConnection(state, out, ENDING_TABLE.attached.connectionLost, { reasonCode: told, tellsPeer: true, ...texts, now });
}

/** The exchange in which the host was asked; `undefined` when the connection has closed meanwhile. */
function asked({ phase, authentication }: ConnectionState, event: string): EnhancedAuthentication | undefined {
  if (phase === "closed") return undefined;
  if (authentication?.turn === "host" && (phase === "authenticating" || phase === "online")) return authentication;
  throw misstep(event, "the host was not asked");
}

function sendAuth(
  connection: ConnectionState,
  { method }: EnhancedAuthentication,
  reasonCode: number,
  data: Uint8Array | undefined,
  out: Output,
): void {
  send(connection, out, {
    type: "auth",
    reasonCode,
    authenticationMethod: method,
    ...(data === undefined ? {} : { authenticationData: data }),
  });
}
