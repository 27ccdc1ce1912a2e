/**
 * The reason codes of MQTT 5.0, who may send which of them in what packet, and what they become in 3.1.1.
 *
 * @module
 */

/** The reason codes of MQTT 5.0 by name (table 2-6). Codes of 0x80 and above report a failure. */
export const REASON = {
  /** Also: normal disconnection (DISCONNECT) and granted QoS 0 (SUBACK). */
  success: 0x00,
  grantedQoS1: 0x01,
  grantedQoS2: 0x02,
  disconnectWithWillMessage: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const;

/** The name of a reason code in {@linkcode REASON}. */
export type ReasonName = keyof typeof REASON;

/** A reason code that MQTT 5.0 defines. */
export type ReasonCode = (typeof REASON)[ReasonName];

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
    case REASON.unsupportedProtocolVersion:
      return 1;
    case REASON.clientIdentifierNotValid:
      return 2;
    case REASON.badUserNameOrPassword:
      return 4;
    case REASON.notAuthorized:
    case REASON.banned:
    case REASON.malformedPacket:
    case REASON.protocolError:
    case REASON.badAuthenticationMethod:
    case REASON.topicNameInvalid:
    case REASON.packetTooLarge:
    case REASON.payloadFormatInvalid:
    case REASON.retainNotSupported:
    case REASON.qosNotSupported:
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
