/**
 * The peer of the benchmark: `aedes-persistence-redis` 12 over ioredis, driven as aedes 1.2.0 drives it, without sockets
 * of MQTT. One broker, one connection, all defaults of both packages: no time to live, no automatic pipelining.
 *
 * Broker and persistence do not install side by side (aedes asks for version 11), so the broker's part is written down
 * in `peer_sequences.ts`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Redis } from "ioredis";
import { commandCounts, PeerConnection, type PeerConnectionOptions } from "./peer_connection.ts";
import { openPersistence, PeerBroker, type PeerMessage } from "./peer_persistence.ts";
import * as aedes from "./peer_sequences.ts";
import type { PeerClient, PeerHouse } from "./peer_sequences.ts";

/** The payload of all messages unless another is given. */
const PAYLOAD: Uint8Array = Buffer.alloc(64, 0x2a);

/** How many sessions or messages are prepared at once, so that preparing takes few trips where the way is long. */
const AT_ONCE = 100;

/** How a peer is opened. */
export interface PeerOptions extends PeerConnectionOptions {
  /** Part of every key of a message; 36 characters drawn anew when absent, as in aedes. */
  readonly brokerId?: string;
}

/** What went to Redis since the last look. */
export interface PeerUsage {
  /** How often each command ran on the server, by its name in capitals; those of other connections too. */
  readonly counts: ReadonlyMap<string, number>;
  /** Their sum. */
  readonly commands: number;
  /** The longest chain of waits until the steps were over; counted only when the peer was opened for it, 0 otherwise. */
  readonly trips: number;
  /** Bytes to the server and back, over the peer's own connection. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** Opens a peer on a server, or on a pipe before it. Its first usage is that of starting: one HGETALL a known session. */
export async function openPeer(options: PeerOptions): Promise<Peer> {
  // Counts and bytes are asked for beside, so that the asking is in neither.
  const control = new Redis({ host: "127.0.0.1", port: options.port, retryStrategy: () => null, lazyConnect: true });
  control.on("error", () => {});
  await control.connect();
  const connection = await PeerConnection.open(options);
  const broker = new PeerBroker(options.brokerId ?? crypto.randomUUID());
  const persistence = openPersistence(connection);
  const peer = new Peer({ control, connection, house: { persistence, broker, clients: new Map() } });
  await peer.usage();
  await persistence.setup(broker);
  return peer;
}

/** The peer's steps, each over when aedes would send its answer, or would have done all that it waits for. */
export class Peer {
  readonly #control: Redis;
  readonly #connection: PeerConnection;
  readonly #house: PeerHouse;
  #seen: Seen = { counts: new Map(), trips: 0, sent: 0, received: 0 };

  /** Use {@link openPeer}. */
  constructor({ control, connection, house }: PeerParts) {
    this.#control = control;
    this.#connection = connection;
    this.#house = house;
  }

