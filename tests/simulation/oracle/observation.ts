/**
 * What can be seen of a broker from outside: packets on the wire, as clients see them, and what is known of the world
 * around. This is all that the oracle is told; it imports nothing from `src`.
 *
 * @module
 */

/** A packet on the wire, by the names of the MQTT texts. Absent members are absent on the wire. */
export type WirePacket =
  | WireConnect
  | WireConnack
  | WirePublish
  | WireResponse
  | WireSubscribe
  | WireSuback
  | WireUnsubscribe
  | WireUnsuback
  | { readonly type: "pingreq" }
  | { readonly type: "pingresp" }
  | WireDisconnect
  | WireAuth;

/** A Will Message. */
export interface WireWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Seconds; absent is 0. */
  readonly willDelayInterval?: number;
  /** Seconds. */
  readonly messageExpiryInterval?: number;
}
export interface WireConnect {
  readonly type: "connect";
  /** 4 is MQTT 3.1.1. */
  readonly protocolVersion: number;
  readonly clientId: string;
  /** Clean Session in 3.1.1. */
  readonly cleanStart: boolean;
  /** Seconds. */
  readonly keepAlive: number;
  readonly will?: WireWill;
  /** Seconds; absent is 0 in 5.0. In 3.1.1 a session with Clean Session 0 never ends. */
  readonly sessionExpiryInterval?: number;
  readonly receiveMaximum?: number;
  readonly maximumPacketSize?: number;
  readonly topicAliasMaximum?: number;
  readonly authenticationMethod?: string;
}
export interface WireConnack {
  readonly type: "connack";
  readonly sessionPresent: boolean;
  readonly reasonCode: number;
  readonly sessionExpiryInterval?: number;
  readonly receiveMaximum?: number;
  readonly maximumQoS?: 0 | 1;
  readonly topicAliasMaximum?: number;
  readonly serverKeepAlive?: number;
  readonly authenticationMethod?: string;
}
export interface WireAuth {
  readonly type: "auth";
  readonly reasonCode: number;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
}
export interface WirePublish {
  readonly type: "publish";
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetId?: number;
  /** Seconds left. */
  readonly messageExpiryInterval?: number;
  readonly topicAlias?: number;
  readonly subscriptionIdentifiers?: readonly number[];
}
export interface WireResponse {
  readonly type: "puback" | "pubrec" | "pubrel" | "pubcomp";
  readonly packetId: number;
  /** 0 in 3.1.1. */
  readonly reasonCode: number;
}
export interface WireSubscribe {
  readonly type: "subscribe";
  readonly packetId: number;
  readonly subscriptions: readonly {
    readonly filter: string;
    readonly qos: 0 | 1 | 2;
    readonly noLocal: boolean;
    readonly retainAsPublished: boolean;
  }[];
  readonly subscriptionIdentifier?: number;
}
export interface WireSuback {
  readonly type: "suback";
  readonly packetId: number;
  readonly reasonCodes: readonly number[];
}
export interface WireUnsubscribe {
  readonly type: "unsubscribe";
  readonly packetId: number;
  readonly filters: readonly string[];
}
export interface WireUnsuback {
  readonly type: "unsuback";
  readonly packetId: number;
  /** Empty in 3.1.1. */
  readonly reasonCodes: readonly number[];
}
export interface WireDisconnect {
  readonly type: "disconnect";
  readonly reasonCode: number;
  readonly sessionExpiryInterval?: number;
}

/**
 * One thing that was seen. `at` is the time of the world, in epoch milliseconds, which no node of the broker need agree
 * with; it never goes back. Each connection has a number of its own.
 */
export type Observation =
  /** A client opened a network connection. */
  | { readonly type: "opened"; readonly at: number; readonly client: string; readonly connection: number }
  /** The client handed a packet to the network. It may never arrive. */
  | { readonly type: "sent"; readonly at: number; readonly connection: number; readonly packet: WirePacket }
  /** The client got a packet. */
  | { readonly type: "received"; readonly at: number; readonly connection: number; readonly packet: WirePacket }
  /**
   * The client's end of the connection is closed: nothing is sent or received on it any more.
   *
   * `client`: it closed by itself. `server`: the server closed in order. `broken`: the network, or the death of a node.
   */
  | {
    readonly type: "closed";
    readonly at: number;
    readonly connection: number;
    readonly by: "client" | "server" | "broken";
  }
  /**
   * The client broke the protocol on purpose on this connection, or told a lie about what it had got: what it is owed is
   * no longer judged until its next session; others must not suffer.
   */
  | { readonly type: "misbehaved"; readonly at: number; readonly client: string }
  /** An administrator asks to end a session; seen once more, with `until`, when that was answered. */
  | { readonly type: "ended"; readonly at: number; readonly client: string; readonly until?: number }
  /** An administrator looked at a session that is there: so much waits in its log or is in flight. */
  | { readonly type: "inspected"; readonly at: number; readonly client: string; readonly queuedMessages: number }
  /** The host publishes a message itself; seen once more, with `until`, when it was taken. It may arrive more than once. */
  | {
    readonly type: "hostPublished";
    readonly at: number;
    readonly until?: number;
    readonly topic: string;
    readonly payload: Uint8Array;
    readonly qos: 0 | 1 | 2;
    readonly messageExpiryInterval?: number;
    /** `false` says that it was published once at most; else any number of copies is taken. */
    readonly duplicates?: boolean;
  }
  /** Something that happened to the world, for the timeline only. */
  | { readonly type: "note"; readonly at: number; readonly text: string };

