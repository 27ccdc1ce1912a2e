/**
 * A guard against memory that is taken because a record claims to need it.
 *
 * The room for bytes and lists is asked for through two names of the platform, `new Uint8Array(length)` and
 * `Array.from({ length })`. While the guard stands, both refuse more than was agreed, with an error that no code catches
 * for its own.
 */

/** Too much room was asked for. */
export class TooMuchRoom extends Error {}

/** Runs a call in which no list and no byte string of more than `most` may be asked for by its length. */
export function within<Value>(most: number, call: () => Value): Value {
  const lift = guard(most);
  try {
    return call();
  } finally {
    lift();
  }
}

/** As {@linkcode within}, for what takes a promise. Nothing else may run meanwhile. */
export async function withinLater<Value>(most: number, call: () => Promise<Value>): Promise<Value> {
  const lift = guard(most);
  try {
    return await call();
  } finally {
    lift();
  }
}

function guard(most: number): () => void {
  const { Uint8Array: bytes } = globalThis;
  const { from } = Array;
  const checked = (length: unknown): void => {
    if (typeof length === "number" && length > most) {
      throw new TooMuchRoom(`room for ${length}, and ${most} is the most`);
    }
  };
  globalThis.Uint8Array = new Proxy(bytes, {
    construct: (target, args, newTarget) => {
      checked(args[0]);
      return Reflect.construct(target, args, newTarget === globalThis.Uint8Array ? target : newTarget);
    },
  });
  // The overloads of Array.from cannot be said again here; whatever it is given goes on to it.
  Array.from = ((...args: Parameters<typeof from>) => {
    const [items] = args;
    if (!(Symbol.iterator in Object(items))) checked(Reflect.get(items, "length"));
    return from.apply(Array, args);
  }) as typeof from;
  return () => {
    globalThis.Uint8Array = bytes;
    Array.from = from;
  };
}
