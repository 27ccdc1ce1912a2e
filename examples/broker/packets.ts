/**
 * The packets of a WebSocket: what comes in, cut from its frames, and what goes out, put together in them.
 *
 * @module
 */
import { type BrokerConnection, REASON } from "@edge-mqtt/session";
import type { PacketReader } from "./codec.ts";

/** Packets that leave in one turn share a WebSocket frame, up to this size. */
const FRAME_BYTES = 65_536;

/** A WebSocket, as far as packets are sent to it. */
export interface PacketSocket {
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code: number): void;
  /** Absent where nobody can tell. */
  readonly bufferedAmount?: number;
}

/**
 * What comes from one client, in order, and no faster than the broker takes it.
 *
 * Such a WebSocket cannot be paused: it goes on reading while the broker is busy. So what waits is bounded, and who
 * sends more than that is disconnected; a client that keeps to Receive Maximum and to small messages never gets there.
 * One frame is whole in memory before it can be judged: Deno refuses those above 64 MiB by itself, a Worker those above
 * 32 MiB.
 */
export class PacketInput {
  readonly #connection: BrokerConnection;
  readonly #reader: PacketReader;
  readonly #maxBytes: number;
  /** What ends the input, once all before it has been taken: a fault, or the end of the socket. */
  #last: number | "end" | undefined;
  #isPumping = false;
  #pumped: Promise<void> = Promise.resolve();

  constructor(connection: BrokerConnection, reader: PacketReader, maxBytes: number) {
    this.#connection = connection;
    this.#reader = reader;
    this.#maxBytes = maxBytes;
  }

  /** Bytes have come; ends when all that is complete was taken. */
  bytes(bytes: Uint8Array): Promise<void> {
    if (this.#last !== undefined) return this.#pump();
    if (this.#reader.bufferedBytes + bytes.length > this.#maxBytes) {
      this.#reader.clear();
      this.#last = REASON.messageRateTooHigh;
    } else this.#reader.push(bytes);
    return this.#pump();
  }

  /** MQTT is carried in binary frames alone ([MQTT-6.0.0-1]). */
  text(): Promise<void> {
    this.#last ??= REASON.malformedPacket;
    return this.#pump();
  }

  /** The socket is gone; what the client sent before still counts, a DISCONNECT above all. */
  end(): Promise<void> {
    this.#last = "end";
    return this.#pump();
  }

  #pump(): Promise<void> {
    if (!this.#isPumping) {
      this.#isPumping = true;
      this.#pumped = this.#takeAll();
    }
    return this.#pumped;
  }

  async #takeAll(): Promise<void> {
    for (;;) {
      const { packets, fault } = this.#reader.take();
      if (packets.length > 0) await this.#connection.receive(packets);
      if (fault !== undefined) {
        this.#reader.clear();
        this.#last ??= fault;
      } else if (packets.length > 0) continue;
      break;
    }
    this.#isPumping = false;
    if (this.#last === "end") this.#connection.closed("transport");
    else if (this.#last !== undefined) this.#connection.malformed(this.#last);
  }
}

/** What goes to one client: the packets of one turn leave together. */
export class PacketOutput {
  readonly #socket: PacketSocket;
  #packets: Uint8Array[] = [];
  #bytes = 0;

  constructor(socket: PacketSocket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#bytes + (this.#socket.bufferedAmount ?? 0);
  }

  add(packet: Uint8Array): void {
    if (this.#packets.length === 0) queueMicrotask(() => this.flush());
    this.#packets.push(packet);
    this.#bytes += packet.length;
    if (this.#bytes >= FRAME_BYTES) this.flush();
  }

  flush(): void {
    if (this.#packets.length === 0) return;
    const frame = this.#packets.length === 1 ? this.#packets[0] as Uint8Array : joined(this.#packets, this.#bytes);
    this.#packets = [];
    this.#bytes = 0;
    // A socket that is closing takes nothing any more and says nothing about it.
    this.#socket.send(frame as Uint8Array<ArrayBuffer>);
  }

  /**
   * Closes after what was sent. Deno has no way to break a socket off: one whose client never reads stays with what
   * waits in it, at most the high-water mark of the broker, until the client or its network goes. The session is free
   * at once all the same.
   */
  close(): void {
    this.flush();
    this.#socket.close(1000);
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
