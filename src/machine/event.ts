import type { Message, QueuedMessage } from "../mqtt/message.ts";
import type { ClientPacket } from "../mqtt/packet.ts";
import type { Subscription } from "../mqtt/subscription.ts";
import type { ConnectionLimits } from "./policy.ts";
import type { SessionSnapshot } from "./snapshot.ts";
import type { RestingConnection } from "./state/resting.ts";

/** The transport is open; the wait for CONNECT begins. */
export interface ConnectionOpened {
  /** Tells this event from the others. */
  readonly type: "connectionOpened";
  /**
   * Whether its process may lose its memory while it stays open. No Topic Alias is taken then, and no QoS 0 message waits
   * that is not stored: it is sent at once or lost.
   */
  readonly sleeps?: boolean;
  /** When it was opened, in epoch milliseconds, where that was in another process; now when absent. */
  readonly openedAt?: number;
}
/** A connection that was opened in another process is here, as it was at rest. Its session is still to be reloaded. */
export interface ConnectionResumed {
  /** Tells this event from the others. */
  readonly type: "connectionResumed";
  /** What `restingConnection` said there. */
  readonly connection: RestingConnection;
}
/** The session of a resumed connection is here: it had it all the time. */
export interface SessionReloaded {
  /** Tells this event from the others. */
  readonly type: "sessionReloaded";
  /** The Session State as it is stored. */
  readonly snapshot: SessionSnapshot;
  /** The log from its beginning. */
  readonly messages: readonly QueuedMessage[];
  /** The highest sequence that the page covers. */
  readonly through: number;
  /** The highest sequence of the log. */
  readonly tail: number;
  /** Sequences of the page whose messages the client may not have. */
  readonly withheld?: readonly number[];
}
/** A packet came. */
export interface PacketReceived {
  /** Tells this event from the others. */
  readonly type: "packetReceived";
  /** The packet as the codec read it. */
  readonly packet: ClientPacket;
  /**
   * How many PUBACK, failing PUBREC and PUBCOMP of this connection still wait for their commit. The client has not
   * seen them, so they count against this side's Receive Maximum. 0 when absent.
   */
  readonly unsentAcknowledgements?: number;
}
/** The codec could not read what came; the reason code says why (0x81, 0x82 or 0x95). */
export interface PacketMalformed {
  /** Tells this event from the others. */
  readonly type: "packetMalformed";
  /** The 5.0 reason code to close with. */
  readonly reasonCode: number;
}
/** The client is who it says it is. */
export interface Authenticated {
  /** Tells this event from the others. */
  readonly type: "authenticated";
  /** The id under which the session is kept: the client's own, or one made for it. */
  readonly clientId: string;
  /** Whether the id was made by the server, and must be new. */
  readonly assigned: boolean;
  /** Put in place of the client's Session Expiry Interval, in seconds, and told in CONNACK; it holds for 3.1.1 too. */
  readonly sessionExpiryInterval?: number;
  /** Put in place of the client's Keep Alive, in seconds; without effect in 3.1.1 (KA-03). */
  readonly serverKeepAlive?: number;
  /** Told only to a client that asked for it ([MQTT-3.1.2-28]). */
  readonly responseInformation?: string;
  /** What this connection is allowed, where it differs from the limits that the session was opened with. */
  readonly limits?: Partial<ConnectionLimits>;
  /** The last word of an enhanced authentication, for CONNACK; only where CONNECT named a method. */
  readonly authenticationData?: Uint8Array;
}
/** The host has to hear more before it knows; only where CONNECT named a method. */
export interface AuthenticationContinued {
  /** Tells this event from the others. */
  readonly type: "authenticationContinued";
  /** What the method has the server say, for AUTH 0x18. */
  readonly authenticationData?: Uint8Array;
}
/** The client, whose connection is open, is still who it says it is. */
export interface Reauthenticated {
  /** Tells this event from the others. */
  readonly type: "reauthenticated";
  /** The last word of the method, for AUTH 0x00. */
  readonly authenticationData?: Uint8Array;
}
/**
 * The client is refused: a 5.0 reason code, mapped for 3.1.1. Of a client that authenticates again it ends the
 * connection, with 0x87 where DISCONNECT cannot carry the code.
 */
