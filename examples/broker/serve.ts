/**
 * WebSocket to connection and back.
 *
 * @module
 */
import type { SessionBroker } from "@edge-mqtt/session";
import { encode, PacketReader } from "./codec.ts";
import { PacketInput, PacketOutput } from "./packets.ts";

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
    let input: PacketInput | undefined;
    // Not before the handshake is done: nothing can be sent until then.
    socket.onopen = () => {
      const connection = this.#broker.accept({
        send: (packet) => output.add(encode(packet, reader.version)),
        close: () => output.close(),
        bufferedBytes: () => output.bufferedBytes,
      });
      input = new PacketInput(connection, reader, this.#bounds.maxInputBytes);
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

function text(status: number, line: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${line}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}
