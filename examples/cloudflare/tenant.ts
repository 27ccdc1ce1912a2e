/**
 * A Durable Object that is the MQTT broker of one tenant.
 *
 * Its fields hold nothing but what can be found again: the object may be put to sleep between any two packets, and its
 * process be killed between any two writes.
 *
 * @module
 */
import {
  type BrokerOptions,
  hibernation,
  type SessionBroker,
  sessionBroker,
  type SleepingConnection,
} from "@edge-mqtt/session";
import { durableObjectRetained, durableObjectStore, setWakeAlarm } from "@edge-mqtt/session/durable-object";
import { shiftedEnvironment } from "../broker/clock.ts";
import { authenticateBy } from "./authenticate.ts";
import { Peer } from "./peer.ts";
import { type HibernatableSocket, type ObjectContext, socketPair, upgraded } from "./platform.ts";
import { type Environment, readSettings, type Settings } from "./settings.ts";

/**
 * While sockets are open the object wakes at least this often. Where its machine is lost, and all sockets with it, this is
 * the latest time that somebody sees that clients without a Keep Alive are gone.
 */
const LOOK_EVERY_MS = 3_600_000;

/** What a broker does beside its own work that shares the clients of its tenant with other objects. */
export interface Sharding {
  /** The options of the broker; it is made after that. */
  options(plain: BrokerOptions, broker: () => SessionBroker): BrokerOptions;
  /** Answers what another object asks; `undefined` where a client wants to connect. */
  fetch(request: Request): Promise<Response | undefined>;
  /** Ends once what waits for other objects has left, or cannot. */
  drained(): Promise<void>;
  /** The alarm has come: sends what waits. */
  alarm(): Promise<void>;
  /** When it has to be woken, in epoch milliseconds. */
  readonly wakeAt: number | undefined;
}

/** The broker of one tenant. */
export class Tenant {
  readonly #context: ObjectContext;
  readonly #settings: Settings;
  readonly #broker: SessionBroker;
  readonly #sharding: Sharding | undefined;
  /** The sockets that have come up since the object woke. */
  readonly #peers = new Map<string, Peer>();
  #arming: Promise<void> | undefined;

  constructor(context: ObjectContext, environment: Environment, sharding?: Sharding) {
    this.#context = context;
    this.#sharding = sharding;
    const settings = this.#settings = readSettings(environment);
    const { storage } = context;
    const options: BrokerOptions = {
      store: durableObjectStore(storage),
      retained: durableObjectRetained(storage),
      nodeId: "object",
      authenticate: authenticateBy(environment),
      environment: shiftedEnvironment(settings.clockOffsetMs),
      limits: {
        maximumPacketSize: settings.maxPacketBytes,
        maximumSessionExpiryInterval: settings.sessionExpiryMax,
        maximumKeepAlive: settings.serverKeepAlive,
      },
      queue: { maximumMessages: settings.maxQueuedMessages, maximumBytes: settings.maxQueuedBytes },
      hibernation: hibernation({
        find: (token) => this.#sleeping(context.getWebSockets(token)).next().value,
        all: () => this.#sleeping(context.getWebSockets()),
      }),
      observe: (event) => {
        // Never a payload, a password or a topic.
        if (event.type === "workFailed") console.error(`${event.work} failed`, event.error);
      },
    };
    this.#broker = sessionBroker(sharding?.options(options, () => this.#broker) ?? options);
  }

  /** Takes a WebSocket in. */
  async fetch(request: Request): Promise<Response> {
    const answer = await this.#sharding?.fetch(request);
    if (answer !== undefined) {
      // Not waited for: what is under way here may wait for the object that has asked.
      this.#arm().catch((error) => console.error("Cannot set the alarm", error));
      return answer;
    }
    const [client, server] = socketPair();
    const token = crypto.randomUUID();
    this.#context.acceptWebSocket(server, [token]);
    this.#peerOf(server).connect(this.#broker);
    await this.#arm();
    return upgraded(client, { "sec-websocket-protocol": "mqtt" });
  }

  /** A frame has come, and woken the object if it slept. */
  async webSocketMessage(socket: HibernatableSocket, data: ArrayBuffer | string): Promise<void> {
    await this.#peerOf(socket).message(this.#broker, data);
    // A PINGREQ moves a deadline, and later: the alarm is early enough, and nothing has to be read for it.
    if (isPing(data)) return;
    await this.#arm();
    await this.#sharding?.drained();
  }

  /** A socket was closed by its client, or by the network. */
  async webSocketClose(socket: HibernatableSocket): Promise<void> {
    const peer = this.#peerOf(socket);
    // The other half of the handshake; where there is none any more this does nothing.
    if (socket.readyState < 3) socket.close(1000);
    await this.#gone(socket, peer);
  }

  /** A socket has broken. */
  async webSocketError(socket: HibernatableSocket): Promise<void> {
    await this.#gone(socket, this.#peerOf(socket));
  }

  /** Something is due. If this throws the platform tries again. */
  async alarm(): Promise<void> {
    await this.#sharding?.alarm();
    await this.#broker.runDue();
    await this.#arm();
  }

  async #gone(socket: HibernatableSocket, peer: Peer): Promise<void> {
    await peer.gone(this.#broker);
    this.#peers.delete(tokenOf(this.#context, socket));
    await this.#arm();
    await this.#sharding?.drained();
  }

  #peerOf(socket: HibernatableSocket): Peer {
    const token = tokenOf(this.#context, socket);
    const peer = this.#peers.get(token) ?? new Peer(socket, token, this.#settings);
    this.#peers.set(token, peer);
    return peer;
  }

  /** What the broker may find of sockets, one by one as it asks: those that were not closed from here. */
  *#sleeping(sockets: readonly HibernatableSocket[]): Generator<SleepingConnection, undefined> {
    for (const socket of sockets) {
      const { transport, attachment } = this.#peerOf(socket);
      if (attachment !== undefined) yield { transport, attachment };
    }
    return undefined;
  }

  /** Sets the alarm, once nothing is under way; those who ask at the same time share it. */
  #arm(): Promise<void> {
    return this.#arming ??= this.#broker.settled().then(async () => {
      this.#arming = undefined;
      const { storage } = this.#context;
      const { clockOffsetMs } = this.#settings;
      const now = Date.now();
      const isLookedAfter = this.#context.getWebSockets().length > 0;
      await setWakeAlarm(storage, {
        nextWakeAt: async () => {
          const at = await this.#broker.nextWakeAt();
          const look = isLookedAfter ? now + LOOK_EVERY_MS : Infinity;
          const { wakeAt = Infinity } = this.#sharding ?? {};
          const first = Math.min(at === undefined ? Infinity : at - clockOffsetMs, look, wakeAt);
          return first === Infinity ? undefined : first;
        },
      }, now);
    });
  }
}

function tokenOf(context: ObjectContext, socket: HibernatableSocket): string {
  const [token] = context.getTags(socket);
  if (token === undefined) throw new Error("A socket of this object has no tag");
  return token;
}

/** PINGREQ alone in a frame, as clients send it. */
function isPing(data: ArrayBuffer | string): boolean {
  return typeof data !== "string" && data.byteLength === 2 && new Uint8Array(data)[0] === 0xc0;
}
