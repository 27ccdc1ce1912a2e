import { SessionError } from "../../errors.ts";
import { type Deferred, deferred } from "../../store/deferred.ts";
import type { Check, Mutation } from "../../store/key_value/driver.ts";
import { OrderedRows } from "../../store/key_value/ordered_rows.ts";
import { uniqueText } from "../../store/unique.ts";
import { decodeImage, encodeImage, type Image, IMAGE_BYTES, rowBytes } from "./image.ts";
import { isTooOften, type KvClock, type KvNamespaceLike, MAX_VALUE_BYTES, unavailable } from "./platform.ts";

/** A version of a value that is known to have been written. */
export interface KnownVersion {
  /** Counts the writes of the value. */
  readonly version: number;
  /** When it vanishes by its expiration, by the store's clock; absent: never. */
  readonly vanishesAt?: number;
}

/** What a value is kept with. */
export interface KvValueParts {
  readonly kv: KvNamespaceLike;
  readonly key: string;
  readonly expirationTtl: number | undefined;
  /** What is known to stand there. */
  readonly known: Map<string, KnownVersion>;
  readonly writeEveryMs: number;
  readonly refusedWrites: number;
  readonly clock: KvClock;
}

/** A commit that stands in the rows, and in no value yet. */
interface Waiting extends Deferred<{ readonly version: string } | undefined> {
  readonly number: number;
  readonly version: string;
}

/** What stands in the value: nothing without bytes. */
interface Found extends Image {
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/**
 * One value of Workers KV: its rows in memory, and the writes of it, one at a time and no faster than the key may be
 * written.
 *
 * What a commit has changed is read by nobody before a write has confirmed it: whoever asks for such rows waits. Before each
 * write the value is looked at. Where another writer has written it meanwhile, as far as this place can see, its rows take
 * the place of these, and what waits is judged anew by who asked for it. Where a write fails, the rows are again those that
 * were confirmed last.
 */
export class KvValue {
  readonly #parts: KvValueParts;
  readonly #writer = uniqueText();
  /** As it was read or confirmed last, and so known to have stood there. */
  #confirmed: Omit<Found, "rows"> = { version: 0, writer: "", bytes: undefined };
  #opening: Promise<OrderedRows> | undefined;
  /** With all commits that wait. */
  #rows = this.#noRows();
  #bytes = IMAGE_BYTES;
  /** Keys that a commit has changed which is not confirmed, and the number of the latest. */
  readonly #unconfirmed = new Map<string, number>();
  #waiting: Waiting[] = [];
  #lastCommit = 0;
  #lastVersion = 0;
  #isWriting = false;
  /** When the value was read, until it is written: so soon after that nobody need look once more. */
  #readAt = -Infinity;
  /** Settles with the next write, however it goes. */
  #turn = deferred<void>();
  #lastWriteAt = -Infinity;
  /** How often in a row a write was turned away. */
  #refused = 0;

  constructor(parts: KvValueParts) {
    this.#parts = parts;
  }

  /** The rows, once nothing of what `concerns` them is unconfirmed. */
  async confirmed(concerns: (key: string) => boolean): Promise<OrderedRows> {
    await this.#open();
    while ([...this.#unconfirmed.keys()].some(concerns)) await this.#turn.promise;
    return this.#rows;
  }

  /** Changes rows; ends once that is confirmed, or with `undefined` where a check fails or another writer came first. */
  async commit(
    checks: readonly Check[],
    mutations: readonly Mutation[],
  ): Promise<{ readonly version: string } | undefined> {
    await this.#open();
    const rows = this.#rows;
    const bytes = this.#bytes + growth(rows, mutations);
    const isMore = mutations.some(({ type }) => type === "set") && bytes > MAX_VALUE_BYTES;
    // Only what would be carried out can be too much.
    if (isMore && rows.commit(checks, []) !== undefined) {
      const found = `all of the store would take ${bytes} bytes, and a value of Workers KV holds ${MAX_VALUE_BYTES}`;
      throw new SessionError("LIMIT_EXCEEDED", `Cannot commit: ${found}`, { key: this.#parts.key });
    }
    const committed = rows.commit(checks, mutations);
    if (committed === undefined || mutations.length === 0) return committed;
    this.#bytes = bytes;
    const number = ++this.#lastCommit;
    for (const { key } of mutations) this.#unconfirmed.set(key, number);
    const waiting = { ...deferred<{ readonly version: string } | undefined>(), number, ...committed };
    this.#waiting.push(waiting);
    void this.#writeAll();
    return await waiting.promise;
  }

  async #open(): Promise<void> {
    this.#opening ??= this.#read().then(({ rows }) => rows);
    try {
      await this.#opening;
    } catch (error) {
      // The next call reads once more.
      this.#opening = undefined;
      throw error;
    }
  }

  /** Reads the value, and begins with its rows. */
  async #read(): Promise<Image> {
    const { key } = this.#parts;
    const found = await this.#look("read");
    const least = this.#least();
    if (found.version < least) {
      const what = found.version === 0 ? "nothing" : `version ${found.version}`;
      const message = `Cannot read ${key}: found ${what}, and version ${least} is known: Workers KV is behind`;
      throw new SessionError("STORE_UNAVAILABLE", message, { key });
    }
    this.#adopt(found);
    return found;
  }

  async #look(what: string): Promise<Found> {
    const { kv, key } = this.#parts;
    const value = await kv.get(key, { type: "arrayBuffer" }).catch((cause: unknown) => {
      throw unavailable(what, cause);
    });
    const rows = this.#noRows();
    if (value === null) return { version: 0, writer: "", rows, bytes: undefined };
    const bytes = new Uint8Array(value);
    return { ...await decodeImage(key, bytes, rows), bytes };
  }

  /** Goes on with what stands in the value. */
  #adopt({ version, writer, rows, bytes }: Found): void {
    this.#confirmed = { version, writer, bytes };
    // It was written before it was read, and so vanishes sooner, if anything.
    if (bytes !== undefined) this.#note(version);
    this.#begin(rows);
    this.#readAt = this.#parts.clock.now();
  }