export interface AuthenticationRefused {
  /** Tells this event from the others. */
  readonly type: "authenticationRefused";
  /** A 5.0 reason code of 0x80 and above; a lower one throws a `RangeError`. */
  readonly reasonCode: number;
  /** A text for diagnostics; not sent in 3.1.1. */
  readonly reasonString?: string;
  /** Where to connect instead, with 0x9C or 0x9D; not sent in 3.1.1. */
  readonly serverReference?: string;
}
/** The store gave the session to this connection. */
export interface SessionAcquired {
  /** Tells this event from the others. */
  readonly type: "sessionAcquired";
  /** The Session State after the acquire, this connection's head in it. */
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
  /** Filters of the session that its client may have no more: they end before CONNACK. */
  readonly revoked?: readonly string[];
  /** Sequences of the page whose messages the client may not have. */
  readonly withheld?: readonly number[];
}
/** The store refused: 0x85 the id belongs to another, 0x88 it could not be asked, 0x97 too many sessions. */
export interface AcquireRefused {
  /** Tells this event from the others. */
  readonly type: "acquireRefused";
  /** A 5.0 reason code of 0x80 and above, mapped for 3.1.1. */
  readonly reasonCode: number;
}
/** The publish may go on, to so many receivers. */
export interface PublishRouted {
  /** Tells this event from the others. */
  readonly type: "publishRouted";
  /** The `ref` of the request that this answers. */
  readonly ref: number;
  /** How many sessions take the message; 0 acknowledges with 0x10 in 5.0 and hands nothing on. */
  readonly receivers: number;
}
/** The publish is refused: before its commit by authorization, or by the commit itself when nobody could take it. */
export interface PublishRefused {
  /** Tells this event from the others. */
  readonly type: "publishRefused";
  /** The `ref` of the request that this answers. */
  readonly ref: number;
  /** A 5.0 reason code of 0x80 and above; one that PUBACK and PUBREC may not carry is sent as 0x80. */
  readonly reasonCode: number;
}
/** One verdict per filter, in order: a granted level 0 to 2, or a reason code of 0x80 and above. */
export interface SubscribeAuthorized {
  /** Tells this event from the others. */
  readonly type: "subscribeAuthorized";
  /** The `ref` of the request that this answers. */
  readonly ref: number;
  /** As many as the request has filters; another number throws a `RangeError`. */
  readonly verdicts: readonly number[];
}
/** A page of the log came. */
export interface QueueLoaded {
  /** Tells this event from the others. */
  readonly type: "queueLoaded";
  /** The entries that are left of the page, by rising sequence; none when all of it is gone. */
  readonly messages: readonly QueuedMessage[];
  /** The highest sequence that the page covers. */
  readonly through: number;
  /** Sequences of the page whose messages the client may not have. */
  readonly withheld?: readonly number[];
}
/** The log has grown. */
export interface MessagesAppended {
  /** Tells this event from the others. */
  readonly type: "messagesAppended";
  /** The highest sequence of the log. */
  readonly tail: number;
  /** The new entries, where the host has them: without a gap after `tail` minus their number. */
  readonly messages?: readonly QueuedMessage[];
  /** Sequences among them that the client may not have. */
  readonly withheld?: readonly number[];
}
/** A QoS 0 copy for a connected session, which was never stored (D10). */
export interface Qos0Offered {
  /** Tells this event from the others. */
  readonly type: "qos0Offered";
  /** The message; this copy is sent at QoS 0 whatever its own level. */
  readonly message: Message;
  /** The RETAIN flag of this copy ([MQTT-3.3.1-12], [MQTT-3.3.1-13]). */
  readonly retain: boolean;
  /** The Subscription Identifiers of this copy, in the order to send them; empty for none. */
  readonly subscriptionIdentifiers: readonly number[];
}
/** A page of retained messages came. */
export interface RetainedLoaded {
  /** Tells this event from the others. */
  readonly type: "retainedLoaded";
  /** The `ref` of the request that this answers. */
  readonly ref: number;
  /** Those of the page, in order. */
  readonly messages: readonly Message[];
  /** Where the next page begins; absent when this is the last one. */
  readonly after?: string;
}
/**
 * What was handed on of a page of retained messages is stored, and compared with what is retained now: a newer message
 * may stand in the log before an older one that was read earlier.
 */
