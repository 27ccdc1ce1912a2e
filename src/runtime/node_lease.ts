import { SessionError } from "../errors.ts";
import type { ResolvedOptions } from "./options.ts";
import { within } from "./within.ts";

/** How often a lease is looked at while its renewal hangs, in milliseconds. */
const HANGING_MS = 1_000;

/** How a node says to the store that it lives. */
export interface Lease {
  /** When it is next to be renewed, in epoch milliseconds; `undefined` when there is none, or it never is. */
  readonly renewAt: number | undefined;
  /** When somebody has to wake up for it. */
  readonly wakeAt: number | undefined;
  /** Makes sure that there is one. Rejects when there cannot be one. */
  ensure(): Promise<void> | undefined;
  /** Renews it; calls at the same time share one. */
  renew(): Promise<void>;
  /** Gives it up when it could not be renewed for too long. */
  check(): void;
  /** Gives it back. */
  release(): Promise<void>;
}

/**
 * Says to the store that this node lives (D5): one row for all its sessions.
 *
 * It is renewed only while sessions are attached; a node with none owes nobody a sign of life.
 */
export class NodeLease implements Lease {
  readonly #options: ResolvedOptions;
  readonly #nodeId: string;
  readonly #lost: () => void;
  #until = 0;
  #renewedAt: number | undefined;
  #renewing: Promise<void> | undefined;
  #retryAt = 0;

  constructor(nodeId: string, options: ResolvedOptions, lost: () => void) {
    this.#nodeId = nodeId;
    this.#options = options;
    this.#lost = lost;
  }

  /** When the lease is next to be renewed, in epoch milliseconds; `undefined` when there is none. */
  get renewAt(): number | undefined {
    const { lease } = this.#options;
    if (this.#renewedAt === undefined) return undefined;
    return Math.max(this.#until - lease.durationMs + lease.renewEveryMs, this.#retryAt);
  }

  /** When somebody has to wake up: to renew it, or to look whether it has run out while a renewal hangs. */
  get wakeAt(): number | undefined {
    return this.#renewing === undefined ? this.renewAt : this.#options.environment.now() + HANGING_MS;
  }

  /** Makes sure that there is a lease with at least one more renewal ahead of it. Rejects when there cannot be one. */
  ensure(): Promise<void> | undefined {
    this.check();
    const at = this.renewAt;
    return at !== undefined && this.#options.environment.now() < at ? undefined : this.renew();
  }

  /** Renews the lease; calls at the same time share one. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => this.#renewing = undefined);
    return this.#renewing;
  }

  /** Gives the lease up when it could not be renewed for too long: others may act on it soon. */
  check(): void {
    if (this.#renewedAt === undefined) return;
    const { environment, lease } = this.#options;
    const isOld = environment.monotonic() - this.#renewedAt >= lease.closeAfterMs;
    // A machine that slept may have a monotonic clock that slept too.
    const hasLapsed = environment.now() >= this.#until;
    if (!isOld && !hasLapsed) return;
    this.#renewedAt = undefined;
    this.#lost();
  }

  /** Gives the lease back. */
  async release(): Promise<void> {
    const { environment, store, commit } = this.#options;
    await this.#renewing?.catch(() => {});
    if (this.#until === 0) return;
    this.#until = 0;
    this.#renewedAt = undefined;
    await within(
      environment,
      commit.timeoutMs,
      "release the lease",
      (signal) => store.renewNode(this.#nodeId, 0, { signal }),
    );
  }

  async #renewOnce(): Promise<void> {
    const { environment, store, lease, commit } = this.#options;
    this.#retryAt = environment.now() + Math.min(commit.timeoutMs, lease.renewEveryMs);
    // Counted from before the call: the store may have heard it at once and answered late.
    const renewedAt = environment.monotonic();
    const until = environment.now() + lease.durationMs;
    await within(
      environment,
      commit.timeoutMs,
      "renew the lease",
      (signal) => store.renewNode(this.#nodeId, until, { signal }),
    );
    if (environment.monotonic() - renewedAt >= lease.closeAfterMs) {
      throw new SessionError("STORE_UNAVAILABLE", "Cannot renew the lease: the answer came too late");
    }
    this.#renewedAt = renewedAt;
    this.#until = until;
    this.#retryAt = 0;
  }
}
