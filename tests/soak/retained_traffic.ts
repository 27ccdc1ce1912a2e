/**
 * What is retained, and who asks for it: as its oracle wants it, everything is published with RETAIN 1, now and then to
 * remove what is there.
 *
 * @module
 */
import type { ISubscription } from "mqtt-packet";
import type { Chance } from "./chance.ts";
import type { Draft, Talk } from "./traffic.ts";

const TOPICS = ["one", "two", "three", "four"] as const;

/** The topics of an epoch under which something may be retained. */
export function retainedTopics(root: string): readonly string[] {
  return TOPICS.map((name) => `${root}/${name}`);
}

/** Draws for one client. All it says stays under the topics of its epoch. */
export class RetainedTraffic implements Talk {
  readonly #root: string;
  readonly #name: string;
  readonly #chance: Chance;
  #count = 0;

  constructor(root: string, name: string, chance: Chance) {
    this.#root = root;
    this.#name = name;
    this.#chance = chance;
  }

  message(): Draft {
    const chance = this.#chance;
    const [topic, qos] = [`${this.#root}/${chance.pick(TOPICS)}`, chance.pick([1, 2] as const)];
    if (chance.happens(0.15)) return { topic, qos, retain: true, text: "" };
    const filler = chance.happens(0.95) ? chance.whole(0, 100) : chance.whole(20_000, 60_000);
    const text = `${this.#name}.${++this.#count} ${".".repeat(filler)}`;
    return { topic, qos, retain: true, text, ...(chance.happens(0.1) ? { expiry: chance.whole(1, 5) } : {}) };
  }

  /** The oracle of retained messages knows nothing of Wills. */
  will(): undefined {}

  subscription(): ISubscription {
    const chance = this.#chance;
    const name = chance.weighed({ exact: 5, each: 2, all: 2 });
    const topic = name === "exact" ? chance.pick(TOPICS) : name === "each" ? "+" : "#";
    return {
      topic: `${this.#root}/${topic}`,
      qos: chance.pick([1, 2]),
      // Of what is not sent to its publisher nobody can say what is the last.
      nl: false,
      rap: chance.happens(0.5),
      rh: 0,
    };
  }

  /** All that is retained in the end comes once more, and is judged. */
  last(): ISubscription {
    return { topic: `${this.#root}/#`, qos: 2, nl: false, rap: true, rh: 0 };
  }
}
