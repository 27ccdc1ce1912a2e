import type { MqttJsPacket } from "./client.ts";

type Listener = (value?: unknown) => void;

/**
 * What MQTT.js uses of the stream of a store: `read`, `destroy` and a few events. Not a stream of Node, which no browser
 * has.
 *
 * MQTT.js reads one packet, and the next when that one is acknowledged. Here its reader is called for each packet that may
 * be sent by now, as if each made the stream readable anew: so one that is never acknowledged holds up no other.
 */
export class ReplayStream {
  readonly #listeners = new Map<string, Set<Listener>>();
  #reader: Listener | undefined;
  #next: MqttJsPacket | undefined;
  #isOpen = true;
  #closed: () => void = () => {};
  /** Ends when nobody reads any more. */
  readonly closed: Promise<void> = new Promise((resolve) => this.#closed = resolve);

  /** Whether anybody still reads. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Listens to `data`, `readable`, `end`, `error` or `close`. */
  on(event: string, listener: Listener): this {
    if (event === "readable") {
      this.#reader = listener;
    } else {
      const listeners = this.#listeners.get(event) ?? new Set();
      this.#listeners.set(event, listeners.add(listener));
    }
    return this;
  }

  /** As `on`: what is told of more than once is `readable`, and whoever reads may read as often as there is something. */
  once(event: string, listener: Listener): this {
    return this.on(event, listener);
  }

  /** Listens no more. */
  removeListener(event: string, listener: Listener): this {
    this.#listeners.get(event)?.delete(listener);
    return this;
  }

  /** The packet that is to be sent now; `null` while there is none. */
  read(_size?: number): MqttJsPacket | null {
    const next = this.#next ?? null;
    this.#next = undefined;
    return next;
  }

  /** Nothing is read any more. */
  destroy(): this {
    if (!this.#isOpen) return this;
    this.#close();
    queueMicrotask(() => this.#emit("close"));
    return this;
  }

  /** Hands a packet to whoever reads. */
  push(packet: MqttJsPacket): void {
    if (!this.#isOpen) return;
    if (this.#listeners.has("data")) return this.#emit("data", packet);
    this.#next = packet;
    if (this.#reader !== undefined) guarded(this.#reader);
  }

  /** That was all. */
  finish(): void {
    if (!this.#isOpen) return;
    this.#close();
    this.#emit("end");
  }

  #close(): void {
    this.#isOpen = false;
    this.#next = undefined;
    this.#closed();
  }

  #emit(event: string, value?: unknown): void {
    for (const listener of [...this.#listeners.get(event) ?? []]) guarded(listener, value);
  }
}

/** Calls a listener. What it throws is its own, and nothing of it stops what is sent. */
function guarded(listener: Listener, value?: unknown): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
