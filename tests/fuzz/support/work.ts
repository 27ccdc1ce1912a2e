/**
 * Counts the work that code does on texts, since clocks tell of the machine: calls of the methods of texts and of lists,
 * and the characters that those of texts look at, make or leave.
 */

/** What was done. */
export interface Work {
  readonly calls: number;
  readonly characters: number;
}

const TEXT_METHODS = [
  "split",
  "slice",
  "indexOf",
  "includes",
  "startsWith",
  "endsWith",
  "isWellFormed",
  "charCodeAt",
] as const;
const LIST_METHODS = ["map", "join", "push", "sort", "entries", "includes"] as const;

/** Looks at no more than what it is asked for. */
const SHORT: readonly string[] = ["charCodeAt", "startsWith", "endsWith"];

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Runs a call and counts. */
export function workOf(run: () => unknown): Work {
  let calls = 0;
  let characters = 0;
  const restore: (() => void)[] = [];
  const watch = (prototype: object, name: string, sizeOf: (self: unknown, result: unknown) => number): void => {
    // Every name stands for a method of the platform.
    const method = Reflect.get(prototype, name) as Method;
    restore.push(() => Reflect.set(prototype, name, method));
    Reflect.set(prototype, name, function (this: unknown, ...args: unknown[]): unknown {
      const result = Reflect.apply(method, this, args);
      calls++;
      characters += sizeOf(this, result);
      return result;
    });
  };
  for (const name of TEXT_METHODS) {
    watch(String.prototype, name, (self, result) => {
      if (SHORT.includes(name)) return 1;
      // What was searched ends where something was found.
      if (name === "indexOf" && typeof result === "number" && result >= 0) return 1;
      return name === "slice" ? String(result).length : String(self).length;
    });
  }
  for (const name of LIST_METHODS) watch(Array.prototype, name, () => 0);
  try {
    run();
  } finally {
    for (const each of restore) each();
  }
  return { calls, characters };
}
