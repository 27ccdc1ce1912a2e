import { Buffer } from "node:buffer";
import { type Packet, type Parser, parser } from "mqtt-packet";
import { bytesOf, fieldsOf } from "./codec.ts";
import type { Fields, Version } from "./scenario.ts";
import { openTransport, type Transport } from "./transport.ts";

/** What a broker did that no scenario can go on from. */
export class Deviation extends Error {}

/** A client of a scenario: it keeps what came until somebody asks for it. */
export class Peer {
  readonly version: Version;
  /** Answers by itself to PUBLISH and PUBREL. */
  readonly #answers: boolean;
  readonly #inbox: Fields[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #trace: (line: string) => void;
  #transport: Transport | undefined;
  #isClosed = false;
  #unreadable: string | undefined;
  /** The CONNACK that came last on it. */
  connack: Fields | undefined;

  private constructor(version: Version, manual: boolean, trace: (line: string) => void) {
    this.version = version;
    this.#answers = !manual;
    this.#trace = trace;
  }

  /** Opens a connection; nothing is sent yet. */
  static async open(url: string, options: PeerOptions): Promise<Peer> {
    const peer = new Peer(options.version, options.manual, options.trace);
    const incoming = parser({ protocolVersion: options.version });
    incoming.on("packet", (packet) => peer.#hear(packet));
    incoming.on("error", (error) => peer.#unreadable ??= String(error));
    peer.#transport = await openTransport(url, {
      bytes: (bytes) => peer.#read(incoming, bytes),
      closed: () => {
        peer.#isClosed = true;
        peer.#trace("closed");
        peer.#wake();
      },
    });
    return peer;
  }

  #read(incoming: Parser, bytes: Uint8Array): void {
    try {
      incoming.parse(Buffer.from(bytes));
    } catch (error) {
      this.#unreadable ??= String(error);
    }
    this.#wake();
  }

  #hear(packet: Packet): void {
    const fields = fieldsOf(packet);
    this.#trace(`< ${JSON.stringify(fields)}`);
    if (packet.cmd === "connack") this.connack = fields;
    if (this.#answers) {
      const { messageId = 0 } = packet;
      if (packet.cmd === "publish" && packet.qos === 1) this.send({ cmd: "puback", messageId });
      if (packet.cmd === "publish" && packet.qos === 2) this.send({ cmd: "pubrec", messageId });
      if (packet.cmd === "pubrel") {
        this.send({ cmd: "pubcomp", messageId });
        return;
      }
    }
    this.#inbox.push(fields);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Sends packets, together. */
  send(...packets: readonly Fields[]): void {
    for (const packet of packets) this.#trace(`> ${JSON.stringify(packet)}`);
    this.sendBytes(Buffer.concat(packets.map((packet) => bytesOf(packet, this.version))));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#transport?.send(bytes);
  }

  /** What came and was not taken. */
  get inbox(): readonly Fields[] {
    return this.#inbox;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes the first packet that is wanted. Throws a `Deviation` when none comes. */
  async take(isWanted: (packet: Fields) => boolean, deadlineMs: number): Promise<Fields> {
    const index = () => this.#inbox.findIndex(isWanted);
    await this.#until(() => index() >= 0, deadlineMs);
    const [packet] = index() < 0 ? [] : this.#inbox.splice(index(), 1);
    if (packet !== undefined) return packet;
    const what = this.#unreadable ?? (this.#isClosed ? "the broker closed" : "nothing such came");
    throw new Deviation(`${what}${this.#left()}`);
  }

  /** Waits for the end of the connection. Throws a `Deviation` when it stays open. */
  async closed(deadlineMs: number): Promise<void> {
    await this.#until(() => this.#isClosed, deadlineMs);
    if (!this.#isClosed) throw new Deviation(`the connection stays open${this.#left()}`);
  }

  /** What is left, for people. */
  #left(): string {
    const kinds = this.#inbox.map(({ cmd }) => String(cmd));
    return kinds.length === 0 ? "" : ` (there is ${kinds.join(", ")})`;
  }

  async #until(isTrue: () => boolean, deadlineMs: number): Promise<void> {
    if (isTrue()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, deadlineMs);
    const look = () => {
      if (isTrue() || this.#isClosed || this.#unreadable !== undefined) resolve();
    };
    this.#waiting.add(look);
    look();
    await promise;
    this.#waiting.delete(look);
    clearTimeout(timer);
  }

  /** Closes without DISCONNECT, and waits for the broker to close too. */
  async drop(): Promise<void> {
    this.#transport?.end();
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (this.#isClosed) resolve();
    };
    this.#waiting.add(look);
    look();
    await promise;
    this.#waiting.delete(look);
  }
}

/** How a client behaves. */
export interface PeerOptions {
  readonly version: Version;
  /** Sends nothing that the scenario does not say. */
  readonly manual: boolean;
  /** Hears what goes over the wire. */
  readonly trace: (line: string) => void;
}
