/**
 * A WebSocket of a Durable Object as a connection of its broker, and what the socket keeps while the object has no memory.
 *
 * @module
 */
import type { BrokerConnection, HibernatingTransport, SessionBroker } from "@edge-mqtt/session";
import type { ProtocolVersion } from "@edge-mqtt/session/mqtt-packet";
import { encode, PacketReader } from "../broker/codec.ts";
import { PacketInput, PacketOutput } from "../broker/packets.ts";
import type { HibernatableSocket } from "./platform.ts";

/** More bytes of a packet that has not come whole are not kept: then its client has to connect again. */
const MOST_KEPT_BYTES = 8_192;

/** What is kept with a socket, beside its token, which is its tag. */
interface Kept {
  readonly version: ProtocolVersion;
  /** The beginning of a packet; `undefined` if it was too long to be kept. */
  readonly rest: Uint8Array | undefined;
  /** What the broker knows of the connection. */
  readonly attachment: Uint8Array;
}

/** What a peer may use of its host. */
export interface PeerBounds {
  readonly maxPacketBytes: number;
  readonly maxInputBytes: number;
}

/** One client. Of one that sleeps nothing is made but this: an object may have thousands of them. */
export class Peer {
  readonly #socket: HibernatableSocket;
  readonly #bounds: PeerBounds;
  readonly #found: Kept | undefined;
  #attachment: Uint8Array | undefined;
  #keptRest: number;
  #read: PacketReader | undefined;
  #connection: BrokerConnection | undefined;
  #input: PacketInput | undefined;
  /** What the broker sends to, and keeps with. */
  readonly transport: HibernatingTransport;

  constructor(socket: HibernatableSocket, token: string, bounds: PeerBounds) {
    this.#socket = socket;
    this.#bounds = bounds;
    const found = this.#found = keptOf(socket);
    this.#attachment = found?.attachment;
    this.#keptRest = found?.rest?.length ?? 0;
    const output = new PacketOutput({
      // One that is closing takes nothing any more; its end is told to the object.
      send: (bytes) => socket.readyState === 1 ? socket.send(bytes) : undefined,
      close: (code) => this.#close(code),
    });
    this.transport = {
      token,
      send: (packet) => output.add(encode(packet, this.#reader.version)),
      close: () => output.close(),
      bufferedBytes: () => output.bufferedBytes,
      keep: (attachment) => {
        this.#attachment = attachment;
        this.#keep();
      },
    };
  }

  /** Closed from here, before the object slept: whatever its client still sends, that was all. */
  get #isOver(): boolean {
    return this.#connection === undefined && this.#attachment === undefined;
  }

  get #reader(): PacketReader {
    if (this.#read !== undefined) return this.#read;
    const reader = this.#read = new PacketReader(this.#bounds.maxPacketBytes, this.#found?.version);
    if (this.#found?.rest !== undefined) reader.push(this.#found.rest);
    return reader;
  }

  /** What the broker has kept with the socket; `undefined` once it is closed from here. */
  get attachment(): Uint8Array | undefined {
    return this.#attachment;
  }

  /** The connection, which goes on where it stood if nobody here knew of it. */
  connect(broker: SessionBroker): BrokerConnection {
    if (this.#connection !== undefined) return this.#connection;
    const { attachment } = this;
    const connection = attachment === undefined
      ? broker.accept(this.transport)
      : broker.resume(this.transport, attachment);
    this.#input = new PacketInput(connection, this.#reader, this.#bounds.maxInputBytes);
    // The beginning of a packet is lost: nothing that follows can be read.
    if (this.#found !== undefined && this.#found.rest === undefined) this.#close(1011);
    return this.#connection = connection;
  }

  /** A frame has come. */
  async message(broker: SessionBroker, data: ArrayBuffer | string): Promise<void> {
    if (this.#isOver) return;
    this.connect(broker);
    if (typeof data === "string") await this.#input?.text();
    else await this.#input?.bytes(new Uint8Array(data));
    if (this.#reader.bufferedBytes !== this.#keptRest) this.#keep();
  }

  /** The socket is gone; ends when nothing of the connection is left to do. */
  async gone(broker: SessionBroker): Promise<void> {
    if (this.#isOver) return;
    const connection = this.connect(broker);
    await this.#input?.end();
    await connection.done;
  }

  #keep(): void {
    const attachment = this.#attachment;
    if (attachment === undefined || this.#socket.readyState !== 1) return;
    const rest = this.#reader.rest();
    this.#keptRest = rest.length;
    const kept: Kept = {
      version: this.#reader.version,
      rest: rest.length > MOST_KEPT_BYTES ? undefined : rest,
      attachment,
    };
    this.#socket.serializeAttachment(kept);
  }

  /** Until its client has closed it too the socket counts as open: but not as a connection that could go on. */
  #close(code: number): void {
    this.#attachment = undefined;
    this.#socket.serializeAttachment(null);
    this.#socket.close(code);
  }
}

/** What is kept with a socket. Nobody but this file writes it. */
function keptOf(socket: HibernatableSocket): Kept | undefined {
  return socket.deserializeAttachment() as Kept | null ?? undefined;
}