  /** The version that is known to stand there still. */
  #least(): number {
    const { key, known, clock } = this.#parts;
    const { version, vanishesAt = Infinity } = known.get(key) ?? { version: 0 };
    return clock.now() < vanishesAt ? version : 0;
  }

  #note(version: number): void {
    if (version <= this.#least()) return;
    const { key, known, clock, expirationTtl } = this.#parts;
    const vanishes = expirationTtl === undefined ? {} : { vanishesAt: clock.now() + expirationTtl * 1_000 };
    known.set(key, { version, ...vanishes });
  }

  /** None yet; no version of a row comes again, here or in another object. */
  #noRows(): OrderedRows {
    return new OrderedRows(() => `${this.#writer}.${(++this.#lastVersion).toString(36)}`);
  }

  #begin(rows: OrderedRows): void {
    this.#rows = rows;
    this.#bytes = sizeOf(rows);
    this.#unconfirmed.clear();
  }

  async #writeAll(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      await this.#pace();
      await this.#write();
      const turn = this.#turn;
      this.#turn = deferred();
      turn.resolve();
    }
    this.#isWriting = false;
  }

  async #pace(): Promise<void> {
    const { clock, writeEveryMs } = this.#parts;
    const wait = this.#lastWriteAt + writeEveryMs - clock.now();
    if (wait > 0) await clock.wait(wait);
  }

  /** Writes all that waits, unless another writer came first. Never rejects: who waits is told. */
  async #write(): Promise<void> {
    let taken: readonly Waiting[] = [];
    const version = this.#confirmed.version + 1;
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      if (await this.#isOvertaken()) return;
      taken = this.#waiting;
      this.#waiting = [];
      bytes = await encodeImage({ version, writer: this.#writer, rows: this.#rows });
    } catch (error) {
      return await this.#fail(taken, unavailable("look at the value before writing it", error));
    }
    try {
      await this.#put(bytes);
    } catch (cause) {
      if (!isTooOften(cause)) {
        // It may stand there: so the next version is another one.
        this.#confirmed = { ...this.#confirmed, version, writer: this.#writer };
        const unknown = new SessionError("OUTCOME_UNKNOWN", "Cannot write: Workers KV failed", { cause });
        return await this.#fail(taken, unknown);
      }
      if (++this.#refused > this.#parts.refusedWrites) {
        return await this.#fail(taken, unavailable("write: the key is written too often", cause));
      }
      // Whoever was faster may have written anything: it is looked at before the next attempt.
      this.#waiting = [...taken, ...this.#waiting];
      return;
    }
    this.#refused = 0;
    this.#confirmed = { version, writer: this.#writer, bytes };
    this.#note(version);
    const upTo = taken.at(-1)?.number ?? 0;
    for (const [key, number] of this.#unconfirmed) if (number <= upTo) this.#unconfirmed.delete(key);
    for (const { resolve, version } of taken) resolve({ version });
  }

  /** Whether somebody else has written the value since, as far as can be seen here: then that is gone on with. */
  async #isOvertaken(): Promise<boolean> {
    const { clock, writeEveryMs } = this.#parts;
    const isFresh = clock.now() < this.#readAt + writeEveryMs;
    this.#readAt = -Infinity;
    if (isFresh) return false;
    const found = await this.#look("look");
    const { version, writer } = this.#confirmed;
    const isOther = found.writer !== this.#writer && (found.version !== version || found.writer !== writer);
    // What is older is only late.
    if (!isOther || found.version < version) return false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#adopt(found);
    for (const { resolve } of waiting) resolve(undefined);
    return true;
  }

  async #put(bytes: Uint8Array): Promise<void> {
    const { kv, key, expirationTtl, clock } = this.#parts;
    try {
      await kv.put(key, bytes, expirationTtl === undefined ? {} : { expirationTtl });
    } finally {
      this.#lastWriteAt = clock.now();
    }
  }

  /** What was taken may stand there or not; what waits behind it was never sent. The rows are again the confirmed ones. */
  async #fail(taken: readonly Waiting[], error: SessionError): Promise<void> {
    const { bytes } = this.#confirmed;
    const rows = this.#noRows();
    if (bytes !== undefined) await decodeImage(this.#parts.key, bytes, rows);
    // Together with the rows that they were judged by, in one turn.
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#refused = 0;
    this.#begin(rows);
    for (const { reject } of taken) reject(error);
    const behind = new SessionError("STORE_UNAVAILABLE", "Cannot write: what came before failed", { cause: error });
    for (const { reject } of waiting) reject(behind);
  }
}

/** How many bytes the rows grow by. */
function growth(rows: OrderedRows, mutations: readonly Mutation[]): number {
  let bytes = 0;
  for (const mutation of mutations) {
    const before = rows.get(mutation.key);
    if (before !== undefined) bytes -= rowBytes(mutation.key, before.value);
    if (mutation.type === "set") bytes += rowBytes(mutation.key, mutation.value);
  }
  return bytes;
}

function sizeOf(rows: OrderedRows): number {
  let bytes = IMAGE_BYTES;
  for (const key of rows.keys) {
    const row = rows.get(key);
    if (row !== undefined) bytes += rowBytes(key, row.value);
  }
  return bytes;
}
