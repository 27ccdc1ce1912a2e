/**
 * Looks up who gets messages: what is asked in one turn of many connections is one question to the store.
 *
 * @module
 */
import type { SubscriptionMatch } from "../routing/resolve.ts";
import { isUnreadable } from "../store/encoding.ts";
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

/** What was found, and which topics the store cannot answer. */
interface Answer {
  readonly matches: Matches;
  readonly failures: ReadonlyMap<string, unknown>;
}

/** A question that is gathered. */
interface Question {
  readonly topics: Set<string>;
  readonly answer: Promise<Answer>;
}

/** Looks topics up. */
export class LookUps {
  readonly #options: LookUpOptions;
  #gathering: Question | undefined;

  constructor(options: LookUpOptions) {
    this.#options = options;
  }

  /** The subscriptions that match each of these topics, or as many of them as fit into one question: the first does. */
  async match(topics: readonly string[]): Promise<Matches> {
    const [first = "", ...rest] = topics;
    let question = this.#gathering;
    if (question === undefined || (question.topics.size >= TOPICS_PER_QUESTION && !question.topics.has(first))) {
      question = this.#begin();
    }
    question.topics.add(first);
    for (const topic of rest) if (question.topics.size < TOPICS_PER_QUESTION) question.topics.add(topic);
    const { matches, failures } = await question.answer;
    if (failures.has(first)) throw failures.get(first);
    return matches;
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

  /** Where a record stands in the way, each topic is asked for alone: the others are not concerned. */
  async #ask(topics: readonly string[]): Promise<Answer> {
    try {
      return { matches: await this.#find(topics), failures: new Map() };
    } catch (error) {
      if (topics.length === 1 || !isUnreadable(error)) throw error;
    }
    const found = await Promise.allSettled(topics.map((topic) => this.#find([topic])));
    const matches = new Map<string, readonly SubscriptionMatch[]>();
    const failures = new Map<string, unknown>();
    for (const [index, topic] of topics.entries()) {
      const each = found[index];
      if (each?.status === "fulfilled") matches.set(topic, each.value.get(topic) ?? []);
      else failures.set(topic, each?.reason);
    }
    return { matches, failures };
  }

  async #find(topics: readonly string[]): Promise<Matches> {
    const { store } = this.#options;
    const lists = await persistently(
      this.#options,
      "match subscriptions",
      (signal) => store.matchSubscriptions(topics, { signal }),
    );
    return new Map(topics.map((topic, index) => [topic, lists[index] ?? []]));
  }
}
