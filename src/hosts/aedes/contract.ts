import type { PacketSink } from "./packet_stream.ts";
import type {
  AedesBrokerLike,
  AedesClientLike,
  AedesPacket,
  AedesRoutedSubscription,
  AedesSubscription,
} from "./packets.ts";

/** What aedes uses of a stream of Node: it iterates, pipes, or hands it to `stream.pipeline`. */
export interface AedesStream<Packet> extends AsyncIterable<Packet> {
  /** How many packets are read ahead. */
  readonly readableHighWaterMark: number;
  /** Writes the packets into a stream. */
  pipe<Sink extends PacketSink>(sink: Sink): Sink;
}

/** Whom a message is queued for: what `subscriptionsByTopic` answered, or the client alone. */
export type AedesQueuedFor = Pick<AedesRoutedSubscription, "clientId"> & Partial<AedesRoutedSubscription>;

/** The asynchronous persistence that aedes 1.2 calls, and a little for its host. */
export interface AedesPersistence extends AsyncDisposable {
  /** The broker that has set it up. Throws before that. */
  readonly broker: AedesBrokerLike;
  /** Is called by the broker before it listens. */
  setup(broker: AedesBrokerLike): Promise<void>;
  /** Retains a message, or removes what is retained where it has no payload. */
  storeRetained(packet: AedesPacket): Promise<void>;
  /** What is retained for a filter. */
  createRetainedStream(pattern: string): AedesStream<AedesPacket>;
  /** What is retained for any of the filters, each message once. */
  createRetainedStreamCombi(patterns: readonly string[]): AedesStream<AedesPacket>;
  /** Stores subscriptions; of the same filter the last one holds. */
  addSubscriptions(client: AedesClientLike, subscriptions: readonly AedesSubscription[]): Promise<void>;
  /** Removes subscriptions. */
  removeSubscriptions(client: AedesClientLike, filters: readonly string[]): Promise<void>;
  /** The subscriptions of a client. */
  subscriptionsByClient(client: AedesClientLike): Promise<AedesSubscription[]>;
  /** How many subscriptions at QoS 1 and 2 there are, and how many clients have any. It looks at all sessions. */
  countOffline(): Promise<{ subsCount: number; clientsCount: number }>;
  /**
   * The subscriptions at QoS 1 and 2 that a topic matches, of all clients of all brokers. Where the store cannot tell,
   * `outgoingEnqueueCombi` of the answer rejects: aedes can act on that.
   */
  subscriptionsByTopic(topic: string): Promise<AedesRoutedSubscription[]>;
  /** Ends the session of a client with all that is in it. */
  cleanSubscriptions(client: AedesClientLike): Promise<void>;
  /** Queues a message for one client. */
  outgoingEnqueue(subscription: AedesQueuedFor, packet: AedesPacket): Promise<void>;
  /** Queues a message for all of these, in one step. */
  outgoingEnqueueCombi(subscriptions: readonly AedesQueuedFor[], packet: AedesPacket): Promise<void>;
  /** A message is about to be sent, or its PUBREC came. */
  outgoingUpdate(client: AedesClientLike, packet: AedesPacket): Promise<void>;
  /** A message was acknowledged, or is not to be delivered; answers what it was. */
  outgoingClearMessageId(client: AedesClientLike, packet: AedesPacket): Promise<AedesPacket | undefined>;
  /** What is to be sent to a client that has connected: PUBREL of what it has received, then its messages in order. */
  outgoingStream(client: AedesClientLike): AedesStream<AedesPacket>;
  /** A message came at QoS 2. */
  incomingStorePacket(client: AedesClientLike, packet: AedesPacket): Promise<void>;
  /** The message that came under this Packet Identifier, as far as it is remembered; rejects when none did. */
  incomingGetPacket(client: AedesClientLike, packet: AedesPacket): Promise<AedesPacket>;
  /** Its PUBREL came. */
  incomingDelPacket(client: AedesClientLike, packet: AedesPacket): Promise<void>;
  /** Forgets what came at QoS 2. */
  cleanIncoming(client: AedesClientLike): Promise<void>;
  /** Stores the Will of a client, and writes into it whose it is and which broker has the client. */
  putWill(client: AedesClientLike, packet: AedesPacket): Promise<void>;
  /** The Will of a client. */
  getWill(client: AedesClientLike): Promise<AedesPacket | undefined>;
  /**
   * Deletes the Will of a client. Of a client that connects, which aedes tells of in this way, the session is taken, and
   * its own Will stored with it; that does not reject, since aedes does not expect it.
   */
  delWill(client: AedesClientLike): Promise<AedesPacket | undefined>;
  /** Wills of clients whose broker is dead; on the way other work is done that is due for nobody. */
  streamWill(brokers?: Readonly<Record<string, number>>): AedesStream<AedesPacket>;
  /** The clients that have subscribed to a filter. It looks at all sessions. */
  getClientList(topic: string): AedesStream<string>;
  /** Does what is due and needs no Will to be published: ends of sessions, lost connections, rows that are left. */
  runDue(): Promise<void>;
  /** Ends when nothing is done in the background any more. */
  settled(): Promise<void>;
  /** Lets the broker go once all that was asked for is done. The stores stay open. */
  destroy(): Promise<void>;
}
