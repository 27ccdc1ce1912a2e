/** A broker over any store, a clock that stands still, and clients that remember what they get. */
import { setImmediate } from "node:timers/promises";
import {
  type BrokerConnection,
  type BrokerEvent,
  type BrokerOptions,
  type ClientPacket,
  type ConnectPacket,
  type ServerPacket,
  type SessionBroker,
  sessionBroker,
} from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { SessionStore } from "../../../mod.ts";
import { intercept } from "../../../src/testing/intercept.ts";
import { type FakeClock, fakeClock, type FaultyStore, faultyStore } from "../../../src/testing/mod.ts";
import { connectPacket } from "../../unit/runtime/support.ts";

export const START = 1_700_000_000_000;

/** One connection, from the client's side. */
export interface Client {
  readonly connection: BrokerConnection;
  readonly got: ServerPacket[];
  closed: boolean;
  /** What its transport claims to hold back. */
  buffered: number;
  /** Sends packets, and lets everything come to rest. */
  send(...packets: readonly ClientPacket[]): Promise<void>;
  /** The transport breaks. */
  drop(): Promise<void>;
  /** What it got, in short: types, with the reason code where there is one other than 0. */
  told(): string;
}

/** A broker and all around it. */
export interface World {
  readonly clock: FakeClock;
  readonly faults: FaultyStore<SessionStore>;
  readonly store: SessionStore;
  readonly broker: SessionBroker;
  readonly events: BrokerEvent[];
  client(at?: SessionBroker): Client;
  connect(clientId: string, connect?: Partial<ConnectPacket>, at?: SessionBroker): Promise<Client>;
  /** Another node over the same store. */
  another(options?: Partial<BrokerOptions>): SessionBroker;
  /** Lets the clock go on, and everything come to rest after each timer. */
  pass(ms: number): Promise<void>;
  /** Waits until nothing moves but what is held back or waits for the clock. */
  rest(): Promise<void>;
  /** Runs what is due, with as much time as it asks for. */
  runDue(at?: SessionBroker): Promise<void>;
  /** Why messages were dropped, in order. */
  drops(): readonly string[];
}

/** Turns of the event loop in which an engine must have told its news: seconds, where it takes less than one turn. */
const MANY_TURNS = 1_000_000;

/** Waits for what a real engine brings about in its own time, outside of the clock that stands still. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < MANY_TURNS; turn++) {
    if (isSo()) return;
    await setImmediate();
  }
  throw new Error(`Waited in vain until ${what}`);
}

/** Makes a world. */
export function world(inner: SessionStore = memoryStore(), options: Partial<BrokerOptions> = {}): World {
  const clock = fakeClock(START);
  let working = 0;
  const counted = intercept(inner, async (_call, run) => {
    working++;
    try {
      return await run();
    } finally {
      working--;
    }
  });
  const faults = faultyStore(counted);
  const events: BrokerEvent[] = [];
  let ids = 0;
  const make = (own: Partial<BrokerOptions>) =>
    sessionBroker({
      store: faults.store,
      environment: { now: clock.now, monotonic: clock.monotonic, wake: clock.wake, randomId: () => `id-${++ids}` },
      observe: (event) => events.push(event),
      doorbellPollMs: 0,
      ...options,
      ...own,
    });
  const rest = async () => {
    // A turn of the event loop lets all microtasks run; calls of a real store take more of them.
    for (let calm = 0; calm < 2;) {
      await setImmediate();
      calm = working === 0 ? calm + 1 : 0;
    }
  };
  const pass = async (ms: number) => {
    const end = clock.now() + ms;
    await rest();
    for (let next = clock.nextAt(); next !== undefined && next <= end; next = clock.nextAt()) {
      clock.advanceToNext();
      await rest();
    }
    clock.advance(end - clock.now());
    await rest();
  };
  const broker = make({});
  const client = (at = broker): Client => {
    const got: ServerPacket[] = [];
    const made: Client = {
      connection: at.accept({
        send: (packet) => void got.push(packet),
        close: () => made.closed = true,
        bufferedBytes: () => made.buffered,
      }),
      got,
      closed: false,
      buffered: 0,
      send: async (...packets) => {
        void made.connection.receive(packets);
        await rest();
      },
      drop: async () => {
        made.closed = true;
        made.connection.closed();
        await rest();
      },
      told: () => got.map(inShort).join(" "),
    };
    return made;
  };
  return {
    clock,
    faults,
    store: counted,
    broker,
    events,
    client,
    connect: async (clientId, more = {}, at = broker) => {
      const made = client(at);
      await made.send(connectPacket(clientId, more));
      return made;
    },
    another: (own = {}) => make(own),
    pass,
    rest,
    runDue: async (at = broker) => {
      let isDone = false;
      const done = at.runDue().finally(() => isDone = true);
      // It is awaited below.
      done.catch(() => {});
      for (await rest(); !isDone; await rest()) clock.advanceToNext();
      await done;
    },
    drops: () => events.flatMap((event) => event.type === "dropped" ? [event.reason] : []),
  };
}

/** The payloads of the PUBLISHes that a client got, as text. */
export function texts(client: Pick<Client, "got">): readonly string[] {
  return client.got.flatMap((packet) => packet.type === "publish" ? [new TextDecoder().decode(packet.payload)] : []);
}

function inShort(packet: ServerPacket): string {
  const code = "reasonCode" in packet && packet.reasonCode !== 0 ? `:${packet.reasonCode.toString(16)}` : "";
  return packet.type + code;
}
