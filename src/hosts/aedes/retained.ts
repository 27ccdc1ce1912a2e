import { SessionError } from "../../errors.ts";
import { persistently } from "../../runtime/within.ts";
import type { RetainedPut, RetainedQuery } from "../../store/retained_store.ts";
import type { ResolvedAedesOptions } from "./options.ts";
import type { AedesPacket } from "./packets.ts";
import { messageOf, retainedPacket } from "./translation.ts";

interface Waiting {
  readonly put: RetainedPut;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The most puts of one call, and a page of what is read. */
const PUTS_PER_CALL = 256;
const PAGE = { messages: 128, bytes: 1_048_576 } as const;

/** Retained messages. */
export class AedesRetained {
  readonly #options: ResolvedAedesOptions;
  readonly #writer: string;
  readonly #waiting: Waiting[] = [];
  #number = 0;
  #isWriting = false;

  constructor(options: ResolvedAedesOptions) {
    this.#options = options;
    this.#writer = options.environment.randomId();
  }

  /** Puts a message in the place of what is retained for its topic; one without payload removes it. */
  put(packet: AedesPacket): Promise<void> {
    return new Promise((resolve, reject) => {
      const message = messageOf(packet, "retained", this.#options.environment.now(), Infinity);
      this.#waiting.push({ put: { message }, resolve, reject });
      if (!this.#isWriting) void this.#write();
    });
  }

  /** What is retained for any of the filters, each message once. */
  async *match(filters: readonly string[]): AsyncGenerator<AedesPacket> {
    const { environment, retained, asBuffer } = this.#options;
    const seen = new Set<string>();
    let queries: RetainedQuery[] = filters.map((filter) => ({ filter, after: "", ...PAGE }));
    while (queries.length > 0) {
      const asked = queries;
      const read = (signal: AbortSignal) => retained.match(asked, { now: environment.now(), signal });
      const pages = await persistently(this.#options, "read what is retained", read);
      for (const { entries } of pages) {
        for (const { message } of entries) {
          if (seen.has(message.topic)) continue;
          if (filters.length > 1) seen.add(message.topic);
          yield retainedPacket(message, asBuffer);
        }
      }
      queries = asked.flatMap((query, index) => {
        const after = pages[index]?.after;
        return after === undefined ? [] : [{ ...query, after }];
      });
    }
  }

  /** Puts what waits, one call after the other: a store tells a late call by its number. It never rejects. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    const { environment, retained, retainedLimits } = this.#options;
    // Whoever else puts in this turn may still join.
    await undefined;
    while (this.#waiting.length > 0) {
      const puts = this.#waiting.splice(0, PUTS_PER_CALL);
      try {
        const outcomes = await persistently(
          this.#options,
          "retain",
          (signal) =>
            retained.put(puts.map(({ put }) => put), {
              limits: retainedLimits,
              order: { writer: this.#writer, number: ++this.#number },
              now: environment.now(),
              signal,
            }),
        );
        for (const [index, { resolve, reject }] of puts.entries()) {
          if (outcomes[index] === "full") reject(new SessionError("LIMIT_EXCEEDED", "Cannot retain: no room is left"));
          else resolve();
        }
      } catch (error) {
        for (const { reject } of puts) reject(error);
      }
    }
    this.#isWriting = false;
  }
}
