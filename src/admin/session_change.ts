/**
 * Changing a session without owning it (D6): read it, decide, and commit under the guard that was read, raising the epoch.
 * Whoever changes it in between wins, and it is read again, a few times.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import type { SessionChange } from "../machine/change.ts";
import type { SessionHead } from "../machine/snapshot.ts";
import { detachedHead } from "../machine/rules/lifecycle.ts";
import * as REASON from "../mqtt/reason.ts";
import type { ChangeOutcome, ConnectedAdministration } from "../store/administration.ts";
import type {
  CommitBatch,
  CommitResult,
  Delivery,
  Guard,
  QueueLimits,
  SessionStore,
  StoredSession,
} from "../store/session_store.ts";
import type { AdminEnvironment } from "./environment.ts";

/** What every change of a session takes. */
export interface ChangeOptions {
  /**
   * What happens while a living connection owns the session that is none of `connected`. `supersede`, the default: the connection loses it, its node
   * closes it when it hears of that, and the client finds the change when it connects again. `refuse`: nothing is changed.
   */
  readonly whenOwned?: "supersede" | "refuse";
  /** Checked before each call of the store. */
  readonly signal?: AbortSignal;
}

/** What changes are made with. */
export interface ChangeContext {
  readonly store: SessionStore;
  /** Connections near by: what they own is changed through them. */
  readonly connected?: ConnectedAdministration | undefined;
  readonly environment: AdminEnvironment;
}

/** What to change, of a session that nobody owns any more once it is carried out. */
export interface PlannedChange {
  readonly changes: readonly SessionChange[];
  readonly deliveries?: readonly Delivery[];
}

/** How often it is read again when somebody else was faster. */
const ATTEMPTS = 8;

/** How often a commit is repeated whose outcome is not known. */
const REPETITIONS = 3;

/** Nothing that is delivered here is turned away as a whole. */
const LIMITS: QueueLimits = { maximumMessages: Infinity, maximumBytes: Infinity, whenFull: "dropNewest" };

/** A session that was let go, if somebody owned it, and the first batch that says so. */
export interface Released {
  readonly stored: StoredSession;
  /** The head once nobody owns it. */
  readonly head: SessionHead;
  /** The changes that let it go; none when nobody owned it. */
  readonly release: readonly SessionChange[];
}

/** Reads a session to be changed; an outcome where that is not to be. */
export async function readReleased(
  { store, environment }: ChangeContext,
  clientId: string,
  { whenOwned = "supersede", signal }: ChangeOptions,
): Promise<Released | Exclude<ChangeOutcome, "changed" | "unchanged" | "contended">> {
  signal?.throwIfAborted();
  const stored = await store.read(clientId, signal === undefined ? {} : { signal });
  if (stored === undefined) return "absent";
  const { head } = stored.snapshot;
  if (!head.attached) return { stored, head, release: [] };
  const now = environment.now();
  const { ownerUntil = 0 } = stored;
  const isLiving = ownerUntil > now;
  if (isLiving && whenOwned === "refuse") return "owned";
  // A lapsed owner left when its lease did.
  const left = detachedHead(head, isLiving ? now : ownerUntil, isLiving ? REASON.administrativeAction : 0x80);
  if (left.endsAt !== undefined && left.endsAt <= now) return "endsWithConnection";
  return { stored, head: left, release: [{ type: "putHead", head: left }] };
}

/** Changes a session as `plan` says; `undefined` leaves it as it is. */
export async function changeSession(
  context: ChangeContext,
  clientId: string,
  options: ChangeOptions,
  plan: (released: Released) => PlannedChange | undefined,
): Promise<ChangeOutcome> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const released = await readReleased(context, clientId, options);
    if (typeof released === "string") return released;
    const planned = plan(released);
    if (planned === undefined) return "unchanged";
    const result = await commitOnce(context, released.stored.guard, {
      changes: [...released.release, ...planned.changes],
      deliveries: planned.deliveries ?? [],
      raises: true,
    }, options.signal);
    if (result.outcome === "committed") return "changed";
  }
  return "contended";
}

/** What one commit carries out. */
export interface AdminCommit {
  readonly changes: readonly SessionChange[];
  readonly deliveries?: readonly Delivery[];
  /** Whether it takes the session from whoever owns it: the first of some commits does. */
  readonly raises: boolean;
}

/** Commits under a guard; the same batch again where nobody knows what became of it. */
export async function commitOnce(
  { store, environment }: ChangeContext,
  guard: Guard,
  { changes, deliveries = [], raises }: AdminCommit,
  signal: AbortSignal | undefined,
): Promise<CommitResult> {
  const batch: CommitBatch = {
    id: environment.randomId(),
    guard,
    ...(raises ? { raiseEpoch: { token: environment.randomId() } } : {}),
    changes,
    deliveries,
    limits: LIMITS,
    now: environment.now(),
  };
  for (let attempt = 1;; attempt++) {
    try {
      const [result] = await store.commit([batch], signal === undefined ? {} : { signal });
      return result ?? { outcome: "superseded" };
    } catch (error) {
      const isOpen = error instanceof SessionError && error.code === "OUTCOME_UNKNOWN";
      if (!isOpen || attempt > REPETITIONS || signal?.aborted === true) throw error;
    }
  }
}
