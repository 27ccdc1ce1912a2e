import type { ServerPacket } from "../mqtt/packet.ts";
import type { DropReason, EndReason } from "./change.ts";

/** Send a packet. */
export interface SendPacket {
  /** Tells this effect from the others. */
  readonly type: "sendPacket";
  /** The packet; for a 3.1.1 connection it holds nothing that only 5.0 can carry. */
  readonly packet: ServerPacket;
}
/** Close the transport; nothing more is sent. */
export interface CloseConnection {
  /** Tells this effect from the others. */
  readonly type: "closeConnection";
  /** The 5.0 reason code of the close, also where none was sent; 0 for a normal one. */
  readonly reasonCode: number;
}
/** Know that a message of this session's log was lost. */
export interface MessageDropped {
  /** Tells this effect from the others. */
  readonly type: "messageDropped";
  /** Why it was lost. */
  readonly reason: DropReason;
  /** The Topic Name of the lost message. */
  readonly topic: string;
  /** The place that it had in the log; absent when it never stood there. */
  readonly sequence?: number;
}
/** Know that a delivery ended: acknowledged, or refused by the client with a code of 0x80 and above. */
export interface DeliveryCompleted {
  /** Tells this effect from the others. */
  readonly type: "deliveryCompleted";
  /** The place of the message in the log. */
  readonly sequence: number;
  /** 0 when acknowledged, otherwise the client's code of 0x80 and above. */
  readonly reasonCode: number;
}
/** Know that the session has ended. */
export interface SessionEnded {
  /** Tells this effect from the others. */
  readonly type: "sessionEnded";
  /** Why it ended. */
  readonly reason: EndReason;
}
/** Know that a subscription ended since its client may have it no more. */
export interface SubscriptionRevoked {
  /** Tells this effect from the others. */
  readonly type: "subscriptionRevoked";
  /** The Topic Filter as the client wrote it. */
  readonly filter: string;
}
/** What a {@linkcode Diagnosed} tells. */
export type Diagnosis =
  /** An acknowledgement for an identifier that is not in use (O21, O22). */
  | "unknownPacketIdentifier"
  /** The peer says that an identifier is in use, or not found, and so disagrees about the state. */
  | "stateMismatch"
  /** An unreleased QoS 2 identifier came again with DUP 0 (policy P4). */
  | "repeatedWithoutDup"
  /** PUBREL for an identifier that is not held (I8). */
  | "unknownPubrel"
  /** A publish was refused by its code. */
  | "publishRefused";
/** Know something that hints at a fault of the peer and closes nothing. */
export interface Diagnosed {
  /** Tells this effect from the others. */
  readonly type: "diagnosed";
  /** What was noticed. */
  readonly diagnosis: Diagnosis;
  /** The Packet Identifier that it is about, 0 for a QoS 0 PUBLISH; absent when it is about none. */
  readonly packetId?: number;
  /** The 5.0 reason code that came with it; absent when none did. */
  readonly reasonCode?: number;
}

/** What may be done once the changes of the step, and of all steps before it, are durable. */
export type Effect =
  | SendPacket
  | CloseConnection
  | MessageDropped
  | DeliveryCompleted
  | SessionEnded
  | SubscriptionRevoked
  | Diagnosed;
