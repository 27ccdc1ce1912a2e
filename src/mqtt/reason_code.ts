/**
 * The reason codes of MQTT 5.0, who may send which of them in what packet, and what they become in 3.1.1.
 *
 * @module
 */
import * as reasons from "./reason.ts";

/** The reason codes of MQTT 5.0 by name (table 2-6). Codes of 0x80 and above report a failure. */
export const REASON: Readonly<typeof reasons> = {
  success: reasons.success,
  grantedQoS1: reasons.grantedQoS1,
  grantedQoS2: reasons.grantedQoS2,
  disconnectWithWillMessage: reasons.disconnectWithWillMessage,
  noMatchingSubscribers: reasons.noMatchingSubscribers,
  noSubscriptionExisted: reasons.noSubscriptionExisted,
  continueAuthentication: reasons.continueAuthentication,
  reAuthenticate: reasons.reAuthenticate,
  unspecifiedError: reasons.unspecifiedError,
  malformedPacket: reasons.malformedPacket,
  protocolError: reasons.protocolError,
  implementationSpecificError: reasons.implementationSpecificError,
  unsupportedProtocolVersion: reasons.unsupportedProtocolVersion,
  clientIdentifierNotValid: reasons.clientIdentifierNotValid,
  badUserNameOrPassword: reasons.badUserNameOrPassword,
  notAuthorized: reasons.notAuthorized,
  serverUnavailable: reasons.serverUnavailable,
  serverBusy: reasons.serverBusy,
  banned: reasons.banned,
  serverShuttingDown: reasons.serverShuttingDown,
  badAuthenticationMethod: reasons.badAuthenticationMethod,
  keepAliveTimeout: reasons.keepAliveTimeout,
  sessionTakenOver: reasons.sessionTakenOver,
  topicFilterInvalid: reasons.topicFilterInvalid,
  topicNameInvalid: reasons.topicNameInvalid,
  packetIdentifierInUse: reasons.packetIdentifierInUse,
  packetIdentifierNotFound: reasons.packetIdentifierNotFound,
  receiveMaximumExceeded: reasons.receiveMaximumExceeded,
  topicAliasInvalid: reasons.topicAliasInvalid,
  packetTooLarge: reasons.packetTooLarge,
  messageRateTooHigh: reasons.messageRateTooHigh,
  quotaExceeded: reasons.quotaExceeded,
  administrativeAction: reasons.administrativeAction,
  payloadFormatInvalid: reasons.payloadFormatInvalid,
  retainNotSupported: reasons.retainNotSupported,
  qosNotSupported: reasons.qosNotSupported,
  useAnotherServer: reasons.useAnotherServer,
  serverMoved: reasons.serverMoved,
  sharedSubscriptionsNotSupported: reasons.sharedSubscriptionsNotSupported,
  connectionRateExceeded: reasons.connectionRateExceeded,
  maximumConnectTime: reasons.maximumConnectTime,
  subscriptionIdentifiersNotSupported: reasons.subscriptionIdentifiersNotSupported,
  wildcardSubscriptionsNotSupported: reasons.wildcardSubscriptionsNotSupported,
};

/** The name of a reason code in {@linkcode REASON}. */
export type ReasonName = keyof typeof reasons;

/** A reason code that MQTT 5.0 defines. */
export type ReasonCode = (typeof reasons)[ReasonName];

/** The two ends of a connection. */
export type PacketSender = "client" | "server";

/** The packets that carry a reason code. */
export type ReasonedPacketType =
  | "connack"
  | "puback"
  | "pubrec"
  | "pubrel"
  | "pubcomp"
  | "suback"
  | "unsuback"
  | "disconnect"
  | "auth";

/** Whether a code reports a failure: 0x80 and above. */
export function isFailure(code: number): boolean {
  return code >= 0x80;
}

const PUBLISH_TAKEN = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] as const satisfies readonly ReasonCode[];
const PUBLISH_RELEASED = [0x00, 0x92] as const satisfies readonly ReasonCode[];

/** Table 3-1 of CONNACK. */
// deno-fmt-ignore
const CONNACK_CODES = [
  0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
  0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
] as const satisfies readonly ReasonCode[];

