/**
 * What a conformance row is driven with: clients that send and receive packets, a broker that can crash and come back,
 * and a clock that moves by hand. Expectations are literals; nothing here decides what is right.
 */
import { equal, ok } from "node:assert/strict";
import { type BrokerConnection, type BrokerOptions, type SessionBroker, sessionBroker } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import type { SessionSnapshot } from "@edge-mqtt/session/machine";
import type { ClientPacket, ConnectPacket, PublishPacket, ServerPacket } from "../../../src/mqtt/packet.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { VirtualTime } from "./virtual_time.ts";

/** How a client connects: what differs from a 5.0 client `a` that starts clean and keeps nothing. */
export type ConnectOptions = Partial<Omit<ConnectPacket, "type">>;

/** A packet type, and the packet of that type. */
export type PacketOf<Type extends ServerPacket["type"]> = Extract<ServerPacket, { type: Type }>;

/** One connection, seen from the client. */
export class Client {
  /** Everything the broker sent, in order. */
  readonly received: ServerPacket[] = [];
  /** What was sent and closed, in order: packet types, then `close`. */
  readonly timeline: string[] = [];
  /** Whether the broker closed the connection. */
  closed = false;
  /** Bytes that the transport pretends to hold unsent. */
  bufferedBytes = 0;
  readonly #rig: Rig;
  readonly #connection: BrokerConnection;
  #next = 0;

  constructor(rig: Rig, name: string) {
    this.#rig = rig;
    this.#connection = rig.broker.accept({
      send: (packet: ServerPacket) => {
        ok(!this.closed, `${packet.type} was sent after the close`);
        this.received.push(packet);
        this.timeline.push(packet.type);
        rig.timeline.push(`${name}:${packet.type}`);
      },
      close: () => {
        if (this.closed) return;
        this.closed = true;
        this.timeline.push("close");
        rig.timeline.push(`${name}:close`);
      },
      bufferedBytes: () => this.bufferedBytes,
    });
  }

  /** Sends packets in one piece, and waits until the broker has done with them. */
  async send(...packets: readonly ClientPacket[]): Promise<void> {
    void this.#connection.receive(packets);
    await this.#rig.settle();
  }

  /** The codec could not read what this client sent. */
  async malformed(reasonCode = 0x81): Promise<void> {
    this.#connection.malformed(reasonCode);
    await this.#rig.settle();
  }

  /** The transport breaks. */
  async drop(): Promise<void> {
    this.closed = true;
    this.#connection.closed("transport");
    await this.#rig.settle();
  }

  /** The next packet, which must be of this type. */
  take<Type extends ServerPacket["type"]>(type: Type): PacketOf<Type> {
    const packet = this.received[this.#next];
    ok(packet !== undefined, `${type} was expected, nothing came`);
    equal(packet.type, type, `${type} was expected, ${JSON.stringify(packet, hideBytes)} came`);
    this.#next += 1;
    // The line above has compared the type.
    return packet as PacketOf<Type>;
  }

  /** All packets that have not been taken, and takes them. */
  takeAll(): readonly ServerPacket[] {
    const packets = this.received.slice(this.#next);
    this.#next = this.received.length;
    return packets;
  }

  /** Nothing is left to take. */
  quiet(): void {
    const left = this.received.slice(this.#next).map((packet) => packet.type);
    equal(left.length, 0, `nothing was expected, ${left.join(", ")} came`);
  }

  /** Publishes; the rest of the packet has its plainest values. */
  async publish(topic: string, options: Partial<PublishPacket> = {}): Promise<void> {
    await this.send(publishPacket(topic, options));
  }

  /** Subscribes to one filter and takes the SUBACK. */
  async subscribe(filter: string, qos: 0 | 1 | 2, packetId = 60_000): Promise<PacketOf<"suback">> {
    await this.send(subscribePacket(packetId, [{ filter, qos }]));
    return this.take("suback");
  }
}

/** A SUBSCRIBE; every option that is not named is 0. */
export function subscribePacket(
  packetId: number,
  filters: readonly (
    & { readonly filter: string; readonly qos: 0 | 1 | 2 }
    & Partial<{ noLocal: boolean; retainAsPublished: boolean; retainHandling: 0 | 1 | 2 }>
  )[],
  subscriptionIdentifier?: number,
): Extract<ClientPacket, { type: "subscribe" }> {
  return {
    type: "subscribe",
    packetId,
    subscriptions: filters.map((filter) => ({
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      ...filter,
    })),
    ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }),
  };
}

