/** The objects of aedes 1.2 that its persistence is given and gives, by the members that count. */

/** A packet of aedes: a message, or the PUBREL that takes its place. Other members go through unchanged where they can. */
export interface AedesPacket {
  /** Of a stored packet `publish` or `pubrel`; a Will has none. */
  cmd?: string;
  /** With `brokerCounter` what aedes tells a message by: the broker that numbered it. */
  brokerId?: string | null;
  /** The number of the message there. */
  brokerCounter?: number;
  /** The Packet Identifier, once there is one. */
  messageId?: number | undefined;
  /** The Topic Name. */
  topic?: string;
  /** A Buffer, or a text. */
  payload?: Uint8Array | string;
  /** The level. */
  qos?: number;
  /** The RETAIN flag. */
  retain?: boolean;
  /** The DUP flag. */
  dup?: boolean;
  /** Of a Will, or of a message whose publisher is known: the Client Identifier. */
  clientId?: string;
  /** Properties of MQTT 5.0, in the names of `mqtt-packet`. */
  properties?: AedesProperties;
  /** Of a packet that is about to be written to its client: what is called then. */
  writeCallback?: unknown;
}

/** Those of the properties that travel with a message. */
export interface AedesProperties {
  /** Whether the payload is UTF-8 text. */
  payloadFormatIndicator?: boolean;
  /** How long it lives, in seconds. */
  messageExpiryInterval?: number;
  /** A description of the payload. */
  contentType?: string;
  /** Where an answer goes. */
  responseTopic?: string;
  /** What an answer is told by. */
  correlationData?: Uint8Array;
  /** Name and values. */
  userProperties?: Readonly<Record<string, string | readonly string[]>>;
}

/** A subscription as aedes has it; the last four are absent where a 3.1.1 client made it. */
export interface AedesSubscription {
  /** The Topic Filter. */
  topic: string;
  /** The granted level. */
  qos: number;
  /** Retain Handling. */
  rh?: number;
  /** Retain As Published. */
  rap?: boolean;
  /** No Local. */
  nl?: boolean;
  /** The Subscription Identifier. */
  subscriptionIdentifier?: number;
}

/** A subscription at QoS 1 or 2 that a topic matches, with the client that has it. */
export interface AedesRoutedSubscription extends Omit<AedesSubscription, "subscriptionIdentifier"> {
  /** The subscriber. */
  clientId: string;
}

/** A client, or what names one. */
export interface AedesClientLike {
  /** The Client Identifier. */
  readonly id: string;
  /** The broker of a Will that is meant. */
  readonly brokerId?: string | undefined;
  /** Of a connection: whether its session ends with it. */
  readonly clean?: boolean;
  /** Of a connection: its version of MQTT, 3 or 4. */
  readonly version?: number | null;
  /** Of a connection: the broker that has it. */
  readonly broker?: unknown;
  /** Of a connection: the Packet Identifier that it takes next. */
  _nextId?: number;
  /** Of a connection: its Will. */
  readonly will?: AedesPacket | null;
}

/** What the persistence uses of the broker that it is given. */
export interface AedesBrokerLike {
  /** The name of the broker. */
  id: string;
  /** Options of aedes; its heartbeat is what a lease is reckoned by. */
  readonly opts?: { readonly heartbeatInterval?: number };
  /** Listens to a topic of the broker's own. */
  subscribe(topic: string, listener: (packet: unknown, done: () => void) => void, done: () => void): void;
  /** Listens no more. */
  unsubscribe(topic: string, listener: (packet: unknown, done: () => void) => void, done: () => void): void;
  /** Publishes to everybody. */
  publish(packet: AedesPacket, done: (error?: Error | null) => void): void;
  /** Tells of `clientDisconnect` and `closed`; a broker that cannot leaves its sessions to their leases. */
  on?(event: string, listener: (client: AedesClientLike) => void): unknown;
}