/**
 * Table 3-10 of DISCONNECT. It leaves out 0x8C, which table 2-6 allows there; a failed re-authentication is
 * reported with 0x87 ([MQTT-4.12.1-2] asks for no particular code).
 */
// deno-fmt-ignore
const DISCONNECT_CODES_OF_CLIENT = [
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
] as const satisfies readonly ReasonCode[];

// deno-fmt-ignore
const DISCONNECT_CODES_OF_SERVER = [
  0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
  0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
] as const satisfies readonly ReasonCode[];

// deno-fmt-ignore
const SUBACK_CODES = [
  0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2,
] as const satisfies readonly ReasonCode[];

/** Who may send what. An empty list: that side never sends the packet. */
const LEGAL_REASON_CODES = {
  connack: { client: [], server: CONNACK_CODES },
  puback: { client: PUBLISH_TAKEN, server: PUBLISH_TAKEN },
  pubrec: { client: PUBLISH_TAKEN, server: PUBLISH_TAKEN },
  pubrel: { client: PUBLISH_RELEASED, server: PUBLISH_RELEASED },
  pubcomp: { client: PUBLISH_RELEASED, server: PUBLISH_RELEASED },
  suback: { client: [], server: SUBACK_CODES },
  unsuback: { client: [], server: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91] },
  disconnect: { client: DISCONNECT_CODES_OF_CLIENT, server: DISCONNECT_CODES_OF_SERVER },
  auth: { client: [0x18, 0x19], server: [0x00, 0x18] },
} as const satisfies Record<ReasonedPacketType, Record<PacketSender, readonly ReasonCode[]>>;

/**
 * Whether MQTT 5.0 lets this side send this code in this packet ([MQTT-3.14.2-1] and its like).
 *
 * 3.1.1 knows no reason codes: see {@linkcode connackReturnCode} and {@linkcode subackReturnCode}.
 */
export function isLegalReasonCode(packetType: ReasonedPacketType, sender: PacketSender, code: number): boolean {
  const legal: readonly number[] = LEGAL_REASON_CODES[packetType][sender];
  return legal.includes(code);
}

/** The code where a server may send it in this packet, and another one instead where it may not. */
export function legalReasonCode(packetType: ReasonedPacketType, code: number, instead: number): number {
  return isLegalReasonCode(packetType, "server", code) ? code : instead;
}

/** A return code of a 3.1.1 CONNACK. */
export type ConnackReturnCode = 0 | 1 | 2 | 3 | 4 | 5;

/**
 * The 3.1.1 CONNACK return code that says what a 5.0 reason code says.
 *
 * Where 3.1.1 has no such word, the code tells the client whether trying again can help: 3 (server unavailable)
 * where the fault lies with the server or passes with time, 5 (not authorized) where the same CONNECT would be
 * refused again. A CONNECT that breaks the protocol gets no CONNACK at all in 3.1.1 ([MQTT-3.1.4-1],
 * [MQTT-3.2.2-6]); that is the caller's choice, not a code.
 */
export function connackReturnCode(reasonCode: number): ConnackReturnCode {
  if (!isFailure(reasonCode)) return 0;
  switch (reasonCode) {
    case reasons.unsupportedProtocolVersion:
      return 1;
    case reasons.clientIdentifierNotValid:
      return 2;
    case reasons.badUserNameOrPassword:
      return 4;
    case reasons.notAuthorized:
    case reasons.banned:
    case reasons.malformedPacket:
    case reasons.protocolError:
    case reasons.badAuthenticationMethod:
    case reasons.topicNameInvalid:
    case reasons.packetTooLarge:
    case reasons.payloadFormatInvalid:
    case reasons.retainNotSupported:
    case reasons.qosNotSupported:
      return 5;
    default:
      return 3;
  }
}

/** A return code of a 3.1.1 SUBACK: the granted level, or 0x80 for a failure. */
export type SubackReturnCode = 0 | 1 | 2 | 0x80;

/** The 3.1.1 SUBACK return code of a 5.0 one: a granted level stays, every failure is 0x80 ([MQTT-3.9.3-2]). */
export function subackReturnCode(reasonCode: number): SubackReturnCode {
  return reasonCode === 0 || reasonCode === 1 || reasonCode === 2 ? reasonCode : 0x80;
}
