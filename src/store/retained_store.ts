/**
 * The port to what keeps retained messages: one for each topic, apart from all sessions (D12).
 *
 * Every call takes an optional `signal`, checked before anything is sent; an abort after that leaves the outcome of a
 * write unknown. A call that fails throws a `SessionError`: `STORE_UNAVAILABLE` when nothing happened, `OUTCOME_UNKNOWN`
 * when it may have.
 *
 * @module
 */
import type { Message } from "../mqtt/message.ts";
import type { StoreCapabilities } from "./capabilities.ts";
import type { StoreCallOptions } from "./call.ts";

/** What a retained store promises. */
export interface RetainedCapabilities {
  /** What a committed write outlives. */
  readonly durability: StoreCapabilities["durability"];
  /** The largest message that can be stored, in bytes of `messageBytes`. */
  readonly maxMessageBytes: number;
}

/** How much may be retained; `Infinity` where there is no limit. */
export interface RetainedLimits {
  /** The most messages. */
  readonly maximumMessages: number;
  /** The most bytes of `messageBytes`. */
  readonly maximumBytes: number;
}

/** A message that takes the place of whatever is retained for its topic. */
export interface RetainedPut {
  /** One without payload removes what is retained. */
  readonly message: Message;
  /** Leaves a message alone that was published later: for one that may come again, as out of an outbox. */
  readonly unlessLater?: boolean;
}

/**
 * What became of a put. `stored` and `removed` tell what stands now; `outdated`: a later one stands; `full`: a limit would
 * be exceeded, and what was retained for the topic still is.
 */
export type RetainedOutcome = "stored" | "removed" | "outdated" | "full";

/** Who puts, and in which order. */
export interface RetainedOrder {
  /** Unique to this run of a broker. */
  readonly writer: string;
  /**
   * Rises with every call of this writer, repetitions included. A request that was held up on its way, and comes behind a
   * later one of its writer, changes nothing and throws `OUTCOME_UNKNOWN`.
   */
  readonly number: number;
}

/** How messages are put. */
export interface RetainedPutOptions extends StoreCallOptions {
  /** Held to exactly by one writer; several at once may exceed them by what each of them writes in that moment. */
  readonly limits: RetainedLimits;
  /** Fences requests that come late. */
  readonly order: RetainedOrder;
  /** The caller's clock, in epoch milliseconds. */
  readonly now: number;
}

/** Asks for retained messages. */
export interface RetainedQuery {
  /**
   * A plain Topic Filter. Absent for what is retained for every topic, those included that begin with `$`: for those who move
   * messages between stores.
   */
  readonly filter?: string;
  /** Where the last page ended; `""` from the beginning. */
  readonly after: string;
  /** The most messages. */
  readonly messages: number;
  /** The most bytes of `messageBytes`; there may always be one message. */
  readonly bytes: number;
}

/** A retained message, and where it stands among the others. */
export interface RetainedEntry {
  /** What was put last for its topic. */
  readonly message: Message;
  /** A page after this begins behind the message: visible ASCII without spaces, at most 256 characters. */
  readonly position: string;
}

/** A page of retained messages. */
export interface RetainedPage {
  /** In an order of the store's own, always the same. It may be empty though more follow. */
  readonly entries: readonly RetainedEntry[];
  /** Where the next page begins; absent once all of them have been told. */
  readonly after?: string;
  /** Records that could not be read: left where they are, and skipped. */
  readonly unreadable: number;
}

/** When retained messages are asked for. */
export interface RetainedReadOptions extends StoreCallOptions {
  /** Messages that have expired by then, in epoch milliseconds, are as good as gone. */
  readonly now: number;
}

/** How much a sweep may do. */
export interface RetainedSweepOptions extends RetainedReadOptions {
  /** The most messages. */
  readonly limit: number;
}

/** How much is retained. */
export interface RetainedTotals {
  /** Messages, those included that have expired and were not swept. */
  readonly messages: number;
  /** What they count for, in bytes of `messageBytes`. */
  readonly bytes: number;
}

/** A place where retained messages live. A read sees every earlier write. */
export interface RetainedStore {
  /** What this store promises. */
  readonly capabilities: RetainedCapabilities;
  /** Puts messages, each by itself and in their order: the last one of a topic stands. One outcome for each. */
  put(puts: readonly RetainedPut[], options: RetainedPutOptions): Promise<readonly RetainedOutcome[]>;
  /** Reads a page for each query. */
  match(queries: readonly RetainedQuery[], options: RetainedReadOptions): Promise<readonly RetainedPage[]>;
  /** What is retained for each topic; `undefined` where nothing is. */
  read(topics: readonly string[], options: RetainedReadOptions): Promise<readonly (Message | undefined)[]>;
  /** Removes messages that have expired, and what writes that failed have left. Returns how much was done. */
  sweep(options: RetainedSweepOptions): Promise<number>;
  /** How much is retained. */
  totals(options?: StoreCallOptions): Promise<RetainedTotals>;
}
