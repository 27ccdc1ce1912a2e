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
  /** Tells this packet from the others. */
  readonly type: "connect";
  /** What the packet says; a level the server does not know is answered and closed. */
  readonly protocolVersion: number;
  /** The Client Identifier; `""` asks the server for one. */
  readonly clientId: string;
  /** Clean Start (5.0) or Clean Session (3.1.1). */
  readonly cleanStart: boolean;
  /** Keep Alive in seconds; 0 switches it off. */
  readonly keepAlive: number;
  /** The Will Message; absent when the Will Flag is 0. */
  readonly will?: Will;
  /** The User Name. */
  readonly username?: string;
  /** The Password, any bytes. */
  readonly password?: Uint8Array;
  /** Seconds; absent means 0 in 5.0, {@linkcode NEVER_EXPIRES} never ends. Not in 3.1.1. */
  readonly sessionExpiryInterval?: number;
  /** QoS 1 and 2 PUBLISH packets that the client takes unanswered, 1 to 65 535; absent means 65 535. Not in 3.1.1. */
  readonly receiveMaximum?: number;
  /** The largest packet that the client takes, in bytes, at least 1; absent means any. Not in 3.1.1. */
  readonly maximumPacketSize?: number;
  /** The highest Topic Alias that the client takes; absent means 0, none. Not in 3.1.1. */
  readonly topicAliasMaximum?: number;
  /** Whether CONNACK may carry Response Information; absent means it may not ([MQTT-3.1.2-28]). */
  readonly requestResponseInformation?: boolean;
  /** Whether a Reason String may stand on any packet; absent means it may ([MQTT-3.1.2-29]). */
  readonly requestProblemInformation?: boolean;
  /** The name of the enhanced authentication method; absent asks for none. Not in 3.1.1. */
  readonly authenticationMethod?: string;
  /** What the method defines; only beside an Authentication Method. */
  readonly authenticationData?: Uint8Array;
  /** Name and value pairs in order; not in 3.1.1. */
  readonly userProperties?: readonly UserProperty[];
}

/** The server's answer to CONNECT. */
export interface ConnackPacket extends ProblemProperties {
  /** Tells this packet from the others. */
  readonly type: "connack";
  /** Whether stored Session State goes on; false in any refusal ([MQTT-3.2.2-6]). */
  readonly sessionPresent: boolean;
  /** A 5.0 reason code, or a 3.1.1 return code on a 3.1.1 connection. */
  readonly reasonCode: number;
  /** Seconds in force; absent when the client's own value is. */
  readonly sessionExpiryInterval?: number;
  /** QoS 1 and 2 PUBLISH packets that the server takes unanswered, 1 to 65 535; absent means 65 535. */
  readonly receiveMaximum?: number;
  /** The highest level that the server takes; absent means 2 ([MQTT-3.2.2-9]). */
  readonly maximumQoS?: 0 | 1;
  /** Whether the server takes RETAIN 1; absent means it does ([MQTT-3.2.2-14]). */
  readonly retainAvailable?: boolean;
  /** The largest packet that the server takes, in bytes; absent means any ([MQTT-3.2.2-15]). */
  readonly maximumPacketSize?: number;
  /** The id that the server made for a client without one ([MQTT-3.2.2-16]). */
  readonly assignedClientIdentifier?: string;
  /** The highest Topic Alias that the server takes; absent means 0, none ([MQTT-3.2.2-17]). */
  readonly topicAliasMaximum?: number;
  /** Whether filters may hold wildcards; absent means they may. */
  readonly wildcardSubscriptionAvailable?: boolean;
  /** Whether SUBSCRIBE may carry an identifier; absent means it may. */
  readonly subscriptionIdentifiersAvailable?: boolean;
  /** Whether `$share` filters are taken; absent means they are. */
  readonly sharedSubscriptionAvailable?: boolean;
  /** The Keep Alive in seconds that replaces the client's ([MQTT-3.2.2-21]). */
  readonly serverKeepAlive?: number;
  /** A basis for making a Response Topic. */
  readonly responseInformation?: string;
  /** Where to connect instead, with 0x9C or 0x9D. */
  readonly serverReference?: string;
  /** The method of the CONNECT; absent without one. */
  readonly authenticationMethod?: string;
  /** What the method defines. */
  readonly authenticationData?: Uint8Array;
}