  /** CONNECT until its CONNACK. */
  async connect(
    clientId: string,
    options: { readonly clean?: boolean; readonly will?: PeerMessage } = {},
  ): Promise<void> {
    await aedes.connect(this.#house, { id: clientId, ...options });
  }

  /** CONNECT until all that was queued is sent, which the client leaves unacknowledged. Answers how many. */
  async resume(clientId: string): Promise<number> {
    const client = await aedes.connect(this.#house, { id: clientId });
    return await aedes.emptyQueue(this.#house, client, () => {});
  }

  /** CONNECT of a client without a session, with the look at its empty queue. */
  async connectNew(clientId: string): Promise<void> {
    const queued = await this.resume(clientId);
    if (queued !== 0) throw new Error(`Cannot connect as new: found ${queued} queued messages`);
  }

  /** Sends a connected client all that is queued; it answers at once. Over when all is acknowledged; answers how many. */
  async drain(clientId: string): Promise<number> {
    const client = this.#client(clientId);
    const acknowledged: Promise<void>[] = [];
    const count = await aedes.emptyQueue(this.#house, client, (_client, packet) => {
      acknowledged.push(aedes.acknowledge(this.#house, client, packet));
    });
    await Promise.all(acknowledged);
    return count;
  }

  /** SUBSCRIBE until its SUBACK. */
  async subscribe(clientId: string, filters: readonly string[], qos: 1 | 2 = 1): Promise<void> {
    const subscriptions = filters.map((topic) => ({ topic, qos }));
    await aedes.subscribe(this.#house, this.#client(clientId), subscriptions);
  }

  /** UNSUBSCRIBE until its UNSUBACK. */
  async unsubscribe(clientId: string, filters: readonly string[]): Promise<void> {
    await aedes.unsubscribe(this.#house, this.#client(clientId), filters);
  }

  /** A message at QoS 1 until every session has it and the connected ones were sent it. Answers how many sessions. */
  async publish(topic: string, { qos = 1, payload = PAYLOAD }: MessageOptions = {}): Promise<number> {
    return await aedes.publish(this.#house, "publisher", { topic, qos, payload: Buffer.from(payload) }, () => {});
  }

  /** A message at QoS 2 that comes from a client: PUBLISH until PUBREC, then PUBREL until PUBCOMP. */
  async inboundQos2(
    clientId: string,
    topic: string,
    messageId: number,
    payload: Uint8Array = PAYLOAD,
  ): Promise<number> {
    const client = this.#client(clientId);
    const message = { topic, qos: 2, payload: Buffer.from(payload), messageId } as const;
    const receivers = await aedes.publishQos2(this.#house, client, message, () => {});
    await aedes.release(this.#house, client, { messageId });
    return receivers;
  }

  /**
   * Every one of these sessions sends a QoS 1 message to its topic, all at once, and acknowledges those it is sent.
   * Answers how many were acknowledged.
   */
  async exchange(sessions: readonly { readonly clientId: string; readonly topic: string }[]): Promise<number> {
    const acknowledged: Promise<void>[] = [];
    await Promise.all(sessions.map(async ({ clientId, topic }) => {
      const message = { topic, qos: 1, payload: Buffer.from(PAYLOAD) } as const;
      await aedes.publish(this.#house, clientId, message, (client, packet) => {
        acknowledged.push(aedes.acknowledge(this.#house, client, packet));
      });
    }));
    await Promise.all(acknowledged);
    return acknowledged.length;
  }

  /** DISCONNECT. A Will is forgotten later: see `usage`. */
  disconnect(clientId: string): void {
    aedes.close(this.#house, this.#client(clientId), { lost: false });
  }

  /** A connection that is lost. A Will is published later: see `usage`. */
  connectionLost(clientId: string): void {
    aedes.close(this.#house, this.#client(clientId), { lost: true });
  }

  /** Prepares sessions that are subscribed and connected. */
  async connectedSessions(
    clientIds: readonly string[],
    filters: (clientId: string) => readonly string[],
  ): Promise<void> {
    for (let from = 0; from < clientIds.length; from += AT_ONCE) {
      await Promise.all(
        clientIds.slice(from, from + AT_ONCE).map(async (clientId) => {
          await this.connectNew(clientId);
          await this.subscribe(clientId, filters(clientId));
        }),
      );
    }
  }

  /** Prepares sessions that are subscribed and offline. */
  async storedSessions(clientIds: readonly string[], filters: (clientId: string) => readonly string[]): Promise<void> {
    await this.connectedSessions(clientIds, filters);
    for (const clientId of clientIds) this.disconnect(clientId);
  }

  /** Prepares a queue: publishes that many messages, in order. */
  async queueMessages(topic: string, count: number, options: MessageOptions = {}): Promise<void> {
    for (let from = 0; from < count; from += AT_ONCE) {
      const length = Math.min(AT_ONCE, count - from);
      await Promise.all(Array.from({ length }, () => this.publish(topic, options)));
    }
  }

  /** What went to Redis since the last call, once all is done that nobody waits for; trips only until this call. */
  async usage(): Promise<PeerUsage> {
    const { trips } = this.#connection;
    await this.#connection.settle();
    const before = this.#seen;
    const counts = await commandCounts(this.#control);
    const { sent, received } = this.#connection.bytes;
    this.#seen = { counts, trips: this.#connection.trips, sent, received };
    const since = new Map(
      [...counts].map(([name, count]) => [name, count - (before.counts.get(name) ?? 0)] as const)
        .filter(([, count]) => count > 0),
    );
    return {
      counts: since,
      commands: [...since.values()].reduce((sum, count) => sum + count, 0),
      trips: trips - before.trips,
      bytesSent: sent - before.sent,
      bytesReceived: received - before.received,
    };
  }

  /** Ends the peer and both its connections; what it stored stays. */
  async close(): Promise<void> {
    await this.#connection.settle();
    await this.#house.persistence.destroy();
    this.#control.disconnect();
  }

  #client(clientId: string): PeerClient {
    const client = this.#house.clients.get(clientId);
    if (client === undefined) throw new Error(`Cannot go on as "${clientId}": it is not connected`);
    return client;
  }
}

/** What a message is made of beside its topic. */
export interface MessageOptions {
  /** 1 when absent. */
  readonly qos?: 1 | 2;
  /** 64 bytes when absent. */
  readonly payload?: Uint8Array;
}

interface PeerParts {
  readonly control: Redis;
  readonly connection: PeerConnection;
  readonly house: PeerHouse;
}

interface Seen {
  readonly counts: ReadonlyMap<string, number>;
  readonly trips: number;
  readonly sent: number;
  readonly received: number;
}
