import { randomNumbers } from "../e2e/support/random.ts";

/** Draws from a seed. */
export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomNumbers(seed);
  }

  /** A number from `least` to below `most`. */
  between(least: number, most: number): number {
    return least + this.#next() * (most - least);
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1));
  }

  /** Whether something happens that happens so often in one case. */
  happens(share: number): boolean {
    return this.#next() < share;
  }

  /** One of these. */
  pick<Value>(values: readonly [Value, ...Value[]]): Value {
    // Below the length, and there is at least one.
    return values[Math.floor(this.#next() * values.length)] as Value;
  }

  /** One of these, each as likely as its weight says. */
  weighed<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    // The entries of a record by its own names.
    const entries = Object.entries(weights) as [Name, number][];
    let point = this.#next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      point -= weight;
      if (point < 0) return name;
    }
    return entries[0]?.[0] as Name;
  }

  /** Another source of chance, so that who draws from it does not depend on who draws from this one. */
  fork(): Chance {
    return new Chance(Math.floor(this.#next() * 2 ** 31));
  }
}
