import { intercept, type InterceptedCall } from "./intercept.ts";

/**
 * A store, or any other object of async functions, that tells of every call before it is made.
 *
 * @example
 * ```ts
 * import { memoryStore } from "@edge-mqtt/session/memory";
 * import { observedStore } from "@edge-mqtt/session/testing";
 *
 * const names: string[] = [];
 * const store = observedStore(memoryStore(), (call) => names.push(call.name));
 * await store.read("client-1");
 * console.assert(names.join() === "read");
 * ```
 */
export function observedStore<Store extends object>(store: Store, onCall: (call: InterceptedCall) => void): Store {
  return intercept(store, (call, run) => {
    onCall(call);
    return run();
  });
}

/** A store that counts its calls. */
export interface CountingStore<Store> {
  /** What to call. */
  readonly store: Store;
  /** How many calls there were, of one name or of all. */
  count(name?: string): number;
  /** Starts again at 0. */
  reset(): void;
}

/** Counts the calls of a store, or of any other object of async functions such as a driver. */
export function countingStore<Store extends object>(store: Store): CountingStore<Store> {
  const counts = new Map<string, number>();
  return {
    store: observedStore(store, ({ name }) => counts.set(name, (counts.get(name) ?? 0) + 1)),
    count: (name) => {
      if (name !== undefined) return counts.get(name) ?? 0;
      let sum = 0;
      for (const count of counts.values()) sum += count;
      return sum;
    },
    reset: () => counts.clear(),
  };
}