/** What the oracle may take for granted of a world. All in milliseconds, the worst case each; 0 is exact. */
export interface WorldBounds {
  /** A packet that arrives at all takes at most so long one way. */
  readonly networkMs: number;
  /** No clock of a node is further from the time of the world. */
  readonly clockMs: number;
  /** After a connection ended at the client's end, the session is detached so late at most: keep-alive, leases, faults. */
  readonly detachMs: number;
  /** What a node decided is seen so late at most: it waits for the store. Absent is 0. */
  readonly effectMs?: number;
  /** While the store hangs, a server that is to close does so in silence after so long. Absent: it always says why. */
  readonly silentMs?: number;
  /** Something due (a Will, the end of a session) may be worked off so late. */
  readonly dueMs: number;
  /** Whether messages may be dropped since a queue is limited; such losses must be counted. */
  readonly queueIsLimited: boolean;
  /**
   * Rules for topics, the first whose filter matches holding: of topics that keep their last message a later one may take
   * the place of an earlier one. Absent: there are none.
   */
  readonly keepsLast?: readonly { readonly filter: string; readonly keepLast?: boolean }[];
  /** Whether what a group holds comes to each member in order, as long as nobody gives anything back: one node has all. */
  readonly ordersGroups?: boolean;
  /** The most messages that one connection is sent at once, whatever it takes. Absent: any number. */
  readonly mostAtOnce?: number;
  /** What becomes of what a member of a group never started, once its session ends. Absent: others get it. */
  readonly sharedNeverStarted?: "redispatchQoS1" | "drop";
  /**
   * By the same rules: of these topics a copy has the level of its subscription, also above the published one; and QoS 0
   * waits for sessions that are not connected, or does not.
   */
  readonly levels?: readonly { readonly filter: string; readonly upgradeQoS?: boolean; readonly queueQos0?: boolean }[];
  /** How much the sessions of one principal may hold for a new one to begin. Absent: any number. */
  readonly quota?: QuotaBounds;
  /**
   * How often a client that names an Authentication Method has to answer, by its name: `answer 1`, `answer 2` and so on, in
   * this order. Absent is 0.
   */
  readonly steps?: ReadonlyMap<string, number>;
  /** Whether QoS 0 messages wait for sessions that are not connected. */
  readonly queueQos0: boolean;
  /** Nobody may publish to topics that begin so; a 3.1.1 client is not told. */
  readonly forbiddenTopics?: string;
  /** The server's own cap for a 3.1.1 session: absent when it never ends. */
  readonly maximumSessionExpiryInterval?: number;
}

/** How much the sessions of one principal may hold. */
export interface QuotaBounds {
  /** How many there may be. Absent: any number. */
  readonly sessions?: number;
  /** What may wait in their logs or be in flight, in bytes of topics and payloads, for a new one to begin. */
  readonly queuedBytes?: number;
  /** Whom the session of a client belongs to; those that are not named belong to nobody, and never count. */
  readonly principals: ReadonlyMap<string, string>;
  /** Whether no server is ever in trouble, so that return code 3 of 3.1.1 speaks of the quota alone. */
  readonly isSteady: boolean;
}

/** What the store counts of a principal once all is over. */
export interface UsageReport {
  readonly principal: string;
  readonly sessions: number;
  readonly queuedBytes: number;
}

/** What the broker reports of a session once all is over: the numbers its administrator sees. */
export interface SessionReport {
  /** A Client Identifier, or the filter of a shared group. */
  readonly client: string;
  /** Whether there is a session at all. */
  readonly exists: boolean;
  /** Messages that wait or are in flight. */
  readonly queuedMessages: number;
  /** What they count for, in bytes of topics and payloads. Absent is 0. */
  readonly queuedBytes?: number;
  /** Lost messages of this session by reason, as counted since it began. */
  readonly dropped: Readonly<Record<string, number | undefined>>;
}

/** A promise that was broken. */
export interface Violation {
  /** A stable name in few words: `exactly once`, `Session Present`. Shrinking keeps it the same. */
  readonly rule: string;
  readonly at: number;
  readonly client: string;
  /** What was found, with identifiers and payloads. */
  readonly message: string;
}
