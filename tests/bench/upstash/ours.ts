/**
 * This library as the benchmark drives it: a broker over `upstashRedisStore`, all defaults, packets in and out without
 * sockets of MQTT. Its steps are those of the peer, and end where the peer's end.
 *
 * @module
 */
import { type BrokerEvent, type SessionBroker, sessionBroker, systemEnvironment } from "@edge-mqtt/session";
import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import type { ClientPacket, ConnectPacket } from "../../../src/mqtt/packet.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { type UpstashClient, upstashClient } from "../../../src/stores/upstash_redis/client.ts";
import type { Meter, Reading } from "../../support/redis/meter.ts";
import { Gate } from "../gate.ts";
import { OurClient } from "./our_client.ts";

const PAYLOAD = new Uint8Array(64).fill(0x2a);

/** How many sessions are prepared at once, so that preparing takes few trips where the way is long. */
const AT_ONCE = 250;

/** Messages that a publisher may have unanswered. */
const RECEIVE_MAXIMUM = 256;

/** Where our Redis is. */
export interface OursOptions {
  /** The REST server, or a pipe before it. */
  readonly url: string;
  readonly token: string;
  /** Counts what goes through the REST server. */
  readonly meter: Meter;
  readonly nodeId?: string;
  /** Whether the Redis is a cluster; default no. */
  readonly cluster?: boolean;
  /** Is told what the broker sees. */
  readonly observe?: (event: BrokerEvent) => void;
}

/** What a step asked of Redis. */
export interface OurUsage {
  /** The longest chain of waits. */
  readonly trips: number;
  readonly requests: number;
  /** Commands and the calls inside of scripts. */
  readonly billed: number;
  /** Bytes to the server and back, heads included. */
  readonly bytes: number;
  readonly reading: Reading;
}

/** A CONNECT as the benchmark sends it: the session stays for an hour. */
export function connectPacket(clientId: string, more: Partial<ConnectPacket> = {}): ConnectPacket {
  const terms = { cleanStart: false, keepAlive: 0, sessionExpiryInterval: 3_600, receiveMaximum: 65_535 } as const;
  return { type: "connect", protocolVersion: 5, clientId, ...terms, ...more };
}

/** A SUBSCRIBE for some filters. */
export function subscribePacket(filters: readonly string[], qos: 0 | 1 | 2 = 2): ClientPacket {
  const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { type: "subscribe", packetId: 1, subscriptions: filters.map((filter) => ({ filter, qos, ...options })) };
}

/** A PUBLISH of 64 bytes. */
export function publishPacket(topic: string, qos: 1 | 2, packetId: number): ClientPacket {
  return { type: "publish", topic, payload: PAYLOAD, qos, retain: false, dup: false, packetId, properties: {} };
}

/** A broker and its clients. */
export class Ours {
  readonly store: SessionStore;
  readonly broker: SessionBroker;
  /** How far the broker's clocks are ahead, so that an idle minute need not be waited for. */
  aheadMs = 0;
  readonly #gate = new Gate<"request">();
  readonly #meter: Meter;
  readonly #clients = new Map<string, OurClient>();

