import type { ServerPacket } from "../mqtt/packet.ts";
import type { Transport } from "./transport.ts";

/** A transport that may be gone: what it throws is a loss, and what comes afterwards is left out. */
export class Line {
  readonly #transport: Transport;
  #gone = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Whether nothing can be sent any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Sends a packet. `lost` when the transport broke just now. */
  send(packet: ServerPacket): "sent" | "gone" | "lost" {
    if (this.#gone) return "gone";
    try {
      this.#transport.send(packet);
      return "sent";
    } catch {
      return "lost";
    }
  }

  /** Closes the transport, once. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    try {
      this.#transport.close();
    } catch {
      // It is gone either way.
    }
  }

  /** The transport is gone by itself. Returns whether that is news. */
  lose(): boolean {
    if (this.#gone) return false;
    this.#gone = true;
    return true;
  }
}
