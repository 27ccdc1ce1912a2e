import type { AuthPacket, ClientPacket, ConnackPacket, DisconnectPacket } from "../mqtt/packet.ts";
import type { Message } from "../mqtt/message.ts";
import type { CloseConnection, DeliveryCompleted, Diagnosed, MessageDropped } from "./effect.ts";

/** Send a packet to the server. */
export interface SendClientPacket {
  /** Tells this effect from the others. */
  readonly type: "sendPacket";
  /** The packet; on a 3.1.1 connection it holds nothing that only 5.0 can carry. */
  readonly packet: ClientPacket;
}
/** Know that the server accepted the connection (C4, C5, C6). */
export interface Connected {
  /** Tells this effect from the others. */
  readonly type: "connected";
  /** Whether the session goes on; where it does not, what was lost of it is told apart, message by message. */
  readonly sessionPresent: boolean;
  /** What the server said. */
  readonly connack: ConnackPacket;
}
/** Know that the server refused the connection (C8). The session is as it was. */
export interface ConnectRefused {
  /** Tells this effect from the others. */
  readonly type: "connectRefused";
  /** What the server said: a reason code of 5.0, or a return code of 3.1.1. */
  readonly connack: ConnackPacket;
}
/** Know the Client Identifier that the server made: only with it the session can be resumed (CI-09). */
export interface ClientIdentifierAssigned {
  /** Tells this effect from the others. */
  readonly type: "clientIdentifierAssigned";
  /** The identifier to connect with from now on. */
  readonly clientId: string;
}
/** Know what the server said of a SUBSCRIBE or an UNSUBSCRIBE. */
export interface RequestAnswered {
  /** Tells this effect from the others. */
  readonly type: "requestAnswered";
  /** The `ref` of the event that asked. */
  readonly ref: number;
  /** One code for each filter, in order; none of a 3.1.1 UNSUBACK. */
  readonly reasonCodes: readonly number[];
}
/** Know that a SUBSCRIBE or an UNSUBSCRIBE has come to nothing (ID-13), or was not sent at all. */
export interface RequestFailed {
  /** Tells this effect from the others. */
  readonly type: "requestFailed";
  /** The `ref` of the event that asked. */
  readonly ref: number;
  /** 0x80 when the connection closed first; otherwise why the server would not take it. */
  readonly reasonCode: number;
}
/** Know that a message cannot be published: nothing of it is stored or sent (CL-03, CL-11, CL-14). */
export interface PublishRejected {
  /** Tells this effect from the others. */
  readonly type: "publishRejected";
  /** The `ref` of the event that asked. */
  readonly ref: number;
  /** 0x95, 0x9A or 0x9B for what the server does not take; 0x80 for QoS 0 without a connection. */
  readonly reasonCode: number;
}
/** Take a QoS 0 message of the server. */
export interface MessageReceived {
  /** Tells this effect from the others. */
  readonly type: "messageReceived";
  /** The message as it came; whoever published it is not told. */
  readonly message: Message;
  /** With which Subscription Identifiers. */
  readonly subscriptionIdentifiers: readonly number[];
}
/** Answer the server's part of an enhanced authentication (AU-02, AU-07). */
export interface AuthReceived {
  /** Tells this effect from the others. */
  readonly type: "authReceived";
  /** What the server said. */
  readonly packet: AuthPacket;
}
/** Know that the server took its leave (ER-05). */
export interface ServerDisconnected {
  /** Tells this effect from the others. */
  readonly type: "serverDisconnected";
  /** What the server said. */
  readonly packet: DisconnectPacket;
  /** Whether to come back by itself: not where another connection has the session, or it would take turns (ER-14). */
  readonly mayReconnect: boolean;
}

/** What may be done once the changes of the step, and of all steps before it, are durable. */
export type ClientEffect =
  | SendClientPacket
  | CloseConnection
  | MessageDropped
  | DeliveryCompleted
  | Diagnosed
  | Connected
  | ConnectRefused
  | ClientIdentifierAssigned
  | RequestAnswered
  | RequestFailed
  | PublishRejected
  | MessageReceived
  | AuthReceived
  | ServerDisconnected;
