import { SessionError } from "../../../../../src/errors.ts";
import type { SessionStore } from "../../../../../src/store/session_store.ts";

/** A store as a process sees it that may be dead: then nothing of what it asks for happens. */
export function mortal(store: SessionStore): { readonly store: SessionStore; die(): void } {
  let isDead = false;
  const proxy = new Proxy(store, {
    get: (target, name) => {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (isDead) return Promise.reject(new SessionError("CLOSED", "Cannot ask the store: the process is dead"));
        return Reflect.apply(value, target, args);
      };
    },
  });
  return { store: proxy, die: () => isDead = true };
}
