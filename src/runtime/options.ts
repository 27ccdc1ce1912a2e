import type { ConnectionLimits, ServerLimits, SessionPolicy } from "../machine/policy.ts";
import type { AuthPacket, ConnectPacket } from "../mqtt/packet.ts";
import type { QoS } from "../mqtt/qos.ts";
import type { StoreRequirements } from "../store/capabilities.ts";
import type { RetainedLimits, RetainedStore } from "../store/retained_store.ts";
import type { QueueLimits, SessionStore } from "../store/session_store.ts";
import type { BrokerEnvironment } from "./environment.ts";
import type { FlightRecorder } from "./flight.ts";
import type { Hibernating } from "./hibernating_transport.ts";
import type { QueueRule } from "./queue_rules.ts";
import type { Observe } from "./observe.ts";

/** What a callback of the host gets beside its question. */
export interface CallbackContext {
  /** Aborted when the answer is needed no more. */
  readonly signal: AbortSignal;
}

/** How much the sessions of one principal may hold for a new one to begin; a CONNECT beyond it gets 0x97. */
export interface PrincipalQuota {
  /** How many sessions, 1 to 10 000: exact, since the store counts them in the step that begins one. */
  readonly sessions?: number;
  /**
   * How much may wait in their logs or be in flight, in bytes of `messageBytes`. Looked at no more than once a minute for
   * each principal and node, so it may be overrun meanwhile, and by what comes for sessions that exist: those are never
   * refused, and `queue` bounds each.
   */
  readonly queuedBytes?: number;
}

