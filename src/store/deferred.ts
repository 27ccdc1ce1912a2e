/** A promise, and the hands that settle it. */
export interface Deferred<Value> {
  /** What is waited for. */
  readonly promise: Promise<Value>;
  /** Keeps it. */
  readonly resolve: (value: Value | PromiseLike<Value>) => void;
  /** Breaks it. */
  readonly reject: (reason: unknown) => void;
}

/** A promise that is settled from outside: `Promise.withResolvers`, which Node 20 lacks. */
export function deferred<Value>(): Deferred<Value> {
  let resolve: Deferred<Value>["resolve"] = () => {};
  let reject: Deferred<Value>["reject"] = () => {};
  const promise = new Promise<Value>((keep, break_) => {
    resolve = keep;
    reject = break_;
  });
  return { promise, resolve, reject };
}
