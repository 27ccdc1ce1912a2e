import type { ResolvedOptions } from "./options.ts";
import type { Transport } from "./transport.ts";

/** What is done about a client that does not read. */
export interface SlowReaderOwner {
  /** It has begun. */
  stalled(bufferedBytes: number): void;
  /** It is over. */
  readsAgain(): void;
  /** It lasts too long. */
  gaveUp(): void;
}

/** Watches how much waits in a transport, from the first time that it is too much until it is not. */
export class SlowReader {
  readonly #transport: Transport;
  readonly #options: ResolvedOptions;
  readonly #owner: SlowReaderOwner;
  #since: number | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(transport: Transport, options: ResolvedOptions, owner: SlowReaderOwner) {
    this.#transport = transport;
    this.#options = options;
    this.#owner = owner;
  }

  /** Whether too much waits; from then on the transport is watched. */
  isSlow(): boolean {
    if (this.#stopped || this.#transport.bufferedBytes === undefined) return false;
    const bufferedBytes = this.#buffered();
    const isSlow = bufferedBytes > this.#options.bounds.highWaterBytes;
    if (isSlow && this.#since === undefined) {
      this.#since = this.#options.environment.monotonic();
      this.#owner.stalled(bufferedBytes);
      this.#poll();
    }
    return isSlow;
  }

  /** Looks whether it is over. */
  look(): void {
    if (this.#since === undefined || this.#stopped || this.isSlow()) return;
    this.#since = undefined;
    this.#cancel?.();
    this.#owner.readsAgain();
  }

  /** Ends the watch. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #poll(): void {
    const { environment, bounds } = this.#options;
    this.#cancel = environment.wake(environment.now() + bounds.stallPollMs, () => {
      this.look();
      if (this.#since === undefined || this.#stopped) return;
      if (environment.monotonic() - this.#since < bounds.stallTimeoutMs) return this.#poll();
      this.#owner.gaveUp();
    });
  }

  /** What the transport says; one that cannot say is about to be found closed. */
  #buffered(): number {
    try {
      return this.#transport.bufferedBytes?.() ?? 0;
    } catch {
      return 0;
    }
  }
}
