import type { ServerPacket } from "../mqtt/packet.ts";
import type { DropReason, EndReason } from "./change.ts";

/** Send a packet. */
export interface SendPacket {
  readonly type: "sendPacket";
  readonly packet: ServerPacket;
}
/** Close the transport; nothing more is sent. */
export interface CloseConnection {
  readonly type: "closeConnection";
  /** The 5.0 reason code of the close, also where none was sent; 0 for a normal one. */
  readonly reasonCode: number;
}
/** Know that a message of this session's log was lost. */
export interface MessageDropped {
  readonly type: "messageDropped";
  readonly reason: DropReason;
  readonly topic: string;
}
/** Know that a delivery ended: acknowledged, or refused by the client with a code of 0x80 and above. */
export interface DeliveryCompleted {
  readonly type: "deliveryCompleted";
  readonly sequence: number;
  readonly reasonCode: number;
}
/** Know that the session has ended. */
export interface SessionEnded {
  readonly type: "sessionEnded";
  readonly reason: EndReason;
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
  readonly type: "diagnosed";
  readonly diagnosis: Diagnosis;
  readonly packetId?: number;
  readonly reasonCode?: number;
}

/** What may be done once the changes of the step, and of all steps before it, are durable. */
export type Effect =
  | SendPacket
  | CloseConnection
  | MessageDropped
  | DeliveryCompleted
  | SessionEnded
  | Diagnosed;
