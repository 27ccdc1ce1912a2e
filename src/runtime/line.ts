import type { ServerPacket } from "../mqtt/packet.ts";
import type { BrokerEnvironment } from "./environment.ts";
import type { Transport } from "./transport.ts";

/** So long may what is sent last wait for the store, in milliseconds: the Session Expiry Interval runs by then. */
const LAST_WORDS_MS = 1_000;

/** A transport that may be gone: what it throws is a loss, and what comes afterwards is left out. */
export class Line {
  readonly #transport: Transport;
  readonly #environment: BrokerEnvironment;
  #cancelClose = () => {};
  #gone = false;
  /** Whether its CONNACK has left. */
  #isAccepted: boolean;

  constructor(transport: Transport, environment: BrokerEnvironment, isAccepted = false) {
    this.#isAccepted = isAccepted;
    this.#transport = transport;
    this.#environment = environment;
  }

  /** Whether nothing can be sent any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /**
   * Sends a packet. `lost` when the transport broke just now.
   *
   * A session may be taken over while its CONNACK waits for a commit: then no DISCONNECT may leave ([MQTT-3.14.0-1]).
   */
  send(packet: ServerPacket): "sent" | "gone" | "lost" {
    if (this.#gone || (packet.type === "disconnect" && !this.#isAccepted)) return "gone";
    if (packet.type === "connack" && packet.reasonCode === 0) this.#isAccepted = true;
    try {
      this.#transport.send(packet);
      return "sent";
    } catch {
      return "lost";
    }
  }

  /** The connection is over: the transport closes after its last words, or soon without them. */
  closeSoon(): void {
    if (this.#gone) return;
    this.#cancelClose();
    this.#cancelClose = this.#environment.wake(this.#environment.now() + LAST_WORDS_MS, () => this.close());
  }

  /** Closes the transport, once. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#cancelClose();
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
    this.#cancelClose();
    return true;
  }
}
