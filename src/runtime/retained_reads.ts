/**
 * Reads retained messages: what many sessions ask in one turn is one question to the store, and what is the same is asked
 * once.
 *
 * @module
 */
import type { Message } from "../mqtt/message.ts";
import type { RetainedPage, RetainedQuery, RetainedStore } from "../store/retained_store.ts";
import type { ResolvedOptions } from "./options.ts";
import { persistently } from "./within.ts";

/** The most pages of one question: none may hold more than the sum of these. */
const QUERIES_PER_QUESTION = 16;

interface Question {
  readonly queries: Map<string, RetainedQuery>;
  readonly answer: Promise<ReadonlyMap<string, RetainedPage>>;
}

/** Reads for all sessions of a node. */
export class RetainedReads {
  readonly #options: ResolvedOptions;
  readonly #store: RetainedStore;
  #gathering: Question | undefined;

  constructor(options: ResolvedOptions, store: RetainedStore) {
    this.#options = options;
    this.#store = store;
  }

  /** A page. */
  async page(query: RetainedQuery): Promise<RetainedPage> {
    const { filter, after, messages, bytes } = query;
    // Neither a filter nor a position holds what stands between them.
    const name = [messages, bytes, after, filter].join("\u0000");
    let question = this.#gathering;
    if (question === undefined || (question.queries.size >= QUERIES_PER_QUESTION && !question.queries.has(name))) {
      question = this.#begin();
    }
    question.queries.set(name, query);
    return (await question.answer).get(name) ?? { entries: [], unreadable: 0 };
  }

  /** What is retained for each topic now. */
  topics(topics: readonly string[]): Promise<readonly (Message | undefined)[]> {
    const { environment } = this.#options;
    return persistently(
      this.#options,
      "read retained messages",
      (signal) => this.#store.read(topics, { now: environment.now(), signal }),
    );
  }

  #begin(): Question {
    const queries = new Map<string, RetainedQuery>();
    // It leaves once all that runs now has asked: nobody waits for it longer than a turn.
    const answer = Promise.resolve().then(async () => {
      if (this.#gathering?.queries === queries) this.#gathering = undefined;
      const { environment } = this.#options;
      const pages = await persistently(
        this.#options,
        "match retained messages",
        (signal) => this.#store.match([...queries.values()], { now: environment.now(), signal }),
      );
      return new Map(
        Array.from(queries.keys(), (name, index) => [name, pages[index] ?? { entries: [], unreadable: 0 }]),
      );
    });
    return this.#gathering = { queries, answer };
  }
}
