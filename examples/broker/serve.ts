/**
 * WebSocket to connection and back.
 *
 * @module
 */
import { REASON, type SessionBroker } from "@edge-mqtt/session";
import { encode, PacketReader } from "./codec.ts";

/** Packets that leave in one turn share a WebSocket frame, up to this size. */
const FRAME_BYTES = 65_536;

/** What a connection may hold in memory before the library sees it. */
export interface InputBounds {
  readonly maxPacketBytes: number;
  readonly maxInputBytes: number;
}

/** Answers HTTP: `/mqtt` becomes a connection of the broker. */
export class MqttOverWebSocket {
  readonly #broker: SessionBroker;
  readonly #bounds: InputBounds;
  readonly #open = new Set<Promise<void>>();

  constructor(broker: SessionBroker, bounds: InputBounds) {
    this.#broker = broker;
    this.#bounds = bounds;
  }

  /** How many sockets are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Ends when all sockets that are open now have been closed by both sides. */
  async closed(): Promise<void> {
    await Promise.all(this.#open);
  }

  /** The answer to a request. */
  handle(request: Request): Response {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return text(200, "An MQTT broker: connect to /mqtt by WebSocket, sub-protocol mqtt.");
    if (pathname !== "/mqtt") return text(404, "Nothing is here: MQTT is at /mqtt.");
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return text(426, "MQTT is spoken by WebSocket here.", { connection: "Upgrade", upgrade: "websocket" });
    }
    const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
    if (!offered.includes("mqtt")) return text(400, "The sub-protocol has to be mqtt.");
    try {
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "mqtt" });
      const open = this.#serve(socket);
      this.#open.add(open);
      open.then(() => this.#open.delete(open));
      return response;
    } catch {
      return text(400, "This is no WebSocket handshake.");
    }
  }

  /** Ties a socket to a new connection; ends when the socket is closed. */
  #serve(socket: WebSocket): Promise<void> {
    socket.binaryType = "arraybuffer";
    const output = new PacketOutput(socket);
    const reader = new PacketReader(this.#bounds.maxPacketBytes);
    let input: Input | undefined;
    // Not before the handshake is done: nothing can be sent until then.
    socket.onopen = () => {
      const connection = this.#broker.accept({
        send: (packet) => output.add(encode(packet, reader.version)),
        close: () => output.close(),
        bufferedBytes: () => output.bufferedBytes,
      });
      input = new Input(connection, reader, this.#bounds.maxInputBytes);
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) input?.bytes(new Uint8Array(data));
      else input?.text();
    };
    return new Promise((resolve) => {
      socket.onclose = () => {
        input?.end();
        resolve();
      };
    });
  }
}

type Connection = ReturnType<SessionBroker["accept"]>;

/**
 * What comes from one client, in order, and no faster than the broker takes it.
 *
 * A WebSocket of Deno cannot be paused: it goes on reading while the broker is busy. So what waits is bounded, and who
 * sends more than that is disconnected; a client that keeps to Receive Maximum and to small messages never gets there.
 * One frame is whole in memory before it can be judged: Deno refuses those above 64 MiB by itself.
 */
class Input {
  readonly #connection: Connection;
  readonly #reader: PacketReader;
  readonly #maxBytes: number;
  /** What ends the input, once all before it has been taken: a fault, or the end of the socket. */
  #last: number | "end" | undefined;
  #pumping = false;

  constructor(connection: Connection, reader: PacketReader, maxBytes: number) {
    this.#connection = connection;
    this.#reader = reader;
    this.#maxBytes = maxBytes;
  }

  bytes(bytes: Uint8Array): void {
    if (this.#last !== undefined) return;
    if (this.#reader.bufferedBytes + bytes.length > this.#maxBytes) {
      this.#reader.clear();
      this.#last = REASON.messageRateTooHigh;
    } else this.#reader.push(bytes);
    this.#pump();
  }

  /** MQTT is carried in binary frames alone ([MQTT-6.0.0-1]). */
  text(): void {
    this.#last ??= REASON.malformedPacket;
    this.#pump();
  }

  /** The socket is gone; what the client sent before still counts, a DISCONNECT above all. */
  end(): void {
    this.#last = "end";
    this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    for (;;) {
      const { packets, fault } = this.#reader.take();
      if (packets.length > 0) await this.#connection.receive(packets);
      if (fault !== undefined) {
        this.#reader.clear();
        this.#last ??= fault;
      } else if (packets.length > 0) continue;
      break;
    }
    this.#pumping = false;
    if (this.#last === "end") this.#connection.closed("transport");
    else if (this.#last !== undefined) this.#connection.malformed(this.#last);
  }
}

/** What goes to one client: the packets of one turn leave together. */
class PacketOutput {
  readonly #socket: WebSocket;
  #packets: Uint8Array[] = [];
  #bytes = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#bytes + this.#socket.bufferedAmount;
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

function text(status: number, line: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${line}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}
