/** What an owner knows of its log, so that it appends to it and removes from it without looking at it again. */
import type { ChunkRef } from "./chunk_ref.ts";
import type { GateRecord } from "./gate.ts";

/** An entry of the log that its owner has read or appended. */
export interface KnownEntry {
  /** Where its message stands, when it is large. */
  readonly body: ChunkRef | undefined;
  /** The version of its row, which nobody writes a second time: whoever finds it still there may remove it. */
  readonly version: string;
  /** Whether it was at most `sentLimit` when it was known to be there: then nobody but the owner can have removed it since. */
  readonly isStarted: boolean;
}

/** The gate as it was at a version. */
export interface KnownGate {
  readonly gate: GateRecord;
  readonly version: string;
}

/** As many entries are known at most: no more can be in flight. */
export const MOST_KNOWN = 65_535;

/** As many of them at most because they were appended: they are the last to be removed, and must not crowd out others. */
export const MOST_APPENDED = 8_192;

/** The log as far as it was read or appended to, and not removed: all guards of one owner share it. */
export class KnownLog {
  readonly #entries = new Map<number, KnownEntry>();
  #sentLimit: number;
  #gate: KnownGate | undefined;
  #isUndisturbed = false;

  constructor(sentLimit: number) {
    this.#sentLimit = sentLimit;
  }

  /** The limit as the owner stored it last. */
  get sentLimit(): number {
    return this.#sentLimit;
  }

  /** How many entries are known. */
  get size(): number {
    return this.#entries.size;
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
  note(sequence: number, entry: Omit<KnownEntry, "isStarted">, sentLimit: number): void {
    const known = this.#entries.get(sequence);
    if (known === undefined && this.#entries.size >= MOST_KNOWN) return;
    const isStarted = known?.isStarted === true || sequence <= Math.min(sentLimit, this.#sentLimit);
    this.#entries.set(sequence, { ...entry, isStarted });
  }

  /** Notes an entry that a commit of the owner appended, after {@linkcode limitTo} followed that commit. */
  append(sequence: number, entry: Omit<KnownEntry, "isStarted">): void {
    if (this.#entries.size < MOST_APPENDED) this.note(sequence, entry, this.#sentLimit);
  }

  remove(sequence: number): void {
    this.#entries.delete(sequence);
  }

  /** Follows a commit of the owner. Entries above a limit that it lowered may be removed by anybody again. */
  limitTo(sentLimit: number): void {
    const isLowered = sentLimit < this.#sentLimit;
    this.#sentLimit = sentLimit;
    if (!isLowered) return;
    for (const [sequence, entry] of this.#entries) {
      if (sequence > sentLimit) this.#entries.set(sequence, { ...entry, isStarted: false });
    }
  }

  /**
   * The gate, if it is likely to be still the same: it was when it was last read, so that nobody else appends. Where
   * others do, a guess that fails costs more than it saves.
   */
  get likelyGate(): KnownGate | undefined {
    return this.#isUndisturbed ? this.#gate : undefined;
  }

  /** Notes the gate as it was read for an append of the owner. */
  sawGate(known: KnownGate | undefined): void {
    this.#isUndisturbed = known !== undefined && known.version === this.#gate?.version;
    this.#gate = known;
  }

  /** Notes the gate as a commit of the owner left it. */
  leftGate(known: KnownGate): void {
    this.#gate = known;
  }
}
