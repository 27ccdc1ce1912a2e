/**
 * Real brokers of aedes over one pair of stores, and clients that speak to them packet by packet.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { Aedes } from "aedes";
import mqemitter from "mqemitter";
import mqttPacket from "mqtt-packet";
import { aedesPersistence, type AedesPersistenceOptions } from "../../../../../src/hosts/aedes.ts";
import { memoryRetained, memoryStore } from "../../../../../src/stores/memory.ts";

/** A packet as `mqtt-packet` has it. */
export type WirePacket = Readonly<Record<string, unknown>> & { readonly cmd: string; readonly messageId?: number };

/** What a broker is started with, where it differs. */
export interface WorldOptions extends Partial<AedesPersistenceOptions> {
  /** Anything that aedes may take for its persistence, in the place of ours. */
  readonly other?: () => unknown;
  /** Whether brokers tell each other what is published: as one emitter does that they share. Default: they do not. */
  readonly sharesEmitter?: boolean;
}

/** Brokers that share their stores. */
export class AedesWorld implements AsyncDisposable {
  readonly stores: Pick<AedesPersistenceOptions, "store" | "retained">;
  readonly #options: WorldOptions;
  readonly #emitter = mqemitter({ matchEmptyLevels: true });
  readonly #brokers: AedesNode[] = [];

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.stores = { store: options.store ?? memoryStore(), retained: options.retained ?? memoryRetained() };
  }

  /** Starts a broker, on a store of its own if it is given one. */
  async broker(id?: string, own: Partial<AedesPersistenceOptions> = {}): Promise<AedesNode> {
    const { other, sharesEmitter = false, ...options } = this.#options;
    const persistence = other === undefined ? aedesPersistence({ ...options, ...this.stores, ...own }) : other();
    const shared = sharesEmitter ? { mq: uncloseable(this.#emitter) } : {};
    const broker = await Aedes.createBroker({ persistence, ...shared, ...(id === undefined ? {} : { id }) });
    // What a connection ends with is told to it; nobody else is to fall for it.
    broker.on("error" as "clientError", () => {});
    const node = new AedesNode(broker, persistence as ReturnType<typeof aedesPersistence>);
    this.#brokers.push(node);
    return node;
  }

  /** Closes all brokers. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const broker of this.#brokers) await broker.close();
  }
}

/** An emitter that outlives the broker that closes it. */
function uncloseable(emitter: ReturnType<typeof mqemitter>): ReturnType<typeof mqemitter> {
  return Object.assign(Object.create(emitter), { close: (done: () => void) => done() });
}

/** One broker. */
export class AedesNode {
  readonly aedes: Aedes;
  readonly persistence: ReturnType<typeof aedesPersistence>;
  #isOpen = true;

  constructor(aedes: Aedes, persistence: ReturnType<typeof aedesPersistence>) {
    this.aedes = aedes;
    this.persistence = persistence;
  }

  /** A transport to this broker: the client's end, and when the broker has let go of whoever it was. */
  dial(): { readonly transport: Duplex; readonly left: Promise<void> } {
    const [transport, far] = pair();
    this.aedes.handle(far);
    const left = new Promise<void>((resolve) => {
      const look = ({ conn }: { readonly conn: unknown }) => {
        if (conn !== far) return;
        this.aedes.off("clientDisconnect", look);
        resolve();
      };
      this.aedes.on("clientDisconnect", look);
    });
    return { transport, left };
  }

  /** The broker's end of a connected client. */
  clientOf(clientId: string): { close(): void } {
    // Its types leave out what its hosts use.
    return (this.aedes as unknown as { readonly clients: Readonly<Record<string, { close(): void }>> })
      .clients[clientId]!;
  }

  /** Connects a client with a session that goes on, unless it is asked for another; CONNACK has come. */
  async connect(clientId: string, connect: Record<string, unknown> = {}): Promise<AedesClient> {
    const client = new AedesClient(this.dial());
    client.send({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clean: false,
      clientId,
      keepalive: 0,
      ...connect,
    });
    client.sessionPresent = (await client.next("connack")).sessionPresent === true;
    return client;
  }

  /** Publishes as the broker. */
  publish(topic: string, payload: string, qos: 0 | 1 | 2 = 1, retain = false): Promise<void> {
    const packet = { cmd: "publish" as const, topic, payload: Buffer.from(payload), qos, retain, dup: false };
    return new Promise((resolve, reject) => this.aedes.publish(packet, (error) => error ? reject(error) : resolve()));
  }

  /** Does what aedes does now and then: publishes the Wills of dead brokers. */
  async publishWills(): Promise<void> {
    for await (const will of this.persistence.streamWill({ [this.aedes.id]: 1 })) {
      // A Will has all that a packet needs; aedes does the same with it.
      await new Promise((resolve) => this.aedes.publish(will as never, resolve));
      await this.persistence.delWill({ id: will.clientId ?? "", brokerId: will.brokerId ?? "" });
    }
  }

  /** The next time that aedes has had the Will of a connection deleted that is over. */
  willDeleted(): Promise<void> {
    const { persistence } = this;
    const { delWill } = persistence;
    return new Promise((resolve, reject) => {
      persistence.delWill = (client) => {
        const deleted = delWill.call(persistence, client);
        if (!("conn" in client)) {
          persistence.delWill = delWill;
          deleted.then(() => resolve(), reject);
        }
        return deleted;
      };
    });
  }

  /** Closes it, and waits for what is stored then. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await new Promise<void>((resolve) => this.aedes.close(resolve));
    await (this.persistence as { settled?: () => Promise<void> }).settled?.();
  }
}

/** A client. */
export class AedesClient {
  sessionPresent = false;
  readonly #transport: Duplex;
  readonly #packets: WirePacket[] = [];
  readonly #waiting: {
    readonly wanted: (packet: WirePacket) => boolean;
    readonly take: (packet: WirePacket) => void;
  }[] = [];
  /** Ends with the connection, once the broker has noticed. */
  readonly closed: Promise<void>;

  constructor({ transport, left }: ReturnType<AedesNode["dial"]>) {
    this.#transport = transport;
    const parser = mqttPacket.parser();
    // What the parser hands out is an object of this form.
    parser.on("packet", (packet) => this.#came(packet as unknown as WirePacket));
    transport.on("data", (bytes: Buffer) => parser.parse(bytes));
    this.closed = new Promise<void>((resolve) => transport.on("close", () => resolve())).then(() => left);
  }

  /** What has come and nobody has asked for. */
  get unread(): readonly WirePacket[] {
    return this.#packets;
  }

  /** Sends packets in one piece: aedes takes in one piece after the other. */
  send(...packets: readonly Record<string, unknown>[]): void {
    this.#transport.write(Buffer.concat(packets.map((packet) => mqttPacket.generate(packet as never))));
  }

  /** The next packet of a kind; others stay where they are. */
  next(cmd: string): Promise<WirePacket> {
    const wanted = (packet: WirePacket) => packet.cmd === cmd;
    const index = this.#packets.findIndex(wanted);
    const [found] = index === -1 ? [] : this.#packets.splice(index, 1);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((take) => this.#waiting.push({ wanted, take }));
  }

  async subscribe(topic: string, qos: 0 | 1 | 2 = 1): Promise<void> {
    this.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos }] });
    await this.next("suback");
  }

  /** Publishes, and answers what ends it: PUBACK, or PUBREC. */
  async publish(topic: string, payload: string, qos: 1 | 2, messageId: number): Promise<WirePacket> {
    this.send({ cmd: "publish", topic, payload, qos, messageId });
    return await this.next(qos === 1 ? "puback" : "pubrec");
  }

  /** All that the broker has been sent is handled once this is answered. */
  async ping(): Promise<void> {
    this.send({ cmd: "pingreq" });
    await this.next("pingresp");
  }

  /** Says good-bye. */
  async disconnect(): Promise<void> {
    this.send({ cmd: "disconnect" });
    await this.closed;
  }

  /** The connection is lost. */
  async lose(): Promise<void> {
    this.#transport.destroy();
    await this.closed;
  }

  #came(packet: WirePacket): void {
    const index = this.#waiting.findIndex(({ wanted }) => wanted(packet));
    if (index === -1) this.#packets.push(packet);
    else this.#waiting.splice(index, 1)[0]?.take(packet);
  }
}

/** Two ends of one transport. */
function pair(): [Duplex, Duplex] {
  const [near, far]: [End, End] = [new End(), new End()];
  near.peer = far;
  far.peer = near;
  return [near, far];
}

class End extends Duplex {
  peer: End | undefined;

  override _read(): void {}

  override _write(bytes: unknown, _encoding: string, done: () => void): void {
    queueMicrotask(() => {
      if (this.peer?.destroyed === false) this.peer.push(bytes);
      done();
    });
  }

  override _final(done: () => void): void {
    this.peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    done(error);
    queueMicrotask(() => this.peer?.destroy());
  }
}
