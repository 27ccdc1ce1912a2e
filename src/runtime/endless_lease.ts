import type { Lease } from "./node_lease.ts";
import type { ResolvedOptions } from "./options.ts";
import { within } from "./within.ts";

/** The last millisecond of the year 9999: a time that never comes, and that every store can hold. */
export const NEVER = 253_402_300_799_999;

/**
 * The lease of a node that nobody else may replace while it lives: it is said once in a run, and never runs out. What an
 * earlier run has left is found by looking which sockets are still open.
 */
export class EndlessLease implements Lease {
  readonly renewAt: undefined = undefined;
  readonly wakeAt: undefined = undefined;
  readonly #options: ResolvedOptions;
  readonly #nodeId: string;
  #saying: Promise<void> | undefined;
  #isSaid = false;

  constructor(nodeId: string, options: ResolvedOptions) {
    this.#nodeId = nodeId;
    this.#options = options;
  }

  ensure(): Promise<void> | undefined {
    return this.#isSaid ? undefined : this.renew();
  }

  renew(): Promise<void> {
    return this.#saying ??= this.#say(NEVER).then(() => {
      this.#isSaid = true;
    }).finally(() => this.#saying = undefined);
  }

  check(): void {}

  async release(): Promise<void> {
    await this.#saying?.catch(() => {});
    if (!this.#isSaid) return;
    this.#isSaid = false;
    await this.#say(0);
  }

  #say(until: number): Promise<void> {
    const { environment, store, commit } = this.#options;
    return within(
      environment,
      commit.timeoutMs,
      "say that this node lives",
      (signal) => store.renewNode(this.#nodeId, until, { signal }),
    );
  }
}
