/**
 * Retained messages of a broker: what is published goes into the store before anybody gets it, and what is read for many
 * sessions is read together.
 *
 * A message is put first and routed then. So a subscription that its look-up does not find yet finds the message itself,
 * for it reads what is retained once it is stored.
 *
 * @module
 */
import { type Message, messageBytes } from "../mqtt/message.ts";
import { parseFilter } from "../mqtt/filter.ts";
import type {
  RetainedOutcome,
  RetainedPage,
  RetainedPut,
  RetainedQuery,
  RetainedStore,
  RetainedTotals,
} from "../store/retained_store.ts";
import type { StoreCallOptions } from "../store/call.ts";
import type { ResolvedOptions } from "./options.ts";
import { RetainedReads } from "./retained_reads.ts";
import { persistently } from "./within.ts";

/** Which retained messages are listed. */
export interface RetainedListQuery extends StoreCallOptions {
  /** A plain Topic Filter. Default: `#`, which names no topic that begins with `$`. */
  readonly filter?: string;
  /** At most this many, from 1 on. Default: 100. */
  readonly limit?: number;
  /** Where the last page ended. */
  readonly cursor?: string;
}

/** A page of retained messages. */
export interface RetainedList {
  /** At most as many as were asked for; there may be none although more follow. */
  readonly messages: readonly Message[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

/** Retained messages, as a person looks at them. */
export interface RetainedAdministration {
  /** Lists messages, page by page, in an order of the store's own. */
  list(query?: RetainedListQuery): Promise<RetainedList>;
  /** Removes all that match, and tells no subscriber. Returns how many there were. */
  clear(filter: string, options?: StoreCallOptions): Promise<number>;
  /** How much is retained. */
  totals(options?: StoreCallOptions): Promise<RetainedTotals>;
}

/** Whether a message may be refused to its publisher, who then hears of it and keeps it. */
export interface RetainTerms {
  readonly refusable: boolean;
  /** For what may come again: a message that was published later stays. */
  readonly unlessLater?: boolean;
}

interface Waiting {
  readonly put: RetainedPut;
  readonly resolve: (outcome: RetainedOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** The most puts of one call, and the most bytes of more than one. */
const PUTS_PER_CALL = 256;
const BYTES_PER_CALL = 1_048_576;
/** A store that is full is swept at most this often; one that is not, now and then. */
const SWEEP_FULL_MS = 1_000;
const SWEEP_MS = 600_000;
const SWEPT_AT_ONCE = 256;
/** How many are looked at and removed at a time. */
const CLEARED_AT_ONCE = 128;

/** The retained messages of one broker. */
export class Retention implements RetainedAdministration {
  readonly reads: RetainedReads;
  readonly #options: ResolvedOptions;
  readonly #store: RetainedStore;
  readonly #writer: string;
  #waiting: Waiting[] = [];
  #isWriting = false;
  #number = 0;
  #sweptAt = -Infinity;

  constructor(options: ResolvedOptions, store: RetainedStore, writer: string) {
    this.#options = options;
    this.#store = store;
    this.#writer = writer;
    this.reads = new RetainedReads(options, store);
  }

  /**
   * Retains a message, or removes what is retained where it has no payload. `refused`: the limits leave no room and the
   * publisher can be told. Where nobody can be told, the message goes its way without being retained; what was retained
   * before is removed, for it is not the last one any more. Rejects when the store does not take it in time.
   */
  async retain(message: Message, { refusable, unlessLater }: RetainTerms): Promise<"retained" | "refused"> {
    const put = { message, ...(unlessLater === true ? { unlessLater } : {}) };
    const reason = this.#isTooLarge(message) ? "tooLarge" : await this.#putWithRoom(put);
    if (reason === undefined) return "retained";
    const { topic, publisher } = message;
    this.#options.observe({ type: "retainedRefused", clientId: publisher, topic, reason });
    if (refusable) return "refused";
    await this.#put({ ...put, message: { ...message, payload: new Uint8Array(), properties: {} } });
    return "retained";
  }

  /** Sweeps if that was long ago. */
  async sweepSometimes(signal: AbortSignal | undefined): Promise<void> {
    if (this.#options.environment.monotonic() - this.#sweptAt < SWEEP_MS) return;
    while (signal?.aborted !== true && await this.#sweep() >= SWEPT_AT_ONCE);
  }

  async list({ filter = "#", limit = 100, cursor = "", signal }: RetainedListQuery = {}): Promise<RetainedList> {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`Cannot list: the limit is ${limit}`);
    const page = await this.#page(plain(filter), cursor, limit, signal);
    const messages = page.entries.map(({ message }) => message);
    return { messages, ...(page.after === undefined ? {} : { cursor: page.after }) };
  }

  async clear(filter: string, { signal }: StoreCallOptions = {}): Promise<number> {
    let cleared = 0;
    for (let after: string | undefined = ""; after !== undefined;) {
      const page: RetainedPage = await this.#page(plain(filter), after, CLEARED_AT_ONCE, signal);
      await Promise.all(page.entries.map(({ message }) => {
        return this.#put({ message: { ...message, payload: new Uint8Array(), properties: {} } });
      }));
      cleared += page.entries.length;
      after = page.after;
    }
    return cleared;
  }

  totals(options?: StoreCallOptions): Promise<RetainedTotals> {
    return this.#store.totals(options);
  }

  async #page(filter: string, after: string, messages: number, signal?: AbortSignal): Promise<RetainedPage> {
    const query: RetainedQuery = { filter, after, messages, bytes: BYTES_PER_CALL };
    const now = this.#options.environment.now();
    const [page] = await this.#store.match([query], { now, ...(signal === undefined ? {} : { signal }) });
    return page ?? { entries: [], unreadable: 0 };
  }

  #isTooLarge(message: Message): boolean {
    if (message.payload.length === 0) return false;
    const { maximumMessageBytes } = this.#options.retainedLimits;
    return messageBytes(message) > Math.min(maximumMessageBytes, this.#store.capabilities.maxMessageBytes);
  }

  /** Puts a message, and once more if there is room after what has expired is gone. */
  async #putWithRoom(put: RetainedPut): Promise<"full" | undefined> {
    if (await this.#put(put) !== "full") return undefined;
    const isSwept = this.#options.environment.monotonic() - this.#sweptAt < SWEEP_FULL_MS;
    if (isSwept || await this.#sweep() === 0) return "full";
    return await this.#put(put) === "full" ? "full" : undefined;
  }

  #put(put: RetainedPut): Promise<RetainedOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ put, resolve, reject });
      this.#write();
    });
  }

  /** One call at a time, so that the last message of a topic is the one that came last. */
  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    // Whoever else is being served in this turn may still join.
    await undefined;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#batchSize());
      try {
        const outcomes = await this.#call(batch.map(({ put }) => put));
        for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] ?? "stored");
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isWriting = false;
  }

  #batchSize(): number {
    let bytes = 0;
    for (const [index, { put }] of this.#waiting.entries()) {
      bytes += messageBytes(put.message);
      if (index >= PUTS_PER_CALL || (bytes > BYTES_PER_CALL && index > 0)) return index;
    }
    return this.#waiting.length;
  }

  #call(puts: readonly RetainedPut[]): Promise<readonly RetainedOutcome[]> {
    const { environment, retainedLimits: limits } = this.#options;
    return persistently(this.#options, "retain messages", (signal) => {
      const order = { writer: this.#writer, number: ++this.#number };
      return this.#store.put(puts, { limits, order, now: environment.now(), signal });
    });
  }

  async #sweep(): Promise<number> {
    const { environment } = this.#options;
    this.#sweptAt = environment.monotonic();
    return await persistently(
      this.#options,
      "sweep retained messages",
      (signal) => this.#store.sweep({ now: environment.now(), limit: SWEPT_AT_ONCE, signal }),
    );
  }
}

function plain(filter: string): string {
  if (parseFilter(filter)?.kind === "plain") return filter;
  throw new TypeError("Cannot look for retained messages: the filter is no plain Topic Filter");
}
