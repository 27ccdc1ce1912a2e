/**
 * What MQTT.js takes for its network: a watched link, opened when it may.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { WatchedLink } from "./watched_link.ts";

/** What the stream asks of its maker. */
export interface StreamEvents {
  /** Connects; `undefined` when that came to nothing. */
  open(stream: MqttjsStream): Promise<WatchedLink | undefined>;
}

/** One connection of MQTT.js. */
export class MqttjsStream extends Duplex {
  readonly #opening: Promise<void>;
  #link: WatchedLink | undefined;

  constructor(events: StreamEvents) {
    super();
    this.#opening = events.open(this).then((link) => {
      if (this.destroyed) link?.cut();
      else if (link === undefined) this.destroy();
      else this.#link = link;
    });
  }

  /** Bytes came. */
  got(bytes: Uint8Array): void {
    if (!this.destroyed) this.push(Buffer.from(bytes));
  }

  /** Nothing comes any more. */
  lost(): void {
    this.destroy();
  }

  override _read(): void {
    // Whatever comes is pushed at once.
  }

  override _write(chunk: Buffer, _encoding: unknown, done: (error?: Error) => void): void {
    this.#hand(chunk, done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: (error?: Error) => void): void {
    this.#hand(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.#opening.then(() => {
      this.#link?.leave();
      done();
    });
  }

  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    this.#link?.leave();
    done();
  }

  #hand(bytes: Buffer, done: () => void): void {
    this.#opening.then(() => {
      this.#link?.send(bytes);
      done();
    });
  }
}
