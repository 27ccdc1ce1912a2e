/** A platform whose sockets stay open while the broker is forgotten: between two packets, or at any moment. */
import {
  type BrokerConnection,
  type BrokerEvent,
  type BrokerOptions,
  type ClientPacket,
  type ConnectPacket,
  type HibernatingTransport,
  hibernation,
  type ServerPacket,
  type SessionBroker,
  sessionBroker,
  type SessionStore,
} from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { type CountingStore, countingStore, type FakeClock, fakeClock } from "../../../src/testing/mod.ts";
import { intercept } from "../../../src/testing/intercept.ts";
import { connectPacket, rest, START } from "./support.ts";

/** A socket, as the platform knows it. */
export class Socket {
  readonly token: string;
  readonly got: ServerPacket[] = [];
  attachment: Uint8Array | undefined;
  /** All that was ever kept, with how many packets had left by then. */
  readonly kept: { readonly attachment: Uint8Array; readonly sent: number }[] = [];
  isOpen = true;
  /** It keeps nothing. */
  isBroken = false;
  readonly #platform: Platform;

  constructor(platform: Platform, token: string) {
    this.#platform = platform;
    this.token = token;
  }

  /** Something comes from the client, and everything comes to rest. */
  async send(...packets: readonly ClientPacket[]): Promise<void> {
    this.arrive(...packets);
    await this.#platform.rest();
  }

  /** Something comes from the client. */
  arrive(...packets: readonly ClientPacket[]): void {
    this.connection.receive(packets);
  }

  /** The client is gone. */
  async lose(): Promise<void> {
    this.isOpen = false;
    this.connection.closed();
    await this.#platform.rest();
  }

  get connection(): BrokerConnection {
    return this.#platform.connectionOf(this);
  }

  get types(): string {
    return this.got.map(({ type }) => type).join(" ");
  }

  /** What came since the last time that this was asked, in short. */
  news(): string {
    return this.got.splice(0).map(shown).join(" ");
  }
}

export function shown(packet: ServerPacket): string {
  switch (packet.type) {
    case "publish":
      return `${packet.dup ? "dup-" : ""}publish${packet.qos === 0 ? "" : `:${packet.packetId}`}=${
        new TextDecoder().decode(packet.payload)
      }`;
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return `${packet.type}:${packet.packetId}`;
    case "disconnect":
      return `disconnect/${packet.reasonCode.toString(16)}`;
    default:
      return packet.type;
  }
}

interface Life {
  readonly broker: SessionBroker;
  readonly connections: Map<Socket, BrokerConnection>;
  isOver: boolean;
}

export class Platform {
  readonly clock: FakeClock = fakeClock(START);
  readonly events: BrokerEvent[] = [];
  readonly sockets: Socket[] = [];
  readonly counted: CountingStore<SessionStore>;
  readonly store: SessionStore;
  /** How often `find` and `all` were asked. */
  readonly asked = { find: 0, all: 0 };
  lives = 0;
  /** Memory is lost once so many more packets have left, before anybody can do anything else. */
  sendsLeft = Infinity;
  readonly #options: Partial<BrokerOptions>;
  #life: Life | undefined;
  #ids = 0;

  constructor(options: Partial<BrokerOptions> = {}, store: SessionStore = memoryStore()) {
    this.#options = options;
    this.store = store;
    this.counted = countingStore(store);
  }

  get broker(): SessionBroker {
    return this.#alive().broker;
  }

  /** Memory is lost: what was under way never comes back. */
  evict(): void {
    if (this.#life !== undefined) this.#life.isOver = true;
    this.#life = undefined;
  }

  /** The machine goes down, and all sockets with it. */
  crash(): void {
    this.evict();
    for (const socket of this.sockets) socket.isOpen = false;
  }

  socket(): Socket {
    const socket = new Socket(this, `socket-${++this.#ids}`);
    this.sockets.push(socket);
    return socket;
  }

  async connect(clientId: string, more: Partial<ConnectPacket> = {}): Promise<Socket> {
    const socket = this.socket();
    await socket.send(connectPacket(clientId, more));
    return socket;
  }

  connectionOf(socket: Socket): BrokerConnection {
    const { broker, connections } = this.#alive();
    const known = connections.get(socket);
    if (known !== undefined) return known;
    const { attachment } = socket;
    const transport = this.#transport(socket);
    const connection = attachment === undefined ? broker.accept(transport) : broker.resume(transport, attachment);
    connections.set(socket, connection);
    return connection;
  }

  async rest(): Promise<void> {
    await rest();
  }

  /** As an alarm does. */
  async runDue(): Promise<void> {
    const run = this.broker.runDue();
    await rest();
    await run;
    await rest();
  }

  of<Type extends BrokerEvent["type"]>(type: Type): readonly Extract<BrokerEvent, { type: Type }>[] {
    return this.events.filter((event): event is Extract<BrokerEvent, { type: Type }> => event.type === type);
  }

  #alive(): Life {
    if (this.#life !== undefined) return this.#life;
    this.lives++;
    const never = new Promise<never>(() => {});
    const life: { broker?: SessionBroker; connections: Map<Socket, BrokerConnection>; isOver: boolean } = {
      connections: new Map(),
      isOver: false,
    };
    const store = intercept(this.counted.store, async (_call, run) => {
      if (life.isOver) return await never;
      const answer = await run();
      return life.isOver ? await never : answer;
    });
    this.#transportLife = life;
    life.broker = sessionBroker({
      store,
      nodeId: "object",
      environment: {
        now: this.clock.now,
        monotonic: this.clock.monotonic,
        wake: (at, callback) => this.clock.wake(at, () => life.isOver ? undefined : callback()),
        randomId: () => `id-${++this.#ids}`,
      },
      observe: (event) => this.events.push(event),
      hibernation: hibernation({
        find: (token) => {
          this.asked.find++;
          const socket = this.sockets.find((each) => each.isOpen && each.token === token);
          return socket?.attachment && { transport: this.#transport(socket), attachment: socket.attachment };
        },
        all: () => {
          this.asked.all++;
          return this.sockets.flatMap((socket) =>
            socket.isOpen && socket.attachment !== undefined
              ? [{ transport: this.#transport(socket), attachment: socket.attachment }]
              : []
          );
        },
      }),
      ...this.#options,
    });
    return this.#life = life as Life;
  }

  #transportLife: { isOver: boolean } = { isOver: true };

  #transport(socket: Socket): HibernatingTransport {
    const life = this.#transportLife;
    return {
      token: socket.token,
      send: (packet) => {
        if (life.isOver || !socket.isOpen) return;
        socket.got.push(packet);
        if (--this.sendsLeft === 0) this.evict();
      },
      close: () => {
        if (!life.isOver) socket.isOpen = false;
      },
      keep: (attachment) => {
        if (life.isOver) return;
        if (socket.isBroken) throw new Error("The socket is broken");
        socket.attachment = attachment;
        socket.kept.push({ attachment, sent: socket.got.length });
      },
    };
  }
}
