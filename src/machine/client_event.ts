import type { Message } from "../mqtt/message.ts";
import type { ConnectPacket, ServerPacket, SubscriptionRequest } from "../mqtt/packet.ts";
import type { UserProperty } from "../mqtt/message.ts";
import type { ConnectionClosed, MessagesAppended, QueueLoaded, Superseded, TimePassed } from "./event.ts";

/** What the application asks of a connection; limits of this side come from `ClientLimits`. */
export interface ConnectRequest extends
  Omit<
    ConnectPacket,
    "type" | "clientId" | "protocolVersion" | "receiveMaximum" | "maximumPacketSize" | "topicAliasMaximum"
  > {
  /** 4 is MQTT 3.1.1. */
  readonly protocolVersion: 4 | 5;
  /** The Client Identifier to send, where it is not that under which the session is kept; `""` lets the server make one. */
  readonly clientId?: string;
}

/** A transport is open, and the application wants to be connected (C1 to C3). */
export interface ConnectRequested {
  /** Tells this event from the others. */
  readonly type: "connectRequested";
  /** What CONNECT is to say. */
  readonly connect: ConnectRequest;
}
/** A packet of the server came. */
export interface ServerPacketReceived {
  /** Tells this event from the others. */
  readonly type: "packetReceived";
  /** The packet as the codec read it. */
  readonly packet: ServerPacket;
  /** How many PUBACK and PUBCOMP of this connection still wait for their commit; 0 when absent. */
  readonly unsentAcknowledgements?: number;
}
/** The codec could not read what came; the reason code says why (0x81, 0x82 or 0x95). */
export interface ServerPacketMalformed {
  /** Tells this event from the others. */
  readonly type: "packetMalformed";
  /** The 5.0 reason code to close with. */
  readonly reasonCode: number;
}
/** The application publishes. At QoS 1 and 2 the answer is a `publishMessage` change, whether connected or not. */
export interface PublishRequested {
  /** Tells this event from the others. */
  readonly type: "publishRequested";
  /** Names this request in its answer. */
  readonly ref: number;
  /** What to publish. */
  readonly message: Message;
}
/** The application subscribes. Without a connection that waits for one. */
export interface SubscribeRequested {
  /** Tells this event from the others. */
  readonly type: "subscribeRequested";
  /** Names this request in its answer. */
  readonly ref: number;
  /** The filters, at least one. */
  readonly subscriptions: readonly SubscriptionRequest[];
  /** With which identifier their messages come, 1 to 268 435 455; 5.0 only. */
  readonly subscriptionIdentifier?: number;
  /** Sent along; 5.0 only. */
  readonly userProperties?: readonly UserProperty[];
}
/** The application unsubscribes. Without a connection that waits for one. */
export interface UnsubscribeRequested {
  /** Tells this event from the others. */
  readonly type: "unsubscribeRequested";
  /** Names this request in its answer. */
  readonly ref: number;
  /** The filters, at least one. */
  readonly filters: readonly string[];
  /** Sent along; 5.0 only. */
  readonly userProperties?: readonly UserProperty[];
}
/** The application says good-bye (C11). */
export interface DisconnectRequested {
  /** Tells this event from the others. */
  readonly type: "disconnectRequested";
  /** 0 when absent; 0x04 lets the server publish the Will. */
  readonly reasonCode?: number;
  /** Replaces the interval in force, in seconds; only where CONNECT asked for one above 0 (SE-10). */
  readonly sessionExpiryInterval?: number;
}
/** The application's part of an enhanced authentication. */
export interface AuthRequested {
  /** Tells this event from the others. */
  readonly type: "authRequested";
  /** 0x18 goes on, 0x19 begins once more. */
  readonly reasonCode: 0x18 | 0x19;
  /** What the method wants said. */
  readonly authenticationData?: Uint8Array;
}

/** What has happened to a client's session. */
export type ClientEvent =
  | ConnectRequested
  | ServerPacketReceived
  | ServerPacketMalformed
  | PublishRequested
  | SubscribeRequested
  | UnsubscribeRequested
  | DisconnectRequested
  | AuthRequested
  | MessagesAppended
  | QueueLoaded
  | ConnectionClosed
  | Superseded
  | TimePassed;
