/**
 * The records that a group of batches looks at, as read, and as they will be once what was planned is committed.
 */
import type { WaitingCopy } from "../room.ts";
import type { ChunkRef } from "./chunk_ref.ts";
import type { GateRecord } from "./gate.ts";
import type { HeadRecord } from "./head.ts";
import type { OutboxRecord } from "./outbox_row.ts";

/** An entry of a log that an appender could take out. */
export interface WaitingEntry extends WaitingCopy {
  readonly sequence: number;
  readonly body: ChunkRef | undefined;
}

/** A map whose writes stay apart from the one below it. */
class Layer<Value> {
  readonly #own = new Map<string, Value>();
  readonly #below: Layer<Value> | undefined;

  constructor(below?: Layer<Value>) {
    this.#below = below;
  }

  get(key: string): Value | undefined {
    return this.#own.has(key) ? this.#own.get(key) : this.#below?.get(key);
  }

  set(key: string, value: Value): void {
    this.#own.set(key, value);
  }

  /** Moves all own writes to the map below. */
  sink(): void {
    for (const [key, value] of this.#own) this.#below?.set(key, value);
    this.#own.clear();
  }
}

/** What is known of the store, by key. */
export class World {
  /** As stored: `null` for a key that does not exist, nothing for one that was not read. */
  readonly versions: Map<string, string | null>;
  /** Keys that were not read, but taken from what an owner knows: right if a commit checks them. */
  readonly assumed: Set<string>;
  readonly heads: Layer<HeadRecord | undefined>;
  readonly gates: Layer<GateRecord | "unreadable" | undefined>;
  readonly outbox: Layer<OutboxRecord | undefined>;
  /** By the key of the gate: in order of sequence; `undefined` once the gate was read again. */
  readonly waiting: Layer<readonly WaitingEntry[] | undefined>;
  /** By the key of the row: entries that an earlier batch of the same commit takes out. */
  readonly dropped: Layer<true>;
  /** Queue rows of an owner that it is about to delete. */
  readonly bodies: Map<string, ChunkRef>;

  constructor(below?: World) {
    this.versions = below?.versions ?? new Map();
    this.assumed = below?.assumed ?? new Set();
    this.bodies = below?.bodies ?? new Map();
    this.heads = new Layer(below?.heads);
    this.gates = new Layer(below?.gates);
    this.outbox = new Layer(below?.outbox);
    this.waiting = new Layer(below?.waiting);
    this.dropped = new Layer(below?.dropped);
  }

  /** The version to check: what the key had when it was read. */
  versionOf(key: string): string | null {
    return this.versions.get(key) ?? null;
  }

  /** Takes a version from what an owner knows. */
  assume(key: string, version: string): void {
    this.versions.set(key, version);
    this.assumed.add(key);
  }

  /** Has a key read before anything else is made of it, if it was not. */
  lookAgain(key: string): void {
    if (this.assumed.delete(key)) this.versions.delete(key);
  }

  /** Notes what a read found, or a commit left, under a key: a version, or nothing. */
  committed(key: string, version: string | null): void {
    this.versions.set(key, version);
    this.assumed.delete(key);
  }

  /** Keeps what was planned on top of the world below. */
  sink(): void {
    this.heads.sink();
    this.gates.sink();
    this.outbox.sink();
    this.waiting.sink();
    this.dropped.sink();
  }
}
