/**
 * Looks up who gets messages: what is asked in one turn of many connections is one question to the store.
 *
 * @module
 */
import type { SubscriptionMatch } from "../routing/resolve.ts";
import type { SessionStore } from "../store/session_store.ts";
import type { BrokerEnvironment } from "./environment.ts";
import type { Observe } from "./observe.ts";
import { type Persistence, persistently } from "./within.ts";

/** What look-ups need. */
export interface LookUpOptions {
  readonly environment: BrokerEnvironment;
  readonly commit: Persistence;
  readonly store: SessionStore;
  /** Is told when the store begins to fail. */
  readonly observe: Observe;
}

/** The subscriptions that match each topic. */
export type Matches = ReadonlyMap<string, readonly SubscriptionMatch[]>;

/** The most topics of one question. */
const TOPICS_PER_QUESTION = 256;

/** A question that is gathered. */
interface Question {
  readonly topics: Set<string>;
  readonly answer: Promise<Matches>;
}

/** Looks topics up. */
export class LookUps {
  readonly #options: LookUpOptions;
  #gathering: Question | undefined;

  constructor(options: LookUpOptions) {
    this.#options = options;
  }

  /** The subscriptions that match each of these topics, or as many of them as fit into one question: the first does. */
  match(topics: readonly string[]): Promise<Matches> {
    const [first = "", ...rest] = topics;
    let question = this.#gathering;
    if (question === undefined || (question.topics.size >= TOPICS_PER_QUESTION && !question.topics.has(first))) {
      question = this.#begin();
    }
    question.topics.add(first);
    for (const topic of rest) if (question.topics.size < TOPICS_PER_QUESTION) question.topics.add(topic);
    return question.answer;
  }

  #begin(): Question {
    const topics = new Set<string>();
    // The question leaves once all that runs now has asked: nobody waits for it longer than a turn.
    const answer = Promise.resolve().then(() => {
      if (this.#gathering?.topics === topics) this.#gathering = undefined;
      return this.#ask([...topics]);
    });
    return this.#gathering = { topics, answer };
  }

  async #ask(topics: readonly string[]): Promise<Matches> {
    const { environment, commit, store, observe } = this.#options;
    const lists = await persistently(
      environment,
      commit,
      "match subscriptions",
      (signal) => store.matchSubscriptions(topics, { signal }),
      observe,
    );
    return new Map(topics.map((topic, index) => [topic, lists[index] ?? []]));
  }
}