/** A PUBLISH of QoS 0 with the payload `m`, unless told otherwise. */
export function publishPacket(topic: string, options: Partial<PublishPacket> = {}): PublishPacket {
  return {
    type: "publish",
    topic,
    payload: text("m"),
    qos: 0,
    retain: false,
    dup: false,
    properties: {},
    ...options,
  };
}

/** The bytes of a text. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The text of a payload. */
export function read(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

function hideBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `${value.length} bytes` : value;
}

/** A broker on a store, under virtual time. */
export class Rig {
  readonly time: VirtualTime;
  /** What every client received, in order over all of them: `name:type` and `name:close`. */
  readonly timeline: string[] = [];
  /** What the broker's observer heard. */
  readonly observed: Parameters<NonNullable<BrokerOptions["observe"]>>[0][] = [];
  store: SessionStore;
  broker: SessionBroker;
  #options: Partial<BrokerOptions>;

  constructor(options: Partial<BrokerOptions> = {}, time: VirtualTime = new VirtualTime(1_700_000_000_000)) {
    this.#options = options;
    this.time = time;
    this.store = options.store ?? memoryStore();
    this.broker = this.#start();
  }

  #start(): SessionBroker {
    return sessionBroker({
      observe: (event) => this.observed.push(event),
      ...this.#options,
      store: this.store,
      environment: this.time.environment,
    });
  }

  /** Now, in epoch milliseconds. */
  get now(): number {
    return this.time.now;
  }

  /** Opens a connection; nothing is sent yet. */
  open(name = "client"): Client {
    return new Client(this, name);
  }

  /** Opens a connection and sends CONNECT; the answer is the first packet to take. */
  async dial(options: ConnectOptions = {}, name?: string): Promise<Client> {
    const client = this.open(name ?? options.clientId ?? "a");
    await client.send({
      type: "connect",
      protocolVersion: 5,
      clientId: "a",
      cleanStart: true,
      keepAlive: 0,
      ...options,
    });
    return client;
  }

  /** Connects, takes the CONNACK and checks that it is a success with this Session Present. */
  async connect(options: ConnectOptions = {}, sessionPresent = false): Promise<Client> {
    const client = await this.dial(options);
    const connack = client.take("connack");
    equal(connack.reasonCode, 0);
    equal(connack.sessionPresent, sessionPresent);
    return client;
  }

  /** Lets virtual time pass as a host does that sleeps until `nextWakeAt`: whatever falls due is done in its time. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    let soonest = this.now;
    do {
      const wakeAt = await this.broker.nextWakeAt() ?? Infinity;
      const next = Math.min(Math.max(wakeAt, soonest), end);
      await this.time.advance(next - this.now, () => this.settle());
      await this.due();
      // What stays due is somebody else's to do; it is looked at again a second later.
      soonest = this.now + 1_000;
    } while (this.now < end);
  }

  /** Works off what is due in the store, as a cron or an alarm would. */
  async due(): Promise<void> {
    await this.broker.runDue();
    await this.settle();
  }

  /** The process dies: nothing of it is left but the store, and a new one starts. */
  async crash(options: Partial<BrokerOptions> = {}): Promise<void> {
    this.time.forget();
    this.#options = { ...this.#options, ...options };
    this.broker = this.#start();
    await this.settle();
  }

  /** Another node: a second broker on the same store and clock, with its own observer and timeline. */
  node(options: Partial<BrokerOptions> = {}): Rig {
    return new Rig({ ...this.#options, ...options, store: this.store }, this.time);
  }

  /** The session as it is stored. */
  async stored(clientId = "a"): Promise<SessionSnapshot | undefined> {
    return (await this.store.read(clientId))?.snapshot;
  }

  /** How many messages a session's log holds. */
  async queued(clientId = "a"): Promise<number> {
    return (await this.store.directory.inspect(clientId))?.queuedMessages ?? 0;
  }

  /** Waits until the broker has nothing left to do at this moment of virtual time. */
  async settle(): Promise<void> {
    await this.time.settle();
  }
}
