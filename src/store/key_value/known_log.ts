/** What an owner knows of its log, so that it removes entries without looking at them again. */
import type { ChunkRef } from "./chunk_ref.ts";

/** An entry of the log that its owner has read. */
export interface KnownEntry {
  /** Where its message stands, when it is large. */
  readonly body: ChunkRef | undefined;
  /** Whether it was at most `sentLimit` when it was read: then nobody but the owner can have removed it since. */
  readonly isStarted: boolean;
}

/** The log as far as it was read and not removed: all guards of one owner share it. */
export class KnownLog {
  readonly #entries = new Map<number, KnownEntry>();
  #sentLimit: number;

  constructor(sentLimit: number) {
    this.#sentLimit = sentLimit;
  }

  /** The limit as the owner stored it last. */
  get sentLimit(): number {
    return this.#sentLimit;
  }

  get(sequence: number): KnownEntry | undefined {
    return this.#entries.get(sequence);
  }

  /**
   * Notes an entry that was read.
   *
   * @param sentLimit The limit before the read began. A commit may have raised it since, too late for this entry, or
   *   lowered it.
   */
  note(sequence: number, body: ChunkRef | undefined, sentLimit: number): void {
    const wasStarted = this.#entries.get(sequence)?.isStarted === true;
    const isStarted = wasStarted || sequence <= Math.min(sentLimit, this.#sentLimit);
    this.#entries.set(sequence, { body, isStarted });
  }

  remove(sequence: number): void {
    this.#entries.delete(sequence);
  }

  /** Follows a commit of the owner. Entries above a limit that it lowered may be removed by anybody again. */
  limitTo(sentLimit: number): void {
    const isLowered = sentLimit < this.#sentLimit;
    this.#sentLimit = sentLimit;
    if (!isLowered) return;
    for (const [sequence, { body }] of this.#entries) {
      if (sequence > sentLimit) this.#entries.set(sequence, { body, isStarted: false });
    }
  }
}
