/**
 * A WebSocket client over bare TCP that does not read until it is told to: no WebSocket of a runtime can do that.
 *
 * @module
 */
import type { Packet } from "mqtt-packet";
import { encode } from "./wire_client.ts";

/** Sends packets of 5.0, and leaves all that comes in the socket. */
export class MuteClient implements Disposable {
  readonly #tcp: Deno.TcpConn;

  private constructor(tcp: Deno.TcpConn) {
    this.#tcp = tcp;
  }

  /** Opens a socket; the answer to the handshake is not read either. */
  static async open(url: string): Promise<MuteClient> {
    const { hostname, port, host } = new URL(url);
    const tcp = await Deno.connect({ hostname, port: Number(port) });
    const client = new MuteClient(tcp);
    const lines = [
      "GET /mqtt HTTP/1.1",
      `Host: ${host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==",
      "Sec-WebSocket-Protocol: mqtt",
    ];
    await client.#write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
    return client;
  }

  /** Sends a small packet in a masked frame of its own; a mask of zeros leaves it as it is. */
  async send(packet: Packet): Promise<void> {
    const bytes = encode(packet, 5);
    if (bytes.length > 125) {
      throw new RangeError(`Cannot send ${bytes.length} bytes: the frame is written in the short form`);
    }
    await this.#write(new Uint8Array([0x82, 0x80 + bytes.length, 0, 0, 0, 0, ...bytes]));
  }

  /** Reads until the other side closes the WebSocket, and counts the bytes. */
  async readToEnd(): Promise<number> {
    const buffer = new Uint8Array(65_536);
    let total = 0;
    for (let last: number | null = 0; last !== null;) {
      last = await this.#tcp.read(buffer);
      total += last ?? 0;
      // The close frame with code 1000 is the last that comes before the server waits for ours.
      const tail = buffer.subarray(Math.max(0, (last ?? 0) - 4), last ?? 0);
      if ([0x88, 0x02, 0x03, 0xe8].every((byte, index) => tail[index] === byte)) break;
    }
    return total;
  }

  [Symbol.dispose](): void {
    this.#tcp.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#tcp.write(bytes.subarray(at));
  }
}
