import type { Message, QueuedMessage } from "../../mqtt/message.ts";
import {
  type ConnectPacket,
  NEVER_EXPIRES,
  type ProtocolVersion,
  type SubscriptionRequest,
} from "../../mqtt/packet.ts";
import type { QoS } from "../../mqtt/qos.ts";
import type { ConnectionLimits } from "../policy.ts";
import type { ClientConnection, PeerLimits } from "./client_part.ts";
import type { RestingConnection } from "./resting.ts";
import { SparseMap, SparseSet } from "./sparse.ts";
import { Window } from "./window.ts";

/** A QoS 0 message that was never stored, and the tail of the log when it came: what is queued up to there goes first. */
export interface HeldMessage {
  readonly message: QueuedMessage;
  readonly after: number;
}

/** How far a connection has come. Asleep: it is open, and its session is still to be reloaded. */
export type ConnectionPhase = "opened" | "authenticating" | "acquiring" | "connecting" | "online" | "asleep" | "closed";

/** A PUBLISH that waits for its route, or was routed last. */
export interface InboundPublish {
  readonly ref: number;
  readonly qos: QoS;
  /** 0 for QoS 0. */
  readonly packetId: number;
  readonly routed: boolean;
  /** The message to hand on once routed. */
  readonly message: Message;
}

/** A SUBSCRIBE that waits for its verdicts. */
export interface InboundSubscribe {
  readonly ref: number;
  readonly packetId: number;
  readonly subscriptionIdentifier: number | undefined;
  readonly filters: readonly SubscriptionRequest[];
  /** A code per filter that was refused before anyone was asked; 0 for those that were asked about. */
  readonly refused: readonly number[];
}

/** A page of retained messages that was asked for. */
export interface RetainedPage {
  readonly ref: number;
  readonly filter: string;
  readonly after: string;
  readonly messages: number;
  /** What it has left in the stored subscription; absent before it came. */
  next?: { readonly after: string | undefined };
}

/** Retained messages on their way to subscriptions of this session. */
export interface RetainedWork {
  /** The filters to which some are owed. */
  readonly owed: Set<string>;
  /** One page at a time. */
  page: RetainedPage | undefined;
  /** The log could take no more while it held so many: less must be in it. */
  heldAtMost: number;
  /** The next page is of one message, since the last one found no room in an empty log. */
  oneByOne: boolean;
}

/** Enhanced authentication on a connection whose CONNECT named a method. What is said in it is not kept. */
export interface EnhancedAuthentication {
  readonly method: string;
  /** Who is to speak next; `undefined` when no exchange is under way. */
  turn: "host" | "client" | undefined;
}

/**
 * What lives and dies with one Network Connection: it is never stored, and a snapshot never holds any of it
 * (ST-09, invariant 15).
 */
export interface ConnectionState {
  phase: ConnectionPhase;
  /** What it was resumed with, until its session is reloaded. */
  resting: RestingConnection | undefined;
  /** Whether its process may forget all of it between two packets: then nothing is promised or held that is not stored. */
  sleeps: boolean;
  /** The transport closed, or time ran out, while the store was being asked for the session. */
  lostWhileAcquiring: boolean;
  readonly openedAt: number;
  lastReceivedAt: number;
  /** The longest allowed silence in milliseconds; 0 allows any. */
  silenceMs: number;