  constructor({ url, token, meter, nodeId = "node", cluster = false, observe }: OursOptions) {
    const client = upstashClient({ url, token });
    this.#meter = meter;
    this.store = upstashRedisStore(this.#gated(client), { cluster });
    const system = systemEnvironment();
    this.broker = sessionBroker({
      store: this.store,
      nodeId,
      ...(observe === undefined ? {} : { observe }),
      environment: {
        ...system,
        now: () => system.now() + this.aheadMs,
        monotonic: () => system.monotonic() + this.aheadMs,
      },
    });
  }

  /** What a step costs, once all that it began is over. */
  async usageOf(step: () => unknown): Promise<OurUsage> {
    let trips = 0;
    const reading = await this.#meter.measure(async () => {
      const rounds = await this.#gate.count(async () => {
        await step();
        await this.broker.settled();
      });
      trips = rounds.length;
    });
    const { requests, billed, requestBytes, responseBytes } = reading;
    return { trips, requests, billed, bytes: requestBytes + responseBytes, reading };
  }

  /** Opens a connection; nothing is sent yet. */
  open(): OurClient {
    return new OurClient(this.broker);
  }

  /** CONNECT until its CONNACK. */
  async connect(clientId: string, more?: Partial<ConnectPacket>): Promise<OurClient> {
    const client = this.open();
    this.#clients.set(clientId, client);
    client.send(connectPacket(clientId, more));
    await client.first("connack");
    return client;
  }

  /** A connected client. */
  client(clientId: string): OurClient {
    const client = this.#clients.get(clientId);
    if (client === undefined) throw new Error(`Cannot go on as "${clientId}": it is not connected`);
    return client;
  }

  /** CONNECT until all that was queued is sent, which the client leaves unacknowledged. */
  async resume(clientId: string, queued: number): Promise<void> {
    const client = await this.connect(clientId);
    await client.first("publish", queued);
  }

  /** CONNECT of a client that answers at once, until all that was queued is acknowledged, and that is stored. */
  async drain(clientId: string, queued: number, receiveMaximum = 65_535): Promise<void> {
    const client = this.open();
    this.#clients.set(clientId, client);
    client.answers = true;
    client.send(connectPacket(clientId, { receiveMaximum }));
    await client.acknowledged(queued);
    await this.broker.settled();
  }

  /** SUBSCRIBE until its SUBACK. */
  async subscribe(clientId: string, filters: readonly string[], qos: 1 | 2 = 1): Promise<void> {
    const client = this.client(clientId);
    client.forget();
    client.send(subscribePacket(filters, qos));
    await client.first("suback");
  }

  /** UNSUBSCRIBE until its UNSUBACK. */
  async unsubscribe(clientId: string, filters: readonly string[]): Promise<void> {
    const client = this.client(clientId);
    client.forget();
    client.send({ type: "unsubscribe", packetId: 1, filters });
    await client.first("unsuback");
  }

  /** A message at QoS 1 of a connected client until its PUBACK. */
  async publish(clientId: string, topic: string): Promise<void> {
    const client = this.client(clientId);
    client.forget();
    client.send(publishPacket(topic, 1, 1));
    await client.first("puback");
  }

  /** A message at QoS 2 of a connected client: PUBLISH until PUBREC, then PUBREL until PUBCOMP. */
  async inboundQos2(clientId: string, topic: string): Promise<void> {
    const client = this.client(clientId);
    client.forget();
    client.send(publishPacket(topic, 2, 1));
    await client.first("pubrec");
    client.send({ type: "pubrel", packetId: 1, reasonCode: 0 });
    await client.first("pubcomp");
  }

  /**
   * Every one of these sessions sends a QoS 1 message to its topic, all at once, and acknowledges those it is sent; over
   * when all is stored.
   */
  async exchange(sessions: readonly { readonly clientId: string; readonly topic: string }[]): Promise<void> {
    await Promise.all(sessions.map(async ({ clientId, topic }) => {
      const client = this.client(clientId);
      client.forget();
      client.answers = true;
      client.send(publishPacket(topic, 1, 1));
      await Promise.all([client.first("puback"), client.acknowledged(1)]);
    }));
    await this.broker.settled();
  }

  /** DISCONNECT, until it is stored. */
  async disconnect(clientId: string): Promise<void> {
    const client = this.client(clientId);
    this.#clients.delete(clientId);
    client.send({ type: "disconnect", reasonCode: 0 });
    await client.done;
  }

  /** Prepares sessions that are subscribed and connected. */
  async connectedSessions(
    clientIds: readonly string[],
    filters: (clientId: string) => readonly string[],
  ): Promise<void> {
    for (let from = 0; from < clientIds.length; from += AT_ONCE) {
      await Promise.all(
        clientIds.slice(from, from + AT_ONCE).map(async (clientId) => {
          await this.connect(clientId);
          await this.subscribe(clientId, filters(clientId), 2);
        }),
      );
    }
  }

  /** Prepares sessions that are subscribed and offline. */
  async storedSessions(clientIds: readonly string[], filters: (clientId: string) => readonly string[]): Promise<void> {
    await this.connectedSessions(clientIds, filters);
    await Promise.all(clientIds.map((clientId) => this.disconnect(clientId)));
  }

  /** Prepares a queue: a client that is connected publishes that many messages, in order. */
  async queueMessages(clientId: string, topic: string, count: number, qos: 1 | 2): Promise<void> {
    const client = this.client(clientId);
    for (let from = 0; from < count; from += RECEIVE_MAXIMUM) {
      const ids = Array.from({ length: Math.min(RECEIVE_MAXIMUM, count - from) }, (_, index) => index + 1);
      client.forget();
      client.send(...ids.map((packetId) => publishPacket(topic, qos, packetId)));
      await client.first(qos === 1 ? "puback" : "pubrec", ids.length);
      if (qos === 1) continue;
      client.send(...ids.map((packetId): ClientPacket => ({ type: "pubrel", packetId, reasonCode: 0 })));
      await client.first("pubcomp", ids.length);
    }
  }

  /** Ends the broker. */
  close(): Promise<void> {
    return this.broker.shutdown();
  }

  /** A client whose requests are let through in rounds while trips are counted. */
  #gated(client: UpstashClient): UpstashClient {
    return {
      pipeline: () => {
        const pipeline = client.pipeline();
        return {
          eval: (script, keys, args) => pipeline.eval(script, keys, args),
          evalsha: (sha1, keys, args) => pipeline.evalsha(sha1, keys, args),
          hmget: (key, ...fields) => pipeline.hmget(key, ...fields),
          zrange: (...range) => pipeline.zrange(...range),
          exec: (options) => this.#gate.hold("request", () => pipeline.exec(options)),
        };
      },
    };
  }
}
