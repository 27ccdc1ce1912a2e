/**
 * A server that does what a test tells it, and a real MQTT.js client of it, in one process and without a socket.
 *
 * @module
 */
import { Duplex } from "node:stream";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { generate, type Packet, parser } from "mqtt-packet";

/** One connection as the server sees it. */
export class Wire {
  /** What the client has sent and the test has not looked at. */
  readonly #received: Packet[] = [];
  readonly #waiting: ((packet: Packet) => void)[] = [];
  readonly #version: 4 | 5;
  readonly #client: Duplex;
  /** Everything that was ever sent on it, as texts. */
  readonly log: string[] = [];
  /** Ends when the client or the test has closed it. */
  readonly closed: Promise<void>;

  constructor(version: 4 | 5) {
    this.#version = version;
    const parsing = parser({ protocolVersion: version });
    parsing.on("packet", (packet) => {
      this.log.push(shown(packet));
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#received.push(packet);
      else waiting(packet);
    });
    this.#client = new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        parsing.parse(chunk);
        done();
      },
    });
    this.closed = new Promise((resolve) => this.#client.once("close", resolve));
  }

  /** The client's end. */
  get stream(): Duplex {
    return this.#client;
  }

  /** The next packet that the client sends. */
  next(): Promise<Packet> {
    const packet = this.#received.shift();
    return packet === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(packet);
  }

  /** How many packets wait to be looked at. */
  get waiting(): number {
    return this.#received.length;
  }

  /** Sends a packet to the client. */
  send(packet: Packet): void {
    this.#client.push(generate(packet, { protocolVersion: this.#version }));
  }

  /** Answers CONNECT; returns it. */
  async accept(sessionPresent: boolean, properties = {}): Promise<Packet & { readonly clean?: boolean }> {
    const connect = await this.next();
    this.send(
      this.#version === 5
        ? { cmd: "connack", sessionPresent, reasonCode: 0, properties }
        : { cmd: "connack", sessionPresent, returnCode: 0 },
    );
    return connect as Packet & { readonly clean?: boolean };
  }

  /** Loses the connection. */
  break(): Promise<void> {
    this.#client.destroy();
    return this.closed;
  }
}

/** Gives each connection of a client to the test. */
export class ScriptedServer {
  readonly #version: 4 | 5;
  readonly #wires: Wire[] = [];
  readonly #waiting: ((wire: Wire) => void)[] = [];

  constructor(version: 4 | 5 = 5) {
    this.#version = version;
  }

  /** A client of this server that connects at once, and again as soon as its connection is lost. */
  client(options: IClientOptions): MqttClient {
    return new mqtt.MqttClient(() => {
      const wire = new Wire(this.#version);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#wires.push(wire);
      else waiting(wire);
      return wire.stream as unknown as ReturnType<ConstructorParameters<typeof mqtt.MqttClient>[0]>;
    }, { keepalive: 0, reconnectPeriod: 1, ...options });
  }

  /** The next connection. */
  wire(): Promise<Wire> {
    const wire = this.#wires.shift();
    return wire === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(wire);
  }
}

/** A packet as a short text: `publish 1 a dup`. */
export function shown(packet: Packet): string {
  const id = "messageId" in packet && packet.messageId !== undefined ? ` ${packet.messageId}` : "";
  if (packet.cmd !== "publish") return `${packet.cmd}${id}`;
  return `publish${id} ${packet.topic}${packet.dup ? " dup" : ""}`;
}
