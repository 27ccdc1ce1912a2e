/**
 * Workers KV as it is in production and not in `workerd`: places that see late what others have written, that remember
 * what was not there, and a key that may be written once a second.
 *
 * @module
 */
import type { KvClock, KvNamespaceLike, KvPutOptions } from "../../src/stores/cloudflare_kv/mod.ts";

/** So long a place answers with what it has read before. */
const CACHED_FOR_MS = 60_000;

/** So far apart writes of one key have to be. */
const WRITE_EVERY_MS = 1_000;

/** What goes wrong with a call. */
export type KvFault =
  /** It fails, and nothing happened. */
  | "lost"
  /** It is carried out, and fails all the same. */
  | "unanswered";

interface Stored {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly vanishesAt: number;
}

/** A namespace, with its places and its time. */
export class WorkersKv {
  /** Where time comes from; waiting lets it pass. */
  readonly clock: KvClock;
  /** When a key was written, by time. */
  readonly writes: { readonly key: string; readonly at: number }[] = [];
  /** Writes that were turned away since the key was written too often. */
  refused = 0;
  /** How the next writes go wrong. */
  readonly writeFaults: KvFault[] = [];
  /** How many of the next reads fail. */
  failingReads = 0;
  /** Writes wait for this once they were asked for. */
  held: Promise<void> | undefined;
  #now = 0;
  readonly #stored = new Map<string, Stored>();

  constructor() {
    this.clock = {
      now: () => this.#now,
      wait: async (ms) => {
        await undefined;
        this.pass(ms);
      },
    };
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.#now += ms;
  }

  /** What stands under a key, for a test to look at. */
  bytes(key: string): Uint8Array<ArrayBuffer> | undefined {
    return this.#find(key)?.bytes;
  }

  /** Puts bytes there as a fault of the hardware or another program would. */
  overwrite(key: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.#stored.set(key, { bytes: bytes.slice(), vanishesAt: Infinity });
  }

  /** The namespace as one place sees it. */
  place(): KvNamespaceLike {
    const cached = new Map<string, { readonly found: Stored | undefined; readonly until: number }>();
    const read = (key: string): Stored | undefined => {
      const known = cached.get(key);
      if (known !== undefined && known.until > this.#now) return known.found;
      const found = this.#find(key);
      cached.set(key, { found, until: this.#now + CACHED_FOR_MS });
      return found;
    };
    return {
      get: async (key) => {
        await undefined;
        if (this.failingReads > 0) {
          this.failingReads--;
          throw new Error("KV GET failed: 500 Internal Server Error");
        }
        const found = read(key);
        if (found === undefined || found.vanishesAt <= this.#now) return null;
        return found.bytes.slice().buffer;
      },
      put: async (key, value, options = {}) => {
        await this.held;
        const stored = this.#write(key, value, options);
        // It is seen at once where it was written.
        cached.set(key, { found: stored, until: this.#now + CACHED_FOR_MS });
      },
    };
  }

  #find(key: string): Stored | undefined {
    const found = this.#stored.get(key);
    return found === undefined || found.vanishesAt <= this.#now ? undefined : found;
  }

  #write(key: string, value: Uint8Array, { expirationTtl }: KvPutOptions): Stored {
    const refuse = (status: string): never => {
      throw new Error(`KV PUT failed: ${status}`);
    };
    if (new TextEncoder().encode(key).length > 512) refuse("414 UTF-8 encoded length exceeds key length limit of 512.");
    if (value.length > 26_214_400) refuse("413 Value length exceeds limit of 26214400.");
    if (expirationTtl !== undefined && expirationTtl < 60) refuse("400 Invalid expiration_ttl: must be at least 60.");
    const last = this.writes.findLast((write) => write.key === key);
    if (last !== undefined && this.#now - last.at < WRITE_EVERY_MS) {
      this.refused++;
      refuse("429 Too Many Requests");
    }
    const fault = this.writeFaults.shift();
    if (fault === "lost") refuse("500 Internal Server Error");
    this.writes.push({ key, at: this.#now });
    const vanishesAt = expirationTtl === undefined ? Infinity : this.#now + expirationTtl * 1_000;
    const stored = { bytes: value.slice() as Uint8Array<ArrayBuffer>, vanishesAt };
    this.#stored.set(key, stored);
    if (fault === "unanswered") refuse("503 Service Unavailable");
    return stored;
  }
}
