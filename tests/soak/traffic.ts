/**
 * What is said, and to whom: drawn by chance, each text once.
 *
 * @module
 */
import type { ISubscription } from "mqtt-packet";
import type { Chance } from "./chance.ts";

const ROOMS = ["kitchen", "cellar", "attic"] as const;
const THINGS = ["light", "door"] as const;

/** A message to publish. */
export interface Draft {
  readonly topic: string;
  /** Who it is, and then what fills it up. */
  readonly text: string;
  readonly qos: 0 | 1 | 2;
  /** Seconds, in 5.0. */
  readonly expiry?: number;
}

/** Draws for one client. All it says stays under the topics of its epoch. */
export class Traffic {
  readonly #root: string;
  readonly #name: string;
  readonly #chance: Chance;
  #count = 0;

  constructor(root: string, name: string, chance: Chance) {
    this.#root = root;
    this.#name = name;
    this.#chance = chance;
  }

  /** A message of its own. */
  message(): Draft {
    const chance = this.#chance;
    const expires = chance.happens(0.1);
    return {
      topic: `${this.#root}/${chance.pick(ROOMS)}/${chance.pick(THINGS)}`,
      text: this.#text(this.#name),
      qos: chance.pick([0, 1, 1, 2, 2]),
      ...(expires ? { expiry: chance.whole(1, 5) } : {}),
    };
  }

  /** A Will of its own. */
  will(): Draft {
    const chance = this.#chance;
    return {
      topic: `${this.#root}/wills/${this.#name}`,
      text: this.#text(`will-${this.#name}`),
      qos: chance.pick([0, 1, 2]),
      ...(chance.happens(0.1) ? { expiry: chance.whole(5, 30) } : {}),
    };
  }

  /** A subscription; some overlap. */
  subscription(): ISubscription {
    const chance = this.#chance;
    return {
      topic: this.#filter(),
      qos: chance.pick([0, 1, 2, 2]),
      nl: chance.happens(0.2),
      rap: chance.happens(0.5),
      rh: 0,
    };
  }

  #filter(): string {
    const chance = this.#chance;
    switch (chance.weighed({ exact: 5, room: 2, thing: 2, wills: 2, all: 0.3 })) {
      case "exact":
        return `${this.#root}/${chance.pick(ROOMS)}/${chance.pick(THINGS)}`;
      case "room":
        return `${this.#root}/${chance.pick(ROOMS)}/#`;
      case "thing":
        return `${this.#root}/+/${chance.pick(THINGS)}`;
      case "wills":
        return `${this.#root}/wills/+`;
      case "all":
        return `${this.#root}/#`;
    }
  }

  #text(name: string): string {
    const chance = this.#chance;
    const size = chance.weighed({ small: 90, page: 8, large: 2 });
    const filler = size === "small" ? chance.whole(0, 100) : size === "page" ? 2_000 : chance.whole(20_000, 60_000);
    return `${name}.${++this.#count} ${".".repeat(filler)}`;
  }
}
