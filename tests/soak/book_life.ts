/**
 * A client that goes by the book, and whose connections suffer everything.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IConnackPacket, IConnectPacket, IDisconnectPacket, Packet } from "mqtt-packet";
import { encode, type Version } from "../e2e/support/wire_client.ts";
import { BookSession } from "./book_session.ts";
import type { Chance } from "./chance.ts";
import { type Life, MOST_PAUSE_MS, MOST_SILENCE_MS, type Surroundings } from "./life.ts";
import { Manners } from "./manners.ts";
import { pauseExactly, unlessAborted } from "./tempo.ts";
import type { Talk } from "./traffic.ts";
import { type Watched, WatchedLink } from "./watched_link.ts";

/** A client gives up a CONNECT that is not answered for so long. */
const CONNACK_MS = 10_000;

/** Between two attempts to connect. */
const RETRY_MS = 100;

/** As long as an epoch lasts, and longer. */
const LONG_SECONDS = 600;

/** A connection, and what the client said when it connected. */
interface Line {
  readonly link: WatchedLink;
  readonly connect: IConnectPacket;
  readonly pings: ReturnType<typeof setInterval> | undefined;
}

/** What a client does next, and how often. */
const ACTS = {
  publish: 60,
  subscribe: 6,
  unsubscribe: 3,
  disconnect: 4,
  cut: 4,
  abandon: 2,
  pause: 3,
  takeOver: 3,
} as const;

/** Who a client is. */
export interface BookOptions {
  readonly clientId: string;
  readonly version: Version;
  readonly around: Surroundings;
  readonly chance: Chance;
  /** What it says. */
  readonly talk: Talk;
  /** Whether its session never ends before the epoch does, and it leaves no group. */
  readonly stays: boolean;
}

/** The client. */
export class BookLife implements Life {
  readonly clientId: string;
  readonly #version: Version;
  readonly #around: Surroundings;
  readonly #chance: Chance;
  readonly #talk: Talk;
  readonly #stays: boolean;
  readonly #session: BookSession;
  readonly #watched: Watched;
  /** All whose sockets are open, the silent ones too. */
  readonly #links = new Set<WatchedLink>();
  readonly #filters = new Set<string>();
  readonly #losses: (() => void)[] = [];
  #current: Line | undefined;

  constructor({ clientId, version, around, chance, talk, stays }: BookOptions) {
    this.clientId = clientId;
    this.#version = version;
    this.#around = around;
    this.#chance = chance;
    this.#talk = talk;
    this.#stays = stays;
    this.#session = new BookSession(version);
    this.#watched = { clientId, version, journal: around.journal, manners: new Manners() };
  }

