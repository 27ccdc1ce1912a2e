/** Where MQTT leaves a choice open, the choice and its name. The defaults lose nothing and surprise least. */
export interface SessionPolicy {
  /** P1: what a DISCONNECT without an interval leaves in force: the value of CONNACK, or that of the CONNECT packet. */
  readonly disconnectWithoutInterval: "inForce" | "connect";
  /** P2: a pending Will when a Clean Start ends its session (WL-14). */
  readonly pendingWillOnCleanStart: "publish" | "suppress";
  /** P3: the Message Expiry Interval of a resend: recomputed and at least 0, or left out once it has passed. */
  readonly expiryOnResend: "recompute" | "omitExpired";
  /** P4: an unreleased QoS 2 identifier that comes again with DUP 0: answered as a repeat, or closed with 0x82. */
  readonly repeatedWithoutDup: "acknowledge" | "close";
  /** P5: the code of PUBCOMP for an unknown PUBREL in 5.0. */
  readonly unknownPubrel: 0x92 | 0x00;
  /** P6 (client, 3.1.1): Session Present 0 although state is kept. */
  readonly unexpectedNewSession: "continueAsNew" | "close";
  /** P7: the old subscription when the filter of a replacing SUBSCRIBE is refused (SB-23). */
  readonly refusedReplacement: "keep" | "remove";
  /** P8: a started message that no longer fits the client's Maximum Packet Size: done, or the connection is closed. */
  readonly oversizedInFlight: "complete" | "close";
  /** P9 (client): a stored QoS 2 message when the server's Maximum QoS is 1. */
  readonly storedAboveMaximumQoS: "fail";
  /** P10: whether PUBCOMP of a resent PUBREL gives credit that was never spent (FC-17). */
  readonly creditForResentPubrel: boolean;
  /** P11: whether carried-over PUBREL entries count against the peer's Receive Maximum all the same (FC-15). */
  readonly conservativeWindow: boolean;
  /**
   * P12: a shared member's never-started messages when its session ends: all of them go to another member, all but those of
   * QoS 2, or none. When its connection ends and its session does not, all of them do.
   */
  readonly sharedNeverStarted: "redispatch" | "redispatchQoS1" | "drop";
  /** P13: whether a session of one protocol version is resumed by the other. */
  readonly resumeAcrossVersions: boolean;
  /** P14: one copy for all matching subscriptions of a session, or one each (SB-16). */
  readonly overlappingSubscriptions: "single" | "each";
  /** P15: a `now` below an earlier one of this session: taken as the earlier one, or as it is. */
  readonly backwardTime: "hold" | "follow";
  /** P16 (client): messages queued and never sent when the session is lost. */
  readonly unsentOnSessionLoss: "keep" | "fail";
  /** P17 (client): when Clean Start empties the client's own state. */
  readonly discardOnCleanStart: "atSend" | "atConnack";
  /** P18 (client): whether its own clock ends a session whose interval has passed, or the server alone (SE-14). */
  readonly ownExpiry: "keep" | "ignore";
  /** P19 (client): a QoS 0 message that is published without a connection. */
  readonly qos0WhileOffline: "reject" | "queue";
  /** IB-19: a refused PUBLISH on a 3.1.1 connection: acknowledged and dropped, or the connection is closed. */
  readonly refusedPublishV311: "acknowledge" | "close";
}

/** The choices of {@linkcode SessionPolicy} that hold unless others are named. */
export const DEFAULT_POLICY: SessionPolicy = {
  disconnectWithoutInterval: "inForce",
  pendingWillOnCleanStart: "publish",
  expiryOnResend: "recompute",
  repeatedWithoutDup: "acknowledge",
  unknownPubrel: 0x92,
  unexpectedNewSession: "continueAsNew",
  refusedReplacement: "keep",
  oversizedInFlight: "complete",
  storedAboveMaximumQoS: "fail",
  creditForResentPubrel: false,
  conservativeWindow: false,
  sharedNeverStarted: "redispatch",
  resumeAcrossVersions: true,
  overlappingSubscriptions: "single",
  backwardTime: "hold",
  unsentOnSessionLoss: "keep",
  discardOnCleanStart: "atSend",
  ownExpiry: "keep",
  qos0WhileOffline: "reject",
  refusedPublishV311: "acknowledge",
};