/** One transmission of a message. */
export interface PublishPacket {
  /** Tells this packet from the others. */
  readonly type: "publish";
  /** Empty only when a Topic Alias stands for it. */
  readonly topic: string;
  /** The Application Message; it may be empty. */
  readonly payload: Uint8Array;
  /** The level of this transmission. */
  readonly qos: QoS;
  /** The RETAIN flag. */
  readonly retain: boolean;
  /** Whether an earlier attempt may have arrived; never at QoS 0 ([MQTT-3.3.1-2]). */
  readonly dup: boolean;
  /** Present exactly when the level is 1 or 2. */
  readonly packetId?: number;
  /** The properties that belong to the message and reach every receiver; empty in 3.1.1. */
  readonly properties: MessageProperties;
  /** Seconds left. */
  readonly messageExpiryInterval?: number;
  /** A number that stands for the topic on this connection, at least 1; not in 3.1.1. */
  readonly topicAlias?: number;
  /** From server to client only. */
  readonly subscriptionIdentifiers?: readonly number[];
}

/** The four acknowledgements of PUBLISH share one shape. */
export interface PublishResponse<Type extends string> extends ProblemProperties {
  /** Which acknowledgement it is. */
  readonly type: Type;
  /** The identifier of the PUBLISH that it answers, 1 to 65 535. */
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
  /** The Topic Filter as the client wrote it; a shared one with its `$share/` prefix. */
  readonly filter: string;
  /** The highest level at which messages may be sent to the subscriber. */
  readonly qos: QoS;
  /** Whether the subscriber's own messages are left out; false in 3.1.1. */
  readonly noLocal: boolean;
  /** Whether a copy keeps the RETAIN flag of the publisher; false in 3.1.1. */
  readonly retainAsPublished: boolean;
  /** Which retained messages are sent now; 0 in 3.1.1. */
  readonly retainHandling: RetainHandling;
}

/** A client's request for subscriptions. */
export interface SubscribePacket {
  /** Tells this packet from the others. */
  readonly type: "subscribe";
  /** The identifier that SUBACK repeats, 1 to 65 535 ([MQTT-3.8.4-2]). */
  readonly packetId: number;
  /** The filters in order, at least one ([MQTT-3.8.3-2]). */
  readonly subscriptions: readonly SubscriptionRequest[];
  /** What copies for these filters carry back, 1 to 268 435 455; not in 3.1.1. */
  readonly subscriptionIdentifier?: number;
  /** Name and value pairs in order; not in 3.1.1. */
  readonly userProperties?: readonly UserProperty[];
}
/** One code per filter, in order ([MQTT-3.9.3-1]). */
export interface SubackPacket extends ProblemProperties {
  /** Tells this packet from the others. */
  readonly type: "suback";
  /** The identifier of the SUBSCRIBE. */
  readonly packetId: number;
  /** The granted level or a code of 0x80 and above; in 3.1.1 a failure is 0x80. */
  readonly reasonCodes: readonly number[];
}
/** A client's request to end subscriptions. */
export interface UnsubscribePacket {
  /** Tells this packet from the others. */
  readonly type: "unsubscribe";
  /** The identifier that UNSUBACK repeats, 1 to 65 535. */
  readonly packetId: number;
  /** The filters in order, at least one; each is compared character by character ([MQTT-3.10.4-1]). */
  readonly filters: readonly string[];
  /** Name and value pairs in order; not in 3.1.1. */
  readonly userProperties?: readonly UserProperty[];
}
/** One code per filter in 5.0, none on a 3.1.1 connection. */
export interface UnsubackPacket extends ProblemProperties {
  /** Tells this packet from the others. */
  readonly type: "unsuback";
  /** The identifier of the UNSUBSCRIBE. */
  readonly packetId: number;
  /** 0x00 removed, 0x11 there was none, or a code of 0x80 and above. */
  readonly reasonCodes: readonly number[];
}
/** Keeps a connection alive. */
export interface PingreqPacket {
  /** Tells this packet from the others. */
  readonly type: "pingreq";
}
/** Answers PINGREQ, always ([MQTT-3.12.4-1]). */
export interface PingrespPacket {
  /** Tells this packet from the others. */
  readonly type: "pingresp";
}
/** The last packet of a connection. */
export interface DisconnectPacket extends ProblemProperties {
  /** Tells this packet from the others. */
  readonly type: "disconnect";
  /** 0 on a 3.1.1 connection. */
  readonly reasonCode: number;
  /** Seconds; from a client only. Absent leaves the interval as it was, 0 ends the session now. */
  readonly sessionExpiryInterval?: number;
  /** Where to connect instead, with 0x9C or 0x9D; from a server only. */
  readonly serverReference?: string;
}
/** A step of enhanced authentication (5.0). */
export interface AuthPacket extends ProblemProperties {
  /** Tells this packet from the others. */
  readonly type: "auth";
  /** 0x00 success, 0x18 continue, 0x19 re-authenticate. */
  readonly reasonCode: number;
  /** The method of the CONNECT ([MQTT-4.12.0-5]). */
  readonly authenticationMethod?: string;
  /** What the method defines. */
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
