/** Somebody who calls a store, and whose every await waits until it is told to go on. */
import { intercept, type InterceptedCall } from "../intercept.ts";
import { type Footprint, footprintOf, READS_ALL, WRITES_ALL } from "./footprint.ts";
import { deferred } from "../../store/deferred.ts";

/** Stands between a store and what it awaits. */
export interface Gate {
  /** The same object, each of whose async functions waits for its turn: a store, or the driver below one. */
  wrap<Target extends object>(target: Target): Target;
  /** One call under a name of your own. `reads` says that it changes nothing, whatever is stored. */
  schedule<Result>(
    name: string,
    run: () => Promise<Result>,
    options?: { readonly reads?: boolean },
  ): Promise<Result>;
}

/** A call that waits for its turn. */
export interface HeldCall extends InterceptedCall {
  /** Counts the calls of its actor, from 1. */
  readonly ordinal: number;
  readonly footprint: Footprint;
  /** Carries it out. */
  readonly run: () => Promise<unknown>;
  readonly answer: (outcome: PromiseSettledResult<unknown>) => void;
}

/**
 * One who acts.
 *
 * Calls that it makes at the same time form a group: each is carried out on its own, in any order and with those of others
 * in between, and they are answered together. So it is known by counting when it has come to rest: it has ended, or has
 * calls at the gate. (What a store does between the first and the last answer of a group is thereby not tried.)
 */
export class Actor {
  readonly name: string;
  /** Calls at the gate, oldest first. */
  readonly pending: HeldCall[] = [];
  /** Calls of the same group that were carried out, with what came of them. */
  readonly carriedOut = new Map<HeldCall, PromiseSettledResult<unknown>>();
  /** Whether it has ended or crashed. */
  isGone = false;
  /** What it threw. */
  failure: unknown;
  #isResting = false;
  #isOpen = false;
  #calls = 0;
  #wake: (() => void) | undefined;
  readonly #carriedOutAtOnce: (call: HeldCall) => Promise<unknown>;

  constructor(name: string, carriedOutAtOnce: (call: HeldCall) => Promise<unknown>) {
    this.name = name;
    this.#carriedOutAtOnce = carriedOutAtOnce;
  }

  /** Its gate. */
  readonly gate: Gate = {
    wrap: (target) => intercept(target, (call, run) => this.#hold(call, footprintOf(call), run)),
    schedule: <Result>(name: string, run: () => Promise<Result>, options: { readonly reads?: boolean } = {}) =>
      // What `run` answers is handed on as it is.
      this.#hold({ name, args: [] }, options.reads === true ? READS_ALL : WRITES_ALL, run) as Promise<Result>,
  };

  /** Lets its calls pass without waiting: nobody else acts. */
  open(): void {
    this.#isOpen = true;
  }

  /** From now on they wait. */
  shut(): void {
    this.#isOpen = false;
  }

  /** Begins to act. */
  start(script: () => Promise<void>): void {
    script().catch((failure) => this.failure = failure ?? new Error("it threw nothing")).finally(() => {
      this.isGone = true;
      this.#wake?.();
    });
  }

  /** It acts no more, and nothing reaches it. */
  crash(): void {
    this.isGone = true;
    this.pending.length = 0;
    this.carriedOut.clear();
  }

  /** Notes what came of a call, and answers the group if that was the last; whether it was. */
  settle(call: HeldCall, outcome: PromiseSettledResult<unknown>): boolean {
    this.pending.splice(this.pending.indexOf(call), 1);
    this.carriedOut.set(call, outcome);
    if (this.pending.length > 0) return false;
    const group = [...this.carriedOut].sort(([a], [b]) => a.ordinal - b.ordinal);
    this.carriedOut.clear();
    this.#isResting = false;
    for (const [each, result] of group) each.answer(result);
    return true;
  }

  /**
   * Waits until it rests. Where it is not known how many calls that takes, the others of the group are given the turns
   * of the queue of promises that they need; a call that comes later still is an error, not another schedule.
   */
  async rest(drain: () => Promise<void>, known?: number): Promise<void> {
    while (!this.isGone && this.pending.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    if (!this.isGone && this.pending.length < (known ?? Infinity)) await drain();
    if (known !== undefined && this.pending.length !== known) {
      throw new Error(`Cannot explore: ${this.name} did not do the same again`);
    }
    this.#isResting = true;
  }

  #hold(call: InterceptedCall, footprint: Footprint, run: () => Promise<unknown>): Promise<unknown> {
    const { promise, resolve, reject } = deferred<unknown>();
    if (this.isGone) return promise;
    const held: HeldCall = {
      ...call,
      ordinal: ++this.#calls,
      footprint,
      run,
      answer: (outcome) => outcome.status === "fulfilled" ? resolve(outcome.value) : reject(outcome.reason),
    };
    if (this.#isOpen) return this.#carriedOutAtOnce(held);
    if (this.#isResting) {
      this.failure ??= new Error(`the call ${call.name} came while others of the same actor waited already`);
    }
    this.pending.push(held);
    this.#wake?.();
    return promise;
  }
}