/** The client is who it says it is. */
export interface AuthenticationAccepted {
  /** Whether it may connect. */
  readonly ok: true;
  /** The id under which the session is kept; that of the CONNECT when absent. Put a tenant's name in front of it. */
  readonly clientId?: string;
  /** Whom the session belongs to: a client id of another principal is refused. Stored, so never a secret. */
  readonly principal?: string;
  /** Overrides the Session Expiry Interval, in seconds; a DISCONNECT may shorten it, and not lengthen it. */
  readonly sessionExpiryInterval?: number;
  /** Overrides the Keep Alive, in seconds. */
  readonly serverKeepAlive?: number;
  /** Response Information for CONNACK. */
  readonly responseInformation?: string;
  /** How much the sessions of its principal may hold, in place of the broker's `quota`. */
  readonly quota?: PrincipalQuota;
  /** What this client is allowed, where it differs from the broker's `limits`. */
  readonly limits?: Partial<ConnectionLimits>;
  /** The last word of the method; left out where CONNECT named none. */
  readonly authenticationData?: Uint8Array;
}
/** The client has to say more: it gets AUTH with this data. Only where CONNECT named an Authentication Method. */
export interface AuthenticationContinues {
  /** Whether it may connect. */
  readonly ok: "continue";
  /** What the method has the server say. */
  readonly authenticationData?: Uint8Array;
  /** Takes what the client answers. What it closes over lives as long as the exchange, and is stored nowhere. */
  readonly next: AuthenticationStep;
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
/** The verdict on a CONNECT, or on a step of an enhanced authentication. */
export type Authentication = AuthenticationAccepted | AuthenticationContinues | AuthenticationDenied;

/** Takes the AUTH of a client that was asked for more. */
export type AuthenticationStep = (
  auth: AuthPacket,
  context: CallbackContext,
) => Authentication | Promise<Authentication>;

/** What is known of a client that authenticates again. */
export interface ReauthenticationContext extends CallbackContext {
  /** Whose connection it is. */
  readonly clientId: string;
  /** Whom its session belongs to, as `authenticate` said. */
  readonly principal?: string;
}

/** Asks for the right to do something. */
export interface AuthorizeQuestion {
  /** Who asks. */
  readonly clientId: string;
  /** Whom its session belongs to, as `authenticate` said. */
  readonly principal?: string;
  /**
   * `publish` is also asked for the Will Topic, at CONNECT; `subscribe` also for each filter of a session that goes on;
   * `deliver`, with `authorizeDeliveries`, for each message that is about to be sent to the client for the first time.
   */
  readonly action: "publish" | "subscribe" | "deliver";
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
  /** A name for this node, the same after a restart or not; each run adds a random part, but with `hibernation`. */
  readonly nodeId?: string;
  /** What the store must promise; strict fencing and strong consistency when absent. */
  readonly require?: StoreRequirements;
  /** What clients are allowed, where it differs from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<ServerLimits>;
  /** Choices that MQTT leaves open, where they differ from `DEFAULT_POLICY`. */
  readonly policy?: Partial<SessionPolicy>;
  /**
   * How much the sessions of each principal may hold; any number when absent. Sessions count that began under a quota.
   * Refused at construction where the store does not count.
   */
  readonly quota?: PrincipalQuota;
  /** How long a session's log may grow, and what gives way then. */
  readonly queue?: Partial<QueueLimits>;
  /** Whether QoS 0 messages are kept for sessions that are not connected. */
  readonly queueQos0?: boolean;
  /** How messages of some topics wait; the first rule that matches holds. */
  readonly queueRules?: readonly QueueRule[];
  /**
   * Everybody is let in under the id of the CONNECT when absent. A CONNECT with an Authentication Method comes here if
   * `limits.authenticationMethods` names it.
   */
  readonly authenticate?: (
    connect: ConnectPacket,
    context: CallbackContext,
  ) => Authentication | Promise<Authentication>;
  /**
   * A client with an Authentication Method authenticates again; its connection goes on meanwhile. Refused when absent, as
   * is any other principal; of an acceptance the principal and `authenticationData` count.
   */
  readonly reauthenticate?: (
    auth: AuthPacket,
    context: ReauthenticationContext,
  ) => Authentication | Promise<Authentication>;
  /** Everything is allowed when absent. What it throws is a refusal. */
  readonly authorize?: (question: AuthorizeQuestion, context: CallbackContext) => boolean | Promise<boolean>;
  /**
   * Whether `authorize` is asked once more for the filters of a session that goes on: true when absent. What it refuses is
   * removed before CONNACK, and told as `subscriptionRevoked`. While it cannot answer nothing is removed, and CONNECT
   * gets 0x88.
   */
  readonly reauthorizeOnResume?: boolean;
  /**
   * Whether `authorize` is also asked for each message on its way to a client: false when absent. What it refuses is
   * dropped and counted as `notAuthorized`; what was sent to the client before goes on. A message of a shared group is then
   * another member's, and dropped where no connected one may have it. While it cannot answer nothing is dropped, and the
   * connection is closed.
   */
  readonly authorizeDeliveries?: boolean;
  /** Is told what happens, for metrics and logs. */
  readonly observe?: Observe;
  /** Takes down what each session's machine is given and answers, as `flightRecorder` does; costs nothing when absent. */
  readonly record?: FlightRecorder;
  /** Time, randomness and timers; those of the platform when absent. */
  readonly environment?: BrokerEnvironment;
  /**
   * For sockets that outlive the memory of their process, as `hibernation` makes it; the node then has no lease, and
   * `nodeId` is its whole name.
   */
  readonly hibernation?: Hibernating;
  /** How the node says that it lives. */
  readonly lease?: Partial<LeaseOptions>;
  /** What one connection may hold in memory. */
  readonly bounds?: Partial<ConnectionBounds>;
  /** How long the store is waited for. */
  readonly commit?: Partial<CommitOptions>;
  /** How long `authorize` may take before it counts as a refusal, or as unable to answer, in milliseconds. */
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
  readonly queueRules: readonly QueueRule[];
  readonly quota: PrincipalQuota | undefined;
  readonly authenticate: BrokerOptions["authenticate"];
  readonly reauthenticate: BrokerOptions["reauthenticate"];
  readonly authorize: BrokerOptions["authorize"];
  readonly reauthorizeOnResume: boolean;
  readonly authorizeDeliveries: boolean;
  readonly observe: Observe;
  readonly record: FlightRecorder | undefined;
  readonly environment: BrokerEnvironment;
  readonly hibernation: Hibernating | undefined;
  readonly lease: LeaseOptions;
  readonly bounds: ConnectionBounds;
  readonly commit: CommitOptions;
  readonly authorizeTimeoutMs: number;
  readonly doorbellPollMs: number;
  readonly duePollMs: number;
}
