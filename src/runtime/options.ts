import type { ServerLimits, SessionPolicy } from "../machine/policy.ts";
import type { ConnectPacket } from "../mqtt/packet.ts";
import type { QoS } from "../mqtt/qos.ts";
import type { StoreRequirements } from "../store/capabilities.ts";
import type { RetainedLimits, RetainedStore } from "../store/retained_store.ts";
import type { QueueLimits, SessionStore } from "../store/session_store.ts";
import type { BrokerEnvironment } from "./environment.ts";
import type { Observe } from "./observe.ts";

/** What a callback of the host gets beside its question. */
export interface CallbackContext {
  /** Aborted when the answer is needed no more. */
  readonly signal: AbortSignal;
}

/** The client is who it says it is. */
export interface AuthenticationAccepted {
  /** Whether it may connect. */
  readonly ok: true;
  /** The id under which the session is kept; that of the CONNECT when absent. Put a tenant's name in front of it. */
  readonly clientId?: string;
  /** Whom the session belongs to: a client id of another principal is refused. Stored, so never a secret. */
  readonly principal?: string;
  /** Overrides the Session Expiry Interval, in seconds. */
  readonly sessionExpiryInterval?: number;
  /** Overrides the Keep Alive, in seconds. */
  readonly serverKeepAlive?: number;
  /** Response Information for CONNACK. */
  readonly responseInformation?: string;
}
/** The client may not connect. */
export interface AuthenticationDenied {
  /** Whether it may connect. */
  readonly ok: false;
  /** A 5.0 reason code of CONNACK; 0x87 when absent. It is mapped for 3.1.1. */
  readonly reasonCode?: number;
  /** A text for diagnostics; only told to 5.0 clients. */
  readonly reasonString?: string;
  /** Another server to use; only told to 5.0 clients. */
  readonly serverReference?: string;
}
/** The verdict on a CONNECT. */
export type Authentication = AuthenticationAccepted | AuthenticationDenied;

/** Asks for the right to do something. */
export interface AuthorizeQuestion {
  /** Who asks. */
  readonly clientId: string;
  /** Whom its session belongs to, as `authenticate` said. */
  readonly principal?: string;
  /** `publish` is also asked for the Will Topic, at CONNECT. */
  readonly action: "publish" | "subscribe";
  /** A Topic Name, or the Topic Filter of a subscription. */
  readonly topic: string;
  /** The level of the message, or the one asked for. */
  readonly qos: QoS;
}

/** How the node says that it lives (D5). */
export interface LeaseOptions {
  /** How long one renewal lasts, in milliseconds. */
  readonly durationMs: number;
  /** How often it is renewed. */
  readonly renewEveryMs: number;
  /** After so long without a renewal, by the monotonic clock, the node closes its connections. */
  readonly closeAfterMs: number;
  /** How much longer other nodes are waited for: skew between clocks. */
  readonly graceMs: number;
}

/** What one connection may hold in memory. */
export interface ConnectionBounds {
  /** Packets that were received and are not yet committed. */
  readonly maxPendingPackets: number;
  /** Their bytes. */
  readonly maxPendingBytes: number;
  /** Above this many unsent bytes in the transport nothing more is fed to the client. */
  readonly highWaterBytes: number;
  /** A client that stays above it for so long is disconnected. */
  readonly stallTimeoutMs: number;
  /** How often a stalled transport is looked at. */
  readonly stallPollMs: number;
}

/** How commits behave when the store does not. */
export interface CommitOptions {
  /** How long one call of the store may take, in milliseconds. */
  readonly timeoutMs: number;
  /** For how long a batch of unknown outcome is repeated before the connection is given up. */
  readonly repeatForMs: number;
  /** The pause before the first repetition; it doubles up to 16 times itself. */
  readonly repeatAfterMs: number;
  /** How many batches leave in one call. */
  readonly maxBatches: number;
}

/** How much is retained. */
export interface RetainedOptions extends RetainedLimits {
  /** The largest message, in bytes of `messageBytes`. */
  readonly maximumMessageBytes: number;
}

/** What a broker is made of. Only the store has to be given. */
export interface BrokerOptions {
  /** Where sessions live. The broker never closes it. */
  readonly store: SessionStore;
  /** Where retained messages live; without it CONNACK says that none are. The broker never closes it. */
  readonly retained?: RetainedStore;
  /** How much is retained, where it differs from 100 000 messages, 128 MiB in all and 1 MiB each. */
  readonly retainedLimits?: Partial<RetainedOptions>;
  /** A name for this node, the same after a restart or not; each run adds a random part. */
  readonly nodeId?: string;
  /** What the store must promise; strict fencing and strong consistency when absent. */
  readonly require?: StoreRequirements;
  /** What clients are allowed, where it differs from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<ServerLimits>;
  /** Choices that MQTT leaves open, where they differ from `DEFAULT_POLICY`. */
  readonly policy?: Partial<SessionPolicy>;
  /** How long a session's log may grow, and what gives way then. */
  readonly queue?: Partial<QueueLimits>;
  /** Whether QoS 0 messages are kept for sessions that are not connected. */
  readonly queueQos0?: boolean;
  /** Everybody is let in under the id of the CONNECT when absent. */
  readonly authenticate?: (
    connect: ConnectPacket,
    context: CallbackContext,
  ) => Authentication | Promise<Authentication>;
  /** Everything is allowed when absent. What it throws is a refusal. */
  readonly authorize?: (question: AuthorizeQuestion, context: CallbackContext) => boolean | Promise<boolean>;
  /** Is told what happens, for metrics and logs. */
  readonly observe?: Observe;
  /** Time, randomness and timers; those of the platform when absent. */
  readonly environment?: BrokerEnvironment;
  /** How the node says that it lives. */
  readonly lease?: Partial<LeaseOptions>;
  /** What one connection may hold in memory. */
  readonly bounds?: Partial<ConnectionBounds>;
  /** How long the store is waited for. */
  readonly commit?: Partial<CommitOptions>;
  /** How long `authorize` may take before it counts as a refusal, in milliseconds. */
  readonly authorizeTimeoutMs?: number;
  /** How often the doorbell is polled where no watch tells of all others, in milliseconds; 0 never. */
  readonly doorbellPollMs?: number;
  /**
   * The longest that a started broker goes without asking the store what is due, in milliseconds; half a lease when
   * absent, and a minute at most.
   */
  readonly duePollMs?: number;
}

/** The options with every default filled in. */
export interface ResolvedOptions {
  readonly store: SessionStore;
  readonly retained: RetainedStore | undefined;
  readonly retainedLimits: RetainedOptions;
  readonly nodeId: string;
  readonly limits: ServerLimits;
  readonly policy: SessionPolicy;
  readonly queue: QueueLimits;
  readonly queueQos0: boolean;
  readonly authenticate: BrokerOptions["authenticate"];
  readonly authorize: BrokerOptions["authorize"];
  readonly observe: Observe;
  readonly environment: BrokerEnvironment;
  readonly lease: LeaseOptions;
  readonly bounds: ConnectionBounds;
  readonly commit: CommitOptions;
  readonly authorizeTimeoutMs: number;
  readonly doorbellPollMs: number;
  readonly duePollMs: number;
}