/** What this server allows a connection. Each is told in CONNACK where 5.0 has a property for it. */
export interface ServerLimits {
  /** QoS 1 and 2 PUBLISH packets that a client may have unanswered, 1 to 65 535. */
  readonly receiveMaximum: number;
  /** The largest packet that a client may send, in bytes. */
  readonly maximumPacketSize: number;
  /** The Topic Aliases that a client may use, 0 to 65 535. */
  readonly topicAliasMaximum: number;
  /** The highest level that a client may publish at. */
  readonly maximumQoS: 0 | 1 | 2;
  /** Whether RETAIN 1 is taken. */
  readonly retainAvailable: boolean;
  /** Whether filters with wildcards are taken. */
  readonly wildcardSubscriptionAvailable: boolean;
  /** Whether Subscription Identifiers are taken. */
  readonly subscriptionIdentifiersAvailable: boolean;
  /** Whether `$share` filters are taken. */
  readonly sharedSubscriptionAvailable: boolean;
  /** The longest Session Expiry Interval in seconds; 0xFFFFFFFF for no cap. It caps 3.1.1 sessions too. */
  readonly maximumSessionExpiryInterval: number;
  /**
   * The shortest Session Expiry Interval in seconds, at most the longest; 0 lets any stand. It raises shorter ones of 5.0
   * and leaves 0, which asks for no session, as it is.
   */
  readonly minimumSessionExpiryInterval: number;
  /** The longest Keep Alive in seconds that is let stand; 0 lets any stand. A longer one, or none, is overridden. */
  readonly maximumKeepAlive: number;
  /** The most QoS 1 and 2 messages in flight to one client, whatever its own Receive Maximum allows (FC-19). */
  readonly maximumInFlight: number;
  /** How many subscriptions a session may have, and how many filters one SUBSCRIBE; what is beyond gets 0x97. */
  readonly maximumSubscriptions: number;
  /** How many levels a Topic Name (else 0x90) and a Topic Filter (else 0x8F) may have. */
  readonly maximumTopicLevels: number;
  /** How large a Will may be, as `messageBytes` counts; a CONNECT with a larger one gets 0x97. */
  readonly maximumWillBytes: number;
  /** How many User Properties a message may have; more get 0x97. */
  readonly maximumUserProperties: number;
  /** How many inbound QoS 2 messages of a session may be unreleased; more get 0x97, which closes a 3.1.1 connection. */
  readonly maximumUnreleased: number;
  /** How many UTF-16 units the Client Identifier of a CONNECT may have, at least 23; a longer one gets 0x85. */
  readonly maximumClientIdLength: number;
  /** The methods of enhanced authentication that the host knows; a CONNECT with any other is refused (0x8C). */
  readonly authenticationMethods: readonly string[];
  /** How long a connection may wait for CONNECT and its answer, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** How many log entries beyond the last started one may be sent before the next commit (D3). */
  readonly sendAhead: number;
  /** A page of the log: at most so many messages. */
  readonly pageMessages: number;
  /** A page of the log: at most so many bytes. */
  readonly pageBytes: number;
  /** How many messages may wait in the log, or for their acknowledgement, when retained ones are put behind them. */
  readonly retainedAhead: number;
}

/** The limits that may differ from one client to the next. What the server does not offer at all, no client has. */
export type ConnectionLimits = Omit<
  ServerLimits,
  | "maximumClientIdLength"
  | "authenticationMethods"
  | "connectTimeoutMs"
  | "sendAhead"
  | "pageMessages"
  | "pageBytes"
  | "retainedAhead"
>;

/** The limits that hold unless others are named. */
export const DEFAULT_LIMITS: ServerLimits = {
  receiveMaximum: 256,
  maximumPacketSize: 1_048_576 + 65_536,
  topicAliasMaximum: 16,
  maximumQoS: 2,
  retainAvailable: false,
  wildcardSubscriptionAvailable: true,
  subscriptionIdentifiersAvailable: true,
  sharedSubscriptionAvailable: false,
  maximumSessionExpiryInterval: 0xffff_ffff,
  minimumSessionExpiryInterval: 0,
  maximumKeepAlive: 0,
  maximumInFlight: 1_024,
  maximumSubscriptions: 1_000,
  maximumTopicLevels: 128,
  maximumWillBytes: 65_536,
  maximumUserProperties: 128,
  maximumUnreleased: 4_096,
  maximumClientIdLength: 1_024,
  authenticationMethods: [],
  connectTimeoutMs: 10_000,
  sendAhead: 256,
  pageMessages: 128,
  pageBytes: 1_048_576,
  retainedAhead: 128,
};
