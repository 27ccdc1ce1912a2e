/**
 * What is said, and to whom: drawn by chance, each text once.
 *
 * @module
 */
import type { ISubscription } from "mqtt-packet";
import type { Chance } from "./chance.ts";

const ROOMS = ["kitchen", "cellar", "attic"] as const;
const THINGS = ["light", "door"] as const;

/** What a client says and asks for. */
export interface Talk {
  /** A message of its own. */
  message(): Draft;
  /** A Will of its own; `undefined` where there are none. */
  will(): Draft | undefined;
  /** A subscription; some overlap. */
  subscription(): ISubscription;
  /** What is asked for on each connection once all faults are over; absent: nothing. */
  last?(): ISubscription;
}

/** A message to publish. */
export interface Draft {
  readonly topic: string;
  /** Who it is, and then what fills it up. */
  readonly text: string;
  readonly qos: 0 | 1 | 2;
  /** Absent: it is not retained. */
  readonly retain?: boolean;
  /** Seconds, in 5.0. */
  readonly expiry?: number;
}

/** The shared groups of an epoch, whose topics begin so. */
export function groupsUnder(root: string): readonly [string, ...string[]] {
  return [`$share/rooms/${root}/attic/#`, `$share/doors/${root}/+/door`];
}

/** Draws for one client. All it says stays under the topics of its epoch. */
export class Traffic implements Talk {
  readonly #root: string;
  readonly #name: string;
  readonly #chance: Chance;
  readonly #shares: number;
  #count = 0;

  /** @param shares How many of its subscriptions are shared ones. */
  constructor(root: string, name: string, chance: Chance, shares = 0) {
    this.#root = root;
    this.#name = name;
    this.#chance = chance;
    this.#shares = shares;
  }

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

  will(): Draft {
    const chance = this.#chance;
    return {
      topic: `${this.#root}/wills/${this.#name}`,
      text: this.#text(`will-${this.#name}`),
      qos: chance.pick([0, 1, 2]),
      ...(chance.happens(0.1) ? { expiry: chance.whole(5, 30) } : {}),
    };
  }

  subscription(): ISubscription {
    const chance = this.#chance;
    if (chance.happens(this.#shares)) {
      return {
        topic: chance.pick(groupsUnder(this.#root)),
        qos: chance.pick([1, 2]),
        nl: false,
        rap: chance.happens(0.5),
        rh: 0,
      };
    }
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