  get outstanding(): string | undefined {
    if (this.#current === undefined) return `${this.clientId} is not connected`;
    const { open, unreleased } = this.#session;
    if (open + unreleased === 0) return undefined;
    return `${this.clientId} has ${open} exchanges open, and ${unreleased} messages unreleased`;
  }

  async run(rounds: number, signal: AbortSignal): Promise<void> {
    const { tempo } = this.#around;
    for (let round = 0; round < rounds && !signal.aborted; round++) {
      while (!signal.aborted && this.#current === undefined) {
        if (!await this.#connect(this.#drawConnect(), signal)) await pauseExactly(RETRY_MS, signal);
      }
      await this.#act(signal);
      await tempo.pause(this.#chance.between(50, 900), signal);
    }
  }

  async stay(signal: AbortSignal): Promise<void> {
    let asked: Line | undefined = undefined;
    while (!signal.aborted) {
      if (this.#current === undefined) {
        if (!await this.#connect(this.#steadyConnect(), signal)) await pauseExactly(RETRY_MS, signal);
        continue;
      }
      const last = this.#current === asked ? undefined : this.#talk.last?.();
      if (last !== undefined) this.#session.subscribe(last, undefined, this.#send);
      asked = this.#current;
      await this.#lost(signal);
    }
  }

  dispose(): Promise<void> {
    for (const link of this.#links) link.dispose();
    return Promise.resolve();
  }

  async #act(signal: AbortSignal): Promise<void> {
    const chance = this.#chance;
    const { tempo } = this.#around;
    const link = this.#current?.link;
    if (link === undefined) return;
    switch (this.#filters.size === 0 && chance.happens(0.5) ? "subscribe" : chance.weighed(ACTS)) {
      case "publish": {
        for (let left = chance.whole(1, 3); left > 0; left--) {
          this.#session.publish(this.#talk.message(), this.#send);
        }
        // Something may be under way while the next thing is done.
        return await unlessAborted(this.#session.fewOpen(chance.pick([0, 4, 20])), signal);
      }
      case "subscribe":
        return await this.#subscribe(signal);
      case "unsubscribe": {
        const leaves = [...this.#filters].filter((filter) => !this.#stays || !filter.startsWith("$share/"));
        const [filter] = leaves.sort(() => chance.between(-1, 1));
        if (filter === undefined) return;
        this.#filters.delete(filter);
        this.#session.unsubscribe(filter, this.#send);
        return await unlessAborted(this.#session.fewOpen(4), signal);
      }
      case "disconnect":
        this.#disconnect();
        return await this.#absence(signal);
      case "cut":
        link.cut();
        return await this.#absence(signal);
      case "abandon":
        link.abandon(tempo.length(chance.between(500, MOST_SILENCE_MS)));
        return await this.#absence(signal);
      case "pause":
        link.pause();
        await tempo.pause(chance.between(200, MOST_PAUSE_MS), signal);
        return link.resume();
      case "takeOver":
        await this.#connect(this.#drawConnect(), signal);
    }
  }

  async #subscribe(signal: AbortSignal): Promise<void> {
    const subscription = this.#talk.subscription();
    this.#filters.add(subscription.topic);
    const identifier = this.#chance.happens(0.3) ? this.#chance.whole(1, 9) : undefined;
    this.#session.subscribe(subscription, identifier, this.#send);
    await unlessAborted(this.#session.fewOpen(4), signal);
  }

  /** Says good-bye, in one of the ways there are. */
  #disconnect(): void {
    const line = this.#current;
    if (line === undefined) return;
    this.#send(this.#version === 4 ? { cmd: "disconnect" } : this.#drawDisconnect(line.connect));
    line.link.leave();
  }

  #drawDisconnect(connect: IConnectPacket): IDisconnectPacket {
    const chance = this.#chance;
    const had = connect.properties?.sessionExpiryInterval ?? 0;
    // What was 0 may not be raised by DISCONNECT.
    const properties = had > 0 && !this.#stays && chance.happens(0.25)
      ? { properties: { sessionExpiryInterval: chance.pick([0, 1, 2, 3, LONG_SECONDS]) } }
      : {};
    return { cmd: "disconnect", reasonCode: chance.happens(0.3) ? 0x04 : 0x00, ...properties };
  }

  async #absence(signal: AbortSignal): Promise<void> {
    const chance = this.#chance;
    const length = chance.weighed({ none: 3, short: 5, long: 2 });
    const [least, most] = length === "none" ? [0, 0] : length === "short" ? [100, 3_000] : [3_000, 9_000];
    if (most > 0) await this.#around.tempo.pause(chance.between(least, most), signal);
  }

  #drawConnect(): IConnectPacket {
    const chance = this.#chance;
    const clean = !this.#stays && chance.happens(this.#version === 4 ? 0.15 : 0.1);
    const will = chance.happens(0.5) ? this.#drawWill() : undefined;
    const base = {
      ...this.#steadyConnect(),
      clean,
      keepalive: chance.pick([0, 5, 10]),
      ...(will === undefined ? {} : { will }),
    };
    if (this.#version === 4) return base;
    const kept = this.#stays ? "long" : chance.weighed({ none: 1, short: 3, long: 6 });
    const seconds = kept === "none" ? 0 : kept === "short" ? chance.pick([1, 2, 3, 8, 12]) : LONG_SECONDS;
    return {
      ...base,
      properties: {
        ...(seconds === 0 ? {} : { sessionExpiryInterval: seconds }),
        ...(chance.happens(0.4) ? { receiveMaximum: chance.pick([1, 2, 5, 20]) } : {}),
      },
    };
  }

  #drawWill(): IConnectPacket["will"] {
    const drawn = this.#talk.will();
    if (drawn === undefined) return undefined;
    const { topic, text, qos, expiry } = drawn;
    const will = { topic, payload: Buffer.from(text), qos, retain: false };
    if (this.#version === 4) return will;
    const delay = this.#chance.pick([0, 0, 1, 3]);
    return {
      ...will,
      properties: {
        ...(delay === 0 ? {} : { willDelayInterval: delay }),
        ...(expiry === undefined ? {} : { messageExpiryInterval: expiry }),
      },
    };
  }

  #steadyConnect(): IConnectPacket {
    return {
      cmd: "connect",
      clientId: this.clientId,
      protocolId: "MQTT",
      protocolVersion: this.#version,
      keepalive: 10,
      clean: false,
      ...(this.#version === 4 ? {} : { properties: { sessionExpiryInterval: LONG_SECONDS } }),
    };
  }

  /** Connects; a connection that is there is taken over. `false` when that came to nothing. */
  async #connect(connect: IConnectPacket, signal: AbortSignal): Promise<boolean> {
    const url = this.#around.url(this.#chance);
    if (url === undefined) return false;
    const connack = Promise.withResolvers<IConnackPacket | undefined>();
    let line: Line | undefined = undefined;
    const link = await WatchedLink.open(url, this.#watched, {
      packet: (packet) => {
        if (packet.cmd === "connack") {
          connack.resolve(packet);
          if (line !== undefined && isAccepted(packet)) this.#moves(line, packet);
        } else if (line === this.#current) this.#session.take(packet, this.#send);
      },
      ended: () => {
        connack.resolve(undefined);
        if (line !== undefined) this.#ended(line);
      },
    });
    if (link === undefined) return false;
    line = { link, connect, pings: this.#pings(link, connect.keepalive ?? 0) };
    this.#links.add(link);
    link.closed.then(() => this.#links.delete(link));
    link.send(encode(connect, this.#version));
    const patience = new AbortController();
    pauseExactly(CONNACK_MS, patience.signal).then(() => connack.resolve(undefined));
    const answer = await connack.promise;
    patience.abort();
    if (answer !== undefined && isAccepted(answer)) return !link.ended;
    if (answer === undefined) this.#session.unanswered();
    link.cut();
    if (!signal.aborted) await pauseExactly(RETRY_MS, signal);
    return false;
  }

  /** The session moves to a connection: what still comes on the older one is from the past, and not answered. */
  #moves(line: Line, connack: IConnackPacket): void {
    this.#session.disconnected();
    this.#current = line;
    if (!connack.sessionPresent) this.#filters.clear();
    this.#session.receiveMaximum = connack.properties?.receiveMaximum ?? 65_535;
    this.#session.connected(connack.sessionPresent, this.#send);
  }

  readonly #send = (packet: Packet): void => {
    this.#current?.link.send(encode(packet, this.#version));
  };

  #pings(link: WatchedLink, keepAlive: number): ReturnType<typeof setInterval> | undefined {
    if (keepAlive === 0) return undefined;
    const ping = encode({ cmd: "pingreq" }, this.#version);
    return setInterval(() => link.send(ping), keepAlive * 1_000 / 2);
  }

  #ended(line: Line): void {
    clearInterval(line.pings);
    if (line !== this.#current) return;
    this.#current = undefined;
    this.#session.disconnected();
    for (const lose of this.#losses.splice(0)) lose();
  }

  /** Ends when the connection is lost, or with the signal. */
  #lost(signal: AbortSignal): Promise<void> {
    return unlessAborted(new Promise<void>((resolve) => this.#losses.push(resolve)), signal);
  }
}

function isAccepted({ reasonCode, returnCode }: IConnackPacket): boolean {
  return (reasonCode ?? returnCode ?? 0) === 0;
}
