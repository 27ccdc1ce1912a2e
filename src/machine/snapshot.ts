import type { ProtocolVersion } from "../mqtt/packet.ts";
import type { Subscription } from "../mqtt/subscription.ts";
import type { Will } from "../mqtt/will.ts";

/**
 * The numbers of a session that decide its life. All times are absolute epoch milliseconds, so any process can judge
 * them later; a store adds and compares them and needs no word of MQTT for it.
 */
export interface SessionHead {
  /** The version of the latest connection. */
  readonly protocolVersion: ProtocolVersion;
  /** Whether a connection owns the session. */
  readonly attached: boolean;
  /** When the latest connection was accepted. */
  readonly connectedAt: number;
  /** When the latest connection ended; absent while attached. */
  readonly disconnectedAt?: number;
  /** The reason code with which the latest connection ended; absent while attached. */
  readonly disconnectReason?: number;
  /** The Session Expiry Interval in force, in seconds; 0xFFFFFFFF never ends. */
  readonly sessionExpiryInterval: number;
  /** When the session ends: 0 while attached with interval 0, absolute once detached, absent if it never ends. */
  readonly endsAt?: number;
  /** How long it lasts after a connection whose loss nobody witnessed; absent if it never ends. */
  readonly endsAfterMs?: number;
  /** When the Will is due: set once detached with a Will, never while attached. */
  readonly willDueAt?: number;
  /** How long after the loss of this connection its Will is due; absent when it has no Will. */
  readonly willAfterMs?: number;
  /** What becomes of this connection's Will when another connection takes a session over that goes on. */
  readonly onTakeover: "release" | "discard";
  /** Every log entry up to this sequence counts as started: it may have been sent, and neither expires nor is dropped. */
  readonly sentLimit: number;
  /**
   * Whether its log may hold entries that were claimed from others. No acquire ends such a session: what is in it is given
   * back first.
   */
  readonly borrows?: true;
}

/** What must be remembered of a started log entry beyond its sequence. */
export interface OutboundMark {
  /** The Packet Identifier in use. */
  readonly packetId: number;
  /** `sent`: PUBLISH went out under an identifier that is not the derived one. `released`: PUBREC came, PUBCOMP is awaited. */
  readonly phase: "sent" | "released";
  /** The place of its PUBREC among the others ([MQTT-4.6.0-4]); 0 in phase `sent`. */
  readonly pubrecOrder: number;
}

/**
 * The Session State of MQTT 5.0 section 4.1 apart from the messages of its log: what survives a connection.
 *
 * Equal for both protocol versions. Nothing connection-scoped is in it: no alias, quota, credential or timer.
 */
export interface SessionSnapshot {
  /** The Client Identifier, the key of the state ([MQTT-3.1.3-2]). */
  readonly clientId: string;
  /** A unique id of this life of the session; a session that starts clean gets a new one. */
  readonly incarnation: string;
  /** The numbers that decide its life. */
  readonly head: SessionHead;
  /** The Will of the latest connection, until it is published or deleted. */
  readonly will?: Will;
  /** Topic Filter to options. */
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  /** Sequence to mark. */
  readonly outbound: ReadonlyMap<number, OutboundMark>;
  /** Outbound Packet Identifiers out of circulation until the peer has another session, since it may still hold them. */
  readonly quarantine: ReadonlySet<number>;
  /** Packet Identifiers of inbound QoS 2 messages accepted and not yet released. */
  readonly inbound: ReadonlySet<number>;
}
