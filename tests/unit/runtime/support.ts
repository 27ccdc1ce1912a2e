/** A broker with a clock that stands still, a store that fails as told, and clients that remember what they get. */
import { type BrokerEvent, type BrokerOptions, type SessionBroker, sessionBroker } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { BrokerConnection, ClientPacket, ConnectPacket, ServerPacket, SessionStore } from "../../../mod.ts";
import { type FakeClock, fakeClock, type FaultyStore, faultyStore } from "../../../src/testing/mod.ts";

export const START = 1_700_000_000_000;

/** What a client holds of what it got. */
export interface TestClient {
  readonly connection: BrokerConnection;
  readonly got: ServerPacket[];
  readonly types: () => string;
  closed: boolean;
  /** What its transport claims to hold back. */
  buffered: number;
  /** Sends packets and lets everything come to rest. */
  send(...packets: readonly ClientPacket[]): Promise<void>;
  last(): ServerPacket | undefined;
}

export interface World {
  readonly clock: FakeClock;
  readonly faults: FaultyStore;
  readonly store: SessionStore;
  readonly broker: SessionBroker;
  readonly events: BrokerEvent[];
  /** What happened at clients and in the store, in order. */
  readonly journal: string[];
  /** Takes a connection in. */
  client(name?: string, at?: SessionBroker): TestClient;
  /** Takes a connection in and sends its CONNECT. */
  connect(clientId: string, connect?: Partial<ConnectPacket>, at?: SessionBroker): Promise<TestClient>;
  /** Another broker over the same store. */
  another(options?: Partial<BrokerOptions>): SessionBroker;
  of(type: BrokerEvent["type"]): readonly BrokerEvent[];
  /** Lets the clock go on, and everything come to rest after each timer. */
  pass(ms: number): Promise<void>;
}

/** Lets everything run that waits for nothing but its turn. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < 300; turn++) await undefined;
}

export function world(options: Partial<BrokerOptions> = {}, inner: SessionStore = memoryStore()): World {
  const clock = fakeClock(START);
  const faults = faultyStore(inner);
  const events: BrokerEvent[] = [];
  const journal: string[] = [];
  let ids = 0;
  const make = (own: Partial<BrokerOptions>) =>
    sessionBroker({
      store: faults.store,
      environment: { now: clock.now, monotonic: clock.monotonic, wake: clock.wake, randomId: () => `id-${++ids}` },
      observe: (event) => events.push(event),
      ...options,
      ...own,
    });
  const broker = make({});
  const client = (name = "client", at = broker): TestClient => {
    const got: ServerPacket[] = [];
    const connection = at.accept({
      send: (packet) => {
        got.push(packet);
        journal.push(`${name} ${packet.type}`);
      },
      close: () => {
        made.closed = true;
        journal.push(`${name} close`);
      },
      bufferedBytes: () => made.buffered,
    });
    const made: TestClient = {
      connection,
      got,
      closed: false,
      buffered: 0,
      types: () => got.map((packet) => packet.type).join(" "),
      send: async (...packets) => {
        connection.receive(packets);
        await rest();
      },
      last: () => got.at(-1),
    };
    return made;
  };
  return {
    clock,
    faults,
    store: inner,
    broker,
    events,
    journal,
    client,
    connect: async (clientId, more = {}, at = broker) => {
      const made = client(clientId, at);
      await made.send(connectPacket(clientId, more));
      return made;
    },
    another: (own = {}) => make(own),
    of: (type) => events.filter((event) => event.type === type),
    pass: async (ms) => {
      const end = clock.now() + ms;
      await rest();
      for (let next = clock.nextAt(); next !== undefined && next <= end; next = clock.nextAt()) {
        clock.advanceToNext();
        await rest();
      }
      clock.advance(end - clock.now());
      await rest();
    },
  };
}

export function connectPacket(clientId: string, more: Partial<ConnectPacket> = {}): ConnectPacket {
  return {
    type: "connect",
    protocolVersion: 5,
    clientId,
    cleanStart: false,
    keepAlive: 0,
    sessionExpiryInterval: 1_000,
    ...more,
  };
}

export function publishPacket(topic: string, qos: 0 | 1 | 2, packetId?: number, text = ""): ClientPacket {
  return {
    type: "publish",
    topic,
    payload: new TextEncoder().encode(text),
    qos,
    retain: false,
    dup: false,
    properties: {},
    ...(packetId === undefined ? {} : { packetId }),
  };
}

export function subscribePacket(packetId: number, ...filters: readonly string[]): ClientPacket {
  return {
    type: "subscribe",
    packetId,
    subscriptions: filters.map((filter) => ({
      filter,
      qos: 2,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    })),
  };
}

export function will(topic: string, willDelayInterval = 0): NonNullable<ConnectPacket["will"]> {
  return { topic, payload: new Uint8Array([1]), qos: 1, retain: false, properties: {}, willDelayInterval };
}

/** The payloads of the PUBLISHes that a client got, as text. */
export function texts(client: TestClient): readonly string[] {
  return client.got.flatMap((packet) => packet.type === "publish" ? [new TextDecoder().decode(packet.payload)] : []);
}
