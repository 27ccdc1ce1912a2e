/**
 * Who of several pages owns a session: Web Locks keep the peace between them. The store's fencing stays the truth: a page
 * that goes on without its lock can still change nothing.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import { deferred } from "../store/deferred.ts";

/**
 * What is done when another page owns what is asked for: it is taken from it (`take`), waited for until it is let go
 * (`wait`), or left to it (`refuse`).
 */
export type WhenOwned = "take" | "wait" | "refuse";

/** What of a `LockManager` is used. */
export interface LockManagerLike {
  /** Holds a lock while the promise of the callback is pending. */
  request(
    name: string,
    options: { readonly ifAvailable?: boolean; readonly steal?: boolean; readonly signal?: AbortSignal },
    callback: (lock: unknown) => unknown,
  ): Promise<unknown>;
}

/** How ownership is asked for. */
export interface SoleOwnerOptions {
  /** What is done when another page owns it. Default: `take`. */
  readonly whenOwned?: WhenOwned;
  /** Where the locks are. Default: `navigator.locks`, where it is when it is asked. */
  readonly locks?: LockManagerLike;
  /** Ends the waiting; what was got by then stays owned. */
  readonly signal?: AbortSignal;
}

/** Ownership that lasts until it is let go or lost. */
export interface SoleOwner extends AsyncDisposable {
  /** It is ours. */
  readonly outcome: "owned";
  /** Aborts once another page has taken it; its reason is a `SessionError`. Letting go does not abort it. */
  readonly lost: AbortSignal;
  /** Lets go of it, so that who waits gets it. To let go again, or of what was lost, does nothing. */
  release(): Promise<void>;
}

/** Another page owns it, and was left alone. */
export interface OwnedElsewhere {
  /** It is somebody else's. */
  readonly outcome: "refused";
}

/**
 * Asks to be the only page that owns something of this name.
 *
 * Where there are no Web Locks nobody can be asked: then it is always owned and never lost, and what another does about it
 * shows only in the store, whose fencing lets the last to acquire win.
 *
 * Ownership ends with the page, however that ends. A signal that aborts while it waits makes it reject with the signal's
 * reason, and nothing is owned.
 *
 * @example
 * ```ts ignore
 * const owner = await soleOwner("mqtt/meter-7", { whenOwned: "refuse" });
 * if (owner.outcome === "owned") owner.lost.addEventListener("abort", () => client.end());
 * ```
 */
export async function soleOwner(name: string, options: SoleOwnerOptions = {}): Promise<SoleOwner | OwnedElsewhere> {
  const { whenOwned = "take", signal, locks = platformLocks() } = options;
  signal?.throwIfAborted();
  const lost = new AbortController();
  if (locks === undefined) return owner(lost.signal, () => Promise.resolve());
  const { promise: held, resolve: letGo } = deferred<void>();
  const answered = deferred<boolean>();
  const request = locks.request(`edge-mqtt-session/${name}`, termsOf(whenOwned, signal), (lock) => {
    answered.resolve(lock !== null);
    return lock === null ? undefined : held;
  });
  let isReleased = false;
  const ended = request.then(() => {}, (cause) => {
    // Before it is answered this says that nothing is owned, afterwards that it was taken away.
    answered.reject(signal?.aborted ? signal.reason : failed(name, cause));
    if (!isReleased) lost.abort(new SessionError("CLOSED", `Cannot go on with "${name}": another page took it over`));
  });
  if (!await answered.promise) return { outcome: "refused" };
  return owner(lost.signal, () => {
    isReleased = true;
    letGo();
    return ended;
  });
}

/**
 * Asks to be the only page that owns the session of a client in a store. Without locks of its caller only those pages
 * ask each other that can tell that they have the same store: elsewhere fencing decides alone.
 */
export function soleOwnerIn(
  { scope }: { readonly scope?: string },
  clientId: string,
  options: SoleOwnerOptions = {},
): Promise<SoleOwner | OwnedElsewhere> {
  if (scope !== undefined || options.locks !== undefined) return soleOwner(`${scope ?? ""}/${clientId}`, options);
  options.signal?.throwIfAborted();
  return Promise.resolve(owner(new AbortController().signal, () => Promise.resolve()));
}

function owner(lost: AbortSignal, release: () => Promise<void>): SoleOwner {
  return { outcome: "owned", lost, release, [Symbol.asyncDispose]: release };
}

/** No two of these go together. */
function termsOf(whenOwned: WhenOwned, signal: AbortSignal | undefined): Parameters<LockManagerLike["request"]>[1] {
  if (whenOwned === "take") return { steal: true };
  if (whenOwned === "refuse") return { ifAvailable: true };
  return signal === undefined ? {} : { signal };
}

function failed(name: string, cause: unknown): SessionError {
  return new SessionError("STORE_UNAVAILABLE", `Cannot own "${name}": the browser refused the lock`, { cause });
}

/** The locks of the platform, where it has any. */
function platformLocks(): LockManagerLike | undefined {
  // Not every platform has a navigator, and not every navigator has locks.
  return (globalThis as { readonly navigator?: { readonly locks?: LockManagerLike } }).navigator?.locks;
}
