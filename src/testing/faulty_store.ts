import { SessionError } from "../errors.ts";
import type { SessionStore } from "../store/session_store.ts";
import { intercept, type InterceptedCall, signalOf } from "./intercept.ts";
import { deferred } from "../store/deferred.ts";

/**
 * What goes wrong with a call.
 *
 * - `failsBefore`: `STORE_UNAVAILABLE`, and nothing happened.
 * - `failsAfter`: `OUTCOME_UNKNOWN`, though it happened.
 * - `failsUnknown`: `OUTCOME_UNKNOWN`, and nothing happened.
 * - `startsLate`: nothing happens until it is released, then all of it.
 * - `answersLate`: it happens, and the answer comes when it is released.
 * - `neverStarts`: it never answers, and nothing happened.
 * - `replyLost`: it never answers, though it happened.
 *
 * A call that never answers, or not yet, rejects when its `signal` aborts, with the reason of the signal.
 */
export type Fault =
  | "failsBefore"
  | "failsAfter"
  | "failsUnknown"
  | "startsLate"
  | "answersLate"
  | "neverStarts"
  | "replyLost";

/** Which calls go wrong. Members that are absent ask for nothing. */
export interface FaultRule {
  /** What goes wrong. */
  readonly fault: Fault;
  /** The name of the call: `commit`, `directory.list`. */
  readonly call?: string;
  /** Whether it is this one. */
  readonly when?: (call: InterceptedCall) => boolean;
  /** How many calls that fit are let pass first. Default: 0. */
  readonly skip?: number;
  /** How many go wrong then. Default: 1. */
  readonly times?: number;
}

/** A store that fails as told. */
export interface FaultyStore<Store = SessionStore> {
  /** What to call. */
  readonly store: Store;
  /** Adds a rule; the first rule that fits a call counts. */
  inject(rule: FaultRule): void;
  /** Forgets all rules: from now on nothing goes wrong. */
  heal(): void;
  /** What went wrong, in order. */
  readonly injected: readonly { readonly call: string; readonly fault: Fault }[];
  /** How many calls are held back. */
  held(): number;
  /** Lets calls go that are held back, the oldest first: all of them unless told how many. */
  release(count?: number): void;
}

interface RuleState {
  readonly rule: FaultRule;
  skip: number;
  times: number;
}

/**
 * Wraps a store, or any other object of async functions such as a driver, so that it fails as a plan of rules says, to show that what is built on it loses nothing.
 *
 * @example
 * ```ts
 * import { memoryStore } from "@edge-mqtt/session/memory";
 * import { faultyStore } from "@edge-mqtt/session/testing";
 *
 * const { store } = faultyStore(memoryStore(), [{ call: "read", fault: "failsBefore" }]);
 * const error = await store.read("client-1").catch((error) => error);
 * console.assert(error.code === "STORE_UNAVAILABLE");
 * ```
 */
export function faultyStore<Store extends object>(store: Store, plan: readonly FaultRule[] = []): FaultyStore<Store> {
  let rules: RuleState[] = [];
  const injected: { readonly call: string; readonly fault: Fault }[] = [];
  const held: (() => void)[] = [];

  const inject = (rule: FaultRule): void => {
    rules.push({ rule, skip: rule.skip ?? 0, times: rule.times ?? 1 });
  };
  const faultFor = (call: InterceptedCall): Fault | undefined => {
    for (const state of rules) {
      const { rule } = state;
      if (state.times <= 0 || (rule.call ?? call.name) !== call.name || rule.when?.(call) === false) continue;
      if (state.skip-- > 0) continue;
      state.times -= 1;
      injected.push({ call: call.name, fault: rule.fault });
      return rule.fault;
    }
    return undefined;
  };
  const hold = (): Promise<void> => new Promise((resolve) => held.push(resolve));

  const answer = async (fault: Fault | undefined, name: string, run: () => Promise<unknown>): Promise<unknown> => {
    switch (fault) {
      case undefined:
        return await run();
      case "failsBefore":
        throw new SessionError("STORE_UNAVAILABLE", `Cannot ${name}: the test took the store away`);
      case "failsAfter":
        await run();
        throw new SessionError("OUTCOME_UNKNOWN", `Cannot ${name}: the test took the answer away`);
      case "failsUnknown":
        throw new SessionError("OUTCOME_UNKNOWN", `Cannot ${name}: the test took the request away`);
      case "startsLate":
        await hold();
        return await run();
      case "answersLate": {
        const result = await run();
        await hold();
        return result;
      }
      case "neverStarts":
        return await new Promise(() => {});
      case "replyLost":
        await run();
        return await new Promise(() => {});
      default:
        return fault satisfies never;
    }
  };

  plan.forEach(inject);
  return {
    store: intercept(store, (call, run) => untilAborted(signalOf(call), answer(faultFor(call), call.name, run))),
    inject,
    heal: () => rules = [],
    injected,
    held: () => held.length,
    release: (count = held.length) => held.splice(0, count).forEach((resume) => resume()),
  };
}

/** The promise, or the reason of the signal if it aborts sooner. What the promise stands for goes on. */
async function untilAborted<Result>(signal: AbortSignal | undefined, promise: Promise<Result>): Promise<Result> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = deferred<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
