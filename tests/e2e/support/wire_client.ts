/**
 * A client that does what it is told and nothing else: packets of `mqtt-packet`, or bare bytes, over a WebSocket.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { generate, type IConnackPacket, type IConnectPacket, type Packet, parser } from "mqtt-packet";
import { unlessStuck } from "./unless_stuck.ts";

/** The protocol version of a client. */
export type Version = 4 | 5;

/** Every packet as the parser emits it; `closed` is the end of the socket. */
export type Heard = Packet | { readonly cmd: "closed" };

/** How a client connects, but for what the tests do not care about. */
export type ConnectOptions = Partial<IConnectPacket> & { readonly clientId: string };

/** A WebSocket that speaks MQTT. */
export class WireClient implements Disposable {
  readonly socket: WebSocket;
  readonly version: Version;
  readonly #heard: Heard[] = [];
  readonly #listeners: ((heard: Heard) => void)[] = [];
  /** Called with each packet before anybody who waits for it; for clients that answer by themselves. */
  onPacket: ((packet: Packet) => void) | undefined;
  /** Ends when the socket is closed. */
  readonly closed: Promise<void>;

  private constructor(socket: WebSocket, version: Version) {
    this.socket = socket;
    this.version = version;
    socket.binaryType = "arraybuffer";
    const incoming = parser({ protocolVersion: version });
    incoming.on("packet", (packet) => {
      this.onPacket?.(packet);
      this.#hear(packet);
    });
    socket.onmessage = ({ data }) => incoming.parse(Buffer.from(data as ArrayBuffer));
    this.closed = new Promise((resolve) => {
      socket.onclose = () => {
        this.#hear({ cmd: "closed" });
        resolve();
      };
    });
  }

  /** Opens a socket; it is not connected yet as MQTT means it. */
  static async open(url: string, version: Version): Promise<WireClient> {
    const client = new WireClient(new WebSocket(url, "mqtt"), version);
    const { socket } = client;
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`Cannot open ${url}`));
    });
    socket.onerror = null;
    return client;
  }

  /** Opens a socket, connects, and waits for the answer. */
  static async connect(url: string, version: Version, options: ConnectOptions): Promise<Connected> {
    const client = await WireClient.open(url, version);
    client.send({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: version,
      keepalive: 0,
      clean: false,
      ...options,
    });
    return { client, connack: await client.expect("connack") };
  }

  /** Sends a packet in a frame of its own. */
  send(packet: Packet): void {
    this.sendBytes(encode(packet, this.version));
  }

  /** Sends bytes in a frame of their own. */
  sendBytes(bytes: Uint8Array): void {
    this.socket.send(bytes as Uint8Array<ArrayBuffer>);
  }

  /** What comes next, in order; at the end `closed`, again and again. */
  next(): Promise<Heard> {
    const heard = this.#heard[0];
    if (heard !== undefined) {
      if (heard.cmd !== "closed") this.#heard.shift();
      return Promise.resolve(heard);
    }
    return unlessStuck("waiting for a packet", new Promise((resolve) => this.#listeners.push(resolve)));
  }

  /** What comes next, which has to be of this kind. */
  async expect<Command extends Heard["cmd"]>(cmd: Command): Promise<Extract<Heard, { readonly cmd: Command }>> {
    const heard = await this.next();
    if (heard.cmd !== cmd) throw new Error(`Expected ${cmd}, heard ${JSON.stringify(heard)}`);
    // True by the comparison above, which the compiler does not follow into a generic parameter.
    return heard as Extract<Heard, { readonly cmd: Command }>;
  }

  /** Says good-bye, and waits until the socket is closed. */
  async disconnect(): Promise<void> {
    this.send({ cmd: "disconnect" });
    await this.closed;
  }

  /** Breaks off without a word. */
  async vanish(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }

  #hear(heard: Heard): void {
    const listener = this.#listeners.shift();
    if (listener === undefined || heard.cmd === "closed") this.#heard.push(heard);
    listener?.(heard);
    if (heard.cmd === "closed") { for (const other of this.#listeners.splice(0)) other(heard); }
  }
}

/** A client and what it was answered. */
export interface Connected {
  readonly client: WireClient;
  readonly connack: IConnackPacket;
}

/** The bytes of a packet. */
export function encode(packet: Packet, version: Version): Uint8Array {
  return generate(packet, { protocolVersion: version });
}

/** CONNECT properties that keep a session: nothing in 3.1.1, where Clean Session says it all. */
export function keptFor(version: Version, seconds: number): Pick<IConnectPacket, "clean" | "properties"> {
  return version === 5 ? { clean: false, properties: { sessionExpiryInterval: seconds } } : { clean: false };
}
