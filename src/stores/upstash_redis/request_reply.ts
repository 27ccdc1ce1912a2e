/**
 * What a client's pipeline answered, read with suspicion.
 *
 * @module
 */

/** What one command answered. */
export type Answer = { readonly error: string } | { readonly result: unknown };

/**
 * One answer for each of `count` commands; `undefined` if that is not what came. A client that was aborted by its own
 * signal, for one, answers as if there had been a reply.
 */
export function answersOf(executed: unknown, count: number): readonly Answer[] | undefined {
  if (!Array.isArray(executed) || executed.length !== count) return undefined;
  const answers: Answer[] = [];
  for (const each of executed as readonly unknown[]) {
    if (typeof each !== "object" || each === null) return undefined;
    const { error, result }: { error?: unknown; result?: unknown } = each;
    if (typeof error === "string") answers.push({ error });
    else if (error === undefined || error === null) answers.push({ result });
    else return undefined;
  }
  return answers;
}

/** A script's reply, or `undefined` if no script of this store answers so. */
export function scriptReply(result: unknown): string | undefined {
  return typeof result === "string" && result.startsWith("~") ? result : undefined;
}

/** The members of a sorted set; `undefined` if it cannot be told. */
export function membersReply(result: unknown): readonly string[] | undefined {
  return Array.isArray(result) && result.every((member) => typeof member === "string") ? result : undefined;
}

/** Where a scan goes on, and the keys that it found; `undefined` if it cannot be told. */
export function scanReply(result: unknown): readonly string[] | undefined {
  if (!Array.isArray(result) || result.length !== 2) return undefined;
  const [next, keys]: unknown[] = result;
  const found = membersReply(keys);
  // A client that reads values as JSON makes a number of it.
  return /^[0-9]+$/.test(String(next)) && found !== undefined ? [String(next), ...found] : undefined;
}

/**
 * The values of HMGET, in the order of the fields; `undefined` if it cannot be told. The client makes them an object,
 * and `null` if no field is there, or with `automaticDeserialization: false` leaves the array.
 */
export function hmgetReply(result: unknown, fields: readonly string[]): readonly (string | null)[] | undefined {
  if (result === null) return fields.map(() => null);
  if (typeof result !== "object") return undefined;
  let values: readonly unknown[];
  if (Array.isArray(result)) {
    if (result.length !== fields.length) return undefined;
    values = result;
  } else {
    // Nothing inherited: a field may be called `toString`.
    values = fields.map((field) => Object.hasOwn(result, field) ? Reflect.get(result, field) : undefined);
  }
  return values.every((value) => value === null || typeof value === "string") ? values : undefined;
}
