import type { Message, QueuedMessage } from "../mqtt/message.ts";
import type { ClientPacket } from "../mqtt/packet.ts";
import type { SessionSnapshot } from "./snapshot.ts";

/** The transport is open; the wait for CONNECT begins. */
export interface ConnectionOpened {
  readonly type: "connectionOpened";
}
/** A packet came. */
export interface PacketReceived {
  readonly type: "packetReceived";
  readonly packet: ClientPacket;
  /**
   * How many PUBACK, failing PUBREC and PUBCOMP of this connection still wait for their commit. The client has not
   * seen them, so they count against this side's Receive Maximum. 0 when absent.
   */
  readonly unsentAcknowledgements?: number;
}
/** The codec could not read what came; the reason code says why (0x81, 0x82 or 0x95). */
export interface PacketMalformed {
  readonly type: "packetMalformed";
  readonly reasonCode: number;
}
/** The client is who it says it is. */
export interface Authenticated {
  readonly type: "authenticated";
  /** The id under which the session is kept: the client's own, or one made for it. */
  readonly clientId: string;
  /** Whether the id was made by the server, and must be new. */
  readonly assigned: boolean;
  /** Overrides of this connection, told in CONNACK. */
  readonly sessionExpiryInterval?: number;
  readonly serverKeepAlive?: number;
  readonly responseInformation?: string;
}
/** The client is refused: a 5.0 reason code, mapped for 3.1.1. */
export interface AuthenticationRefused {
  readonly type: "authenticationRefused";
  readonly reasonCode: number;
  readonly reasonString?: string;
  readonly serverReference?: string;
}
/** The store gave the session to this connection. */
export interface SessionAcquired {
  readonly type: "sessionAcquired";
  readonly snapshot: SessionSnapshot;
  /** Whether stored state was found and goes on: Session Present. */
  readonly resumed: boolean;
  /** The `sentLimit` before this connection: entries up to it are resent with DUP. */
  readonly startedThrough: number;
  /** The first page of the log. */
  readonly messages: readonly QueuedMessage[];
  /** The highest sequence that the page covers: entries up to it that are not in it are gone. */
  readonly through: number;
  /** The highest sequence of the log. */
  readonly tail: number;
}
/** The store refused: 0x85 the id belongs to another, 0x88 it could not be asked, 0x97 too many sessions. */
export interface AcquireRefused {
  readonly type: "acquireRefused";
  readonly reasonCode: number;
}
/** The publish may go on, to so many receivers. */
export interface PublishRouted {
  readonly type: "publishRouted";
  readonly ref: number;
  readonly receivers: number;
}
/** The publish is refused: before its commit by authorization, or by the commit itself when nobody could take it. */
export interface PublishRefused {
  readonly type: "publishRefused";
  readonly ref: number;
  readonly reasonCode: number;
}
/** One verdict per filter, in order: a granted level 0 to 2, or a reason code of 0x80 and above. */
export interface SubscribeAuthorized {
  readonly type: "subscribeAuthorized";
  readonly ref: number;
  readonly verdicts: readonly number[];
}
/** A page of the log came. */
export interface QueueLoaded {
  readonly type: "queueLoaded";
  readonly messages: readonly QueuedMessage[];
  /** The highest sequence that the page covers. */
  readonly through: number;
}
/** The log has grown. */
export interface MessagesAppended {
  readonly type: "messagesAppended";
  /** The highest sequence of the log. */
  readonly tail: number;
  /** The new entries, where the host has them: without a gap after `tail` minus their number. */
  readonly messages?: readonly QueuedMessage[];
}
/** A QoS 0 copy for a connected session, which was never stored (D10). */
export interface Qos0Offered {
  readonly type: "qos0Offered";
  readonly message: Message;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[];
}
/** The transport is gone. */
export interface ConnectionClosed {
  readonly type: "connectionClosed";
}
/** Another connection owns the session now; nothing of this one counts any more. */
export interface Superseded {
  readonly type: "superseded";
}
/** The host wants the connection closed: 0x8B shutting down, 0x88 or 0x83 a store fault, 0x98 an administrator. */
export interface CloseRequested {
  readonly type: "closeRequested";
  readonly reasonCode: number;
}
/** An administrator or a limit ends the session, attached or not (S15). */
export interface EndRequested {
  readonly type: "endRequested";
}
/** The node that held the connection is gone; the connection counts as lost at that moment (S17). */
export interface OwnerLost {
  readonly type: "ownerLost";
  readonly at: number;
}
/** Time has passed: whatever is due at `now` happens. */
export interface TimePassed {
  readonly type: "timePassed";
}

/** What has happened. */
export type Event =
  | ConnectionOpened
  | PacketReceived
  | PacketMalformed
  | Authenticated
  | AuthenticationRefused
  | SessionAcquired
  | AcquireRefused
  | PublishRouted
  | PublishRefused
  | SubscribeAuthorized
  | QueueLoaded
  | MessagesAppended
  | Qos0Offered
  | ConnectionClosed
  | Superseded
  | CloseRequested
  | EndRequested
  | OwnerLost
  | TimePassed;
