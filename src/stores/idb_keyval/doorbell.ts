import type { BroadcastChannelLike, IndexedDbPlatform } from "./platform.ts";

/** A watcher of a key. */
interface Watcher {
  readonly key: string;
  readonly wake: () => void;
}

/** How a {@linkcode Doorbell} is made. */
export interface DoorbellOptions {
  /** The name of the channel. */
  readonly name: string;
  /** Where the channel is found. */
  readonly platform: () => IndexedDbPlatform;
  /** How the keys begin that anybody watches: to tell of every write would cost a write half as much again. */
  readonly watched: string;
}

/** Tells whoever watches a key that it was written: in this page at once, in others through a `BroadcastChannel`. */
export class Doorbell {
  readonly #name: string;
  readonly #watched: string;
  readonly #platform: () => IndexedDbPlatform;
  readonly #watchers = new Set<Watcher>();
  #channel: BroadcastChannelLike | undefined;
  #isOpened = false;
  #isClosed = false;

  constructor({ name, platform, watched }: DoorbellOptions) {
    this.#name = name;
    this.#watched = watched;
    this.#platform = platform;
  }

  /** Tells of keys that were written. */
  ring(written: readonly string[]): void {
    const keys = written.filter((key) => key.startsWith(this.#watched));
    if (keys.length === 0 || this.#isClosed) return;
    this.#wake(keys);
    this.#open()?.postMessage(keys);
  }

  /** Yields after a key was written; several writes may be told at once. */
  async *watch(key: string, signal: AbortSignal): AsyncGenerator<void, void> {
    if (signal.aborted || this.#isClosed) return;
    this.#open();
    let hasNews = false;
    let goOn = (): void => {};
    const watcher: Watcher = { key, wake: () => (hasNews = true, goOn()) };
    const end = (): void => goOn();
    this.#watchers.add(watcher);
    signal.addEventListener("abort", end);
    try {
      for (;;) {
        if (!hasNews && !signal.aborted) await new Promise<void>((resolve) => goOn = resolve);
        if (signal.aborted || this.#isClosed) return;
        hasNews = false;
        yield;
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener("abort", end);
    }
  }

  /** Ends all watches. */
  close(): void {
    this.#isClosed = true;
    this.#channel?.close();
    for (const { wake } of this.#watchers) wake();
  }

  /** The channel, opened when it is first needed; none where the platform has none. */
  #open(): BroadcastChannelLike | undefined {
    if (this.#isOpened) return this.#channel;
    this.#isOpened = true;
    const { BroadcastChannel } = this.#platform();
    if (BroadcastChannel === undefined) return undefined;
    const channel = this.#channel = new BroadcastChannel(this.#name);
    // On Node a channel keeps the process running unless it is told not to.
    (channel as { unref?(): void }).unref?.();
    channel.addEventListener("message", ({ data }) => {
      // Any page of the origin may speak on it: what is no list of keys is for somebody else.
      if (Array.isArray(data)) this.#wake(data);
    });
    return channel;
  }

  #wake(keys: readonly unknown[]): void {
    for (const { key, wake } of this.#watchers) if (keys.includes(key)) wake();
  }
}
