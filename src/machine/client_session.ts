import { MAX_PACKET_SIZE } from "../mqtt/packet_size.ts";
import { DEFAULT_LIMITS, DEFAULT_POLICY, type ServerLimits, type SessionPolicy } from "./policy.ts";
import type { SessionHead, SessionSnapshot } from "./snapshot.ts";
import { endClientConnection } from "./rules/client_ending.ts";
import { keepAliveDeadline } from "./rules/client_keep_alive.ts";
import { completed, durableOf, SessionState } from "./state/session.ts";

/** What a client allows its server, and itself. Each is told in CONNECT where 5.0 has a property for it. */
export interface ClientLimits {
  /** QoS 1 and 2 PUBLISH packets that the server may have unanswered, 1 to 65 535. Default: 256. */
  readonly receiveMaximum: number;
  /** The largest packet that the server may send, in bytes. Default: what MQTT can express. */
  readonly maximumPacketSize: number;
  /** The Topic Aliases that the server may use, 0 to 65 535. Default: 16. */
  readonly topicAliasMaximum: number;
  /** The most QoS 1 and 2 messages in flight to the server, whatever it allows (FC-19). Default: 1024. */
  readonly maximumInFlight: number;
  /** How long CONNACK is waited for, in milliseconds. Default: 10 000. */
  readonly connectTimeoutMs: number;
  /** How long PINGRESP is waited for, in milliseconds. Default: 10 000. */
  readonly pingTimeoutMs: number;
  /** How many log entries beyond the last started one may be sent before the next commit (D3). Default: 256. */
  readonly sendAhead: number;
  /** A page of the log: at most so many messages. Default: 128. */
  readonly pageMessages: number;
  /** A page of the log: at most so many bytes. Default: 1 MiB. */
  readonly pageBytes: number;
}

/** How a client's session is opened. */
export interface ClientSessionOptions {
  /** Choices that differ from `DEFAULT_POLICY`. */
  readonly policy?: Partial<SessionPolicy>;
  /** Limits that differ from those of {@linkcode ClientLimits}. */
  readonly limits?: Partial<ClientLimits>;
}

/** A session that a store gave to this client. */
export interface AcquiredClientSession {
  /** The session after the acquire. */
  readonly snapshot: SessionSnapshot;
  /** The `sentLimit` before it: entries up to there may have been sent. */
  readonly startedThrough: number;
  /** The highest sequence of the log. */
  readonly tail: number;
}

/** A client's session in memory, over all its connections. Only `stepClient` moves it. */
export interface ClientSession {
  /** Which side of the connection this is. */
  readonly role: "client";
  /** The choices in force where MQTT leaves one open. */
  readonly policy: SessionPolicy;
  /** Under which identifier it is kept; absent once it is this client's no more. */
  readonly clientId: string | undefined;
  /** Whether CONNACK has come and the connection has not ended since. */
  readonly online: boolean;
}

const DEFAULTS: ServerLimits = {
  ...DEFAULT_LIMITS,
  maximumPacketSize: MAX_PACKET_SIZE,
  // A client takes what its server sends.
  retainAvailable: true,
};

/** Opens a client's session that was acquired on `clientAcquireTerms`. */
export function openClientSession(acquired: AcquiredClientSession, options: ClientSessionOptions = {}): ClientSession {
  const { pingTimeoutMs = 10_000, ...limits } = options.limits ?? {};
  const { snapshot, tail } = acquired;
  // The stored limit runs ahead of the log: what comes after the acquire was never sent by anyone.
  const startedThrough = Math.min(acquired.startedThrough, tail);
  const part = {
    pingTimeoutMs,
    startedThrough,
    // Between two connections nothing else tells what is lost of a session that does not exist.
    lostThrough: snapshot.head.connectedAt > 0 ? 0 : startedThrough,
    tail,
    assigned: undefined,
    waiting: [],
  };
  const policy = completed(DEFAULT_POLICY, options.policy);
  // With a client's part it is a client's.
  return new SessionState(policy, completed(DEFAULTS, limits), durableOf(snapshot), {
    part,
    end: endClientConnection,
    deadline: keepAliveDeadline,
  }) as
    & SessionState
    & ClientSession;
}

/** The head of a session that this client lets go of, its connection closed: the next one need not guess what was sent. */
export function releasedHead(session: ClientSession): SessionHead | undefined {
  const { durable, ofClient } = session instanceof SessionState ? session : {};
  if (durable === undefined || ofClient === undefined) return undefined;
  return { ...durable.head, attached: false, sentLimit: ofClient.part.startedThrough };
}
