/**
 * What a process takes with it when it ends without a word.
 *
 * @module
 */
import { type BrokerEnvironment, systemEnvironment } from "../../src/runtime/environment.ts";
import type { SessionStore } from "../../src/store/session_store.ts";

/** A store that can be cut off: from then on no call reaches it, and none is answered. */
export function mortalStore(store: SessionStore): { readonly store: SessionStore; kill(): void } {
  let isDead = false;
  const never = new Promise<never>(() => {});
  const proxy = new Proxy(store, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (isDead) return never;
        const answer: unknown = member.apply(target, args);
        return answer instanceof Promise ? answer.then((value) => isDead ? never : value) : answer;
      };
    },
  });
  return { store: proxy, kill: () => isDead = true };
}

/** The platform's timers, which can be stopped all at once. */
export function mortalTimers(): { readonly environment: BrokerEnvironment; kill(): void } {
  const system = systemEnvironment();
  const cancels = new Set<() => void>();
  let isDead = false;
  return {
    environment: {
      ...system,
      wake: (at, callback) => {
        if (isDead) return () => {};
        const cancel = system.wake(at, () => {
          cancels.delete(cancel);
          callback();
        });
        cancels.add(cancel);
        return () => {
          cancels.delete(cancel);
          cancel();
        };
      },
    },
    kill() {
      isDead = true;
      for (const cancel of cancels) cancel();
    },
  };
}