export interface RetainedSettled {
  /** Tells this event from the others. */
  readonly type: "retainedSettled";
  /** The `ref` of the request whose page it is. */
  readonly ref: number;
  /** What has taken the place of messages of the page, one without payload where nothing has. */
  readonly changed: readonly Message[];
  /** The log had no room for all of them: the position before the first that it could not take. */
  readonly refusedAfter?: string;
}
/** The transport is gone. */
export interface ConnectionClosed {
  /** Tells this event from the others. */
  readonly type: "connectionClosed";
}
/** Another connection owns the session now, or somebody has ended it; nothing of this one counts any more. */
export interface Superseded {
  /** Tells this event from the others. */
  readonly type: "superseded";
  /** What a 5.0 client is told: 0x8E unless given, 0x98 where there is no other connection. */
  readonly reasonCode?: number;
}
/**
 * The host wants the connection closed: 0x8B shutting down, 0x88 or 0x83 a store fault, 0x98 an administrator, 0x9C or
 * 0x9D for another server.
 */
export interface CloseRequested {
  /** Tells this event from the others. */
  readonly type: "closeRequested";
  /** A 5.0 reason code: for CONNACK before the connection is accepted, for DISCONNECT after. */
  readonly reasonCode: number;
  /** A text for diagnostics; not sent in 3.1.1. */
  readonly reasonString?: string;
  /** Where to connect instead, with 0x9C or 0x9D; not sent in 3.1.1. */
  readonly serverReference?: string;
}
/** An administrator or a limit ends the session, attached or not (S15). */
export interface EndRequested {
  /** Tells this event from the others. */
  readonly type: "endRequested";
}
/**
 * An administrator has put another Session Expiry Interval in force. It is also the longest that the client can ask for
 * when it disconnects; with another connection the client asks anew.
 */
export interface ExpirySet {
  /** Tells this event from the others. */
  readonly type: "expirySet";
  /** In seconds, 0 to 0xFFFFFFFF, which never ends. */
  readonly sessionExpiryInterval: number;
}
/** An administrator has subscribed on behalf of the client, or changed the options of a subscription that it has. */
export interface SubscriptionSet {
  /** Tells this event from the others. */
  readonly type: "subscriptionSet";
  /** A filter that can be routed, and is no shared one. */
  readonly filter: string;
  /** Its options; what is owed of retained messages follows from them. */
  readonly subscription: Subscription;
}
/** An administrator has ended a subscription of the client. */
export interface SubscriptionRemoved {
  /** Tells this event from the others. */
  readonly type: "subscriptionRemoved";
  /** Its filter, as the client wrote it. */
  readonly filter: string;
}
/** An administrator wants messages out of the log. What was started by now, or is gone, stays as it is. */
export interface MessagesPurged {
  /** Tells this event from the others. */
  readonly type: "messagesPurged";
  /** As they were read from the log, by rising sequence. */
  readonly messages: readonly QueuedMessage[];
}
/** The node that held the connection is gone; the connection counts as lost at that moment (S17). */
export interface OwnerLost {
  /** Tells this event from the others. */
  readonly type: "ownerLost";
  /** When the connection counts as lost, in epoch milliseconds: the end of the node's lease. */
  readonly at: number;
}
/** Time has passed: whatever is due at `now` happens. */
export interface TimePassed {
  /** Tells this event from the others. */
  readonly type: "timePassed";
}

/** What has happened. */
export type Event =
  | ConnectionOpened
  | ConnectionResumed
  | PacketReceived
  | PacketMalformed
  | Authenticated
  | AuthenticationContinued
  | AuthenticationRefused
  | Reauthenticated
  | SessionAcquired
  | SessionReloaded
  | AcquireRefused
  | PublishRouted
  | PublishRefused
  | SubscribeAuthorized
  | QueueLoaded
  | MessagesAppended
  | Qos0Offered
  | RetainedLoaded
  | RetainedSettled
  | ConnectionClosed
  | Superseded
  | CloseRequested
  | EndRequested
  | ExpirySet
  | SubscriptionSet
  | SubscriptionRemoved
  | MessagesPurged
  | OwnerLost
  | TimePassed;
