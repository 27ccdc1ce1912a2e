/** A call of an async function of an object. */
export interface InterceptedCall {
  /** The name of the function, with that of the object it belongs to: `commit`, `directory.list`. */
  readonly name: string;
  /** The arguments, as they were given. */
  readonly args: readonly unknown[];
}

/** Stands between a caller and a function: calls `run`, or not, when it likes. */
export type Interceptor = (call: InterceptedCall, run: () => Promise<unknown>) => Promise<unknown>;

/** Functions that do not answer by a promise and are left alone. */
const LEFT_ALONE: ReadonlySet<string> = new Set(["watch"]);

/**
 * An object in the place of another, whose async functions go through an interceptor. Objects in it, such as the
 * directory of a store, are treated alike; `watch` is left alone.
 */
export function intercept<Target extends object>(target: Target, interceptor: Interceptor, prefix = ""): Target {
  const made = new Map<string | symbol, unknown>();
  const make = (property: string | symbol, value: unknown): unknown => {
    if (typeof property === "symbol" || LEFT_ALONE.has(property)) {
      return typeof value === "function" ? value.bind(target) : value;
    }
    const name = prefix + property;
    if (typeof value === "function") {
      return (...args: readonly unknown[]): Promise<unknown> =>
        interceptor({ name, args }, async () => await value.apply(target, args));
    }
    return isPlainObject(value) ? intercept(value, interceptor, `${name}.`) : value;
  };
  // Not a proxy of the target itself, which may be frozen. What the traps answer is what the target has.
  return new Proxy({} as Target, {
    has: (_, property) => property in target,
    get: (_, property) => {
      if (!made.has(property)) made.set(property, make(property, Reflect.get(target, property, target)));
      return made.get(property);
    },
  });
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.values(value).some((part) => typeof part === "function");
}

/** The signal of a call: the member `signal` of its last argument, as every call of a store takes it. */
export function signalOf(call: InterceptedCall): AbortSignal | undefined {
  const last = call.args.at(-1);
  if (typeof last !== "object" || last === null || !("signal" in last)) return undefined;
  return last.signal instanceof AbortSignal ? last.signal : undefined;
}