  version: ProtocolVersion;
  /** The CONNECT without its credentials, until it is answered. */
  connect: Omit<ConnectPacket, "password" | "username" | "authenticationData"> | undefined;
  /** The Session Expiry Interval of the CONNECT packet, in seconds, whatever was put in its place (SE-11). */
  requestedExpiryInterval: number;
  /** The longest that a DISCONNECT may ask for, in seconds, where the host has imposed one. */
  longestExpiryInterval: number;
  serverKeepAlive: number | undefined;
  /** What the host allows this connection, where it differs from the limits of the server. */
  limits: Partial<ConnectionLimits> | undefined;
  responseInformation: string | undefined;
  /** Only of a server, and only where CONNECT named a method. */
  authentication: EnhancedAuthentication | undefined;
  /** The last word of the method, until CONNACK takes it along. */
  authenticationData: Uint8Array | undefined;
  /** The peer's Maximum Packet Size; Infinity when it named none. */
  maximumPacketSize: number;
  /** A packet that the peer is owed is larger than that, even bare. */
  hasUnsendable: boolean;
  /** The most PUBLISH packets of QoS 1 and 2 that may be unanswered by the peer. */
  sendQuota: number;
  peer: PeerLimits;
  /** Only of a client. */
  client: ClientConnection | undefined;

  readonly window: Window;
  /** Messages loaded and not yet sent, a ring without holes: the first waits at `pageStart`. */
  page: QueuedMessage[];
  pageStart: number;
  pageBytes: number;
  /** How many of them are QoS 0. */
  pageQos0: number;
  /** QoS 0 messages that were never stored and wait behind queued ones. */
  held: HeldMessage[];
  /** The log has been read up to here. */
  cursor: number;
  /** The highest sequence of the log, as far as is known. */
  tail: number;
  loading: boolean;
  /** Sequences of loaded messages that the client may not have. */
  readonly withheld: SparseSet;
  /** Sequences that were taken out of the log before they were loaded: a page may have been read before that. */
  readonly purged: SparseSet;
  /** Entries up to here were started by an earlier connection, and are resent with DUP. */
  startedThrough: number;
  /** Client: of those, entries up to here are lost with their session. */
  lostThrough: number;
  /** The highest sequence started so far, by this connection or an earlier one. */
  lastStarted: number;
  /** The place of the next PUBREC ([MQTT-4.6.0-4]). */
  pubrecOrder: number;
  /** The place of the first PUBREC of this connection. */
  firstPubrecOrder: number;

  /** Inbound QoS 2 identifiers whose PUBLISH came on this connection and whose PUBCOMP is still owed (FC-15). */
  readonly unanswered: SparseSet;
  /** Topic Alias to topic, from the peer. */
  readonly aliases: SparseMap<string>;
  /** The retained messages that are owed to subscriptions; absent while none are, which is nearly always. */
  retained: RetainedWork | undefined;
  publish: InboundPublish | undefined;
  subscribe: InboundSubscribe | undefined;
  nextRef: number;
}

/** A peer that named no limit. */
const ANYTHING: PeerLimits = { maximumQoS: 2, retainAvailable: true };

/** A connection whose CONNECT has yet to come. */
export function openConnection(now: number): ConnectionState {
  return {
    phase: "opened",
    resting: undefined,
    sleeps: false,
    lostWhileAcquiring: false,
    openedAt: now,
    lastReceivedAt: now,
    silenceMs: 0,
    version: 5,
    connect: undefined,
    requestedExpiryInterval: 0,
    longestExpiryInterval: NEVER_EXPIRES,
    serverKeepAlive: undefined,
    limits: undefined,
    responseInformation: undefined,
    authentication: undefined,
    authenticationData: undefined,
    maximumPacketSize: Infinity,
    hasUnsendable: false,
    sendQuota: 1,
    peer: ANYTHING,
    client: undefined,
    window: new Window(),
    page: [],
    pageStart: 0,
    pageBytes: 0,
    pageQos0: 0,
    held: [],
    cursor: 0,
    tail: 0,
    loading: false,
    withheld: new SparseSet(),
    purged: new SparseSet(),
    startedThrough: 0,
    lostThrough: 0,
    lastStarted: 0,
    pubrecOrder: 0,
    firstPubrecOrder: 0,
    unanswered: new SparseSet(),
    aliases: new SparseMap(),
    retained: undefined,
    publish: undefined,
    subscribe: undefined,
    nextRef: 1,
  };
}
