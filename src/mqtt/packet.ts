/**
 * MQTT control packets as plain data: what the machine reads and writes. A codec turns them into bytes and back.
 *
 * @module
 */
import type { MessageProperties, UserProperty } from "./message.ts";
import type { QoS } from "./qos.ts";
import type { RetainHandling } from "./subscription.ts";
import type { Will } from "./will.ts";

/** The protocol level of a connection: 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type ProtocolVersion = 4 | 5;

/** A Session Expiry Interval that never ends. */
export const NEVER_EXPIRES = 0xffff_ffff;

/** Properties that any acknowledgement, DISCONNECT or AUTH may carry in 5.0. */
export interface ProblemProperties {
  /** A text for diagnostics, not for programs. */
  readonly reasonString?: string;
  /** Name and value pairs in order. */
  readonly userProperties?: readonly UserProperty[];
}

/** A client's request to open a session. */
export interface ConnectPacket {
  readonly type: "connect";
  /** What the packet says; a level the server does not know is answered and closed. */
  readonly protocolVersion: number;
  /** The Client Identifier; `""` asks the server for one. */
  readonly clientId: string;
  /** Clean Start (5.0) or Clean Session (3.1.1). */
  readonly cleanStart: boolean;
  /** Keep Alive in seconds; 0 switches it off. */
  readonly keepAlive: number;
  readonly will?: Will;
  readonly username?: string;
  readonly password?: Uint8Array;
  /** Seconds; absent means 0 in 5.0, {@linkcode NEVER_EXPIRES} never ends. Not in 3.1.1. */
  readonly sessionExpiryInterval?: number;
  readonly receiveMaximum?: number;
  readonly maximumPacketSize?: number;
  readonly topicAliasMaximum?: number;
  readonly requestResponseInformation?: boolean;
  readonly requestProblemInformation?: boolean;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
  readonly userProperties?: readonly UserProperty[];
}

/** The server's answer to CONNECT. */
export interface ConnackPacket extends ProblemProperties {
  readonly type: "connack";
  readonly sessionPresent: boolean;
  /** A 5.0 reason code, or a 3.1.1 return code on a 3.1.1 connection. */
  readonly reasonCode: number;
  readonly sessionExpiryInterval?: number;
  readonly receiveMaximum?: number;
  readonly maximumQoS?: 0 | 1;
  readonly retainAvailable?: boolean;
  readonly maximumPacketSize?: number;
  readonly assignedClientIdentifier?: string;
  readonly topicAliasMaximum?: number;
  readonly wildcardSubscriptionAvailable?: boolean;
  readonly subscriptionIdentifiersAvailable?: boolean;
  readonly sharedSubscriptionAvailable?: boolean;
  readonly serverKeepAlive?: number;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
}

/** One transmission of a message. */
export interface PublishPacket {
  readonly type: "publish";
  /** Empty only when a Topic Alias stands for it. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** Present exactly when the level is 1 or 2. */
  readonly packetId?: number;
  readonly properties: MessageProperties;
  /** Seconds left. */
  readonly messageExpiryInterval?: number;
  readonly topicAlias?: number;
  /** From server to client only. */
  readonly subscriptionIdentifiers?: readonly number[];
}

/** The four acknowledgements of PUBLISH share one shape. */
export interface PublishResponse<Type extends string> extends ProblemProperties {
  readonly type: Type;
  readonly packetId: number;
  /** 0 on a 3.1.1 connection. */
  readonly reasonCode: number;
}
/** Ends a QoS 1 delivery. */
export type PubackPacket = PublishResponse<"puback">;
/** Passes ownership of a QoS 2 message. */
export type PubrecPacket = PublishResponse<"pubrec">;
/** Releases the Packet Identifier of a QoS 2 message. */
export type PubrelPacket = PublishResponse<"pubrel">;
/** Ends a QoS 2 delivery. */
export type PubcompPacket = PublishResponse<"pubcomp">;

/** One filter of a SUBSCRIBE. */
export interface SubscriptionRequest {
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
}

/** A client's request for subscriptions. */
export interface SubscribePacket {
  readonly type: "subscribe";
  readonly packetId: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly subscriptionIdentifier?: number;
  readonly userProperties?: readonly UserProperty[];
}
/** One code per filter, in order ([MQTT-3.9.3-1]). */
export interface SubackPacket extends ProblemProperties {
  readonly type: "suback";
  readonly packetId: number;
  readonly reasonCodes: readonly number[];
}
/** A client's request to end subscriptions. */
export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly packetId: number;
  readonly filters: readonly string[];
  readonly userProperties?: readonly UserProperty[];
}
/** One code per filter in 5.0, none on a 3.1.1 connection. */
export interface UnsubackPacket extends ProblemProperties {
  readonly type: "unsuback";
  readonly packetId: number;
  readonly reasonCodes: readonly number[];
}
/** Keeps a connection alive. */
export interface PingreqPacket {
  readonly type: "pingreq";
}
/** Answers PINGREQ, always ([MQTT-3.12.4-1]). */
export interface PingrespPacket {
  readonly type: "pingresp";
}
/** The last packet of a connection. */
export interface DisconnectPacket extends ProblemProperties {
  readonly type: "disconnect";
  /** 0 on a 3.1.1 connection. */
  readonly reasonCode: number;
  /** Seconds; from a client only. Absent leaves the interval as it was, 0 ends the session now. */
  readonly sessionExpiryInterval?: number;
  readonly serverReference?: string;
}
/** A step of enhanced authentication (5.0). */
export interface AuthPacket extends ProblemProperties {
  readonly type: "auth";
  readonly reasonCode: number;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
}

/** What a client sends. */
export type ClientPacket =
  | ConnectPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket
  | AuthPacket;

/** What a server sends. */
export type ServerPacket =
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubackPacket
  | UnsubackPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;
