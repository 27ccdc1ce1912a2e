import { within } from "../../runtime/within.ts";
import type { ResolvedAedesOptions } from "./options.ts";
import type { AedesBrokerLike } from "./packets.ts";

/** How often aedes gives a sign of life when it is not told otherwise, in milliseconds. */
const HEARTBEAT_MS = 60_000;
/** After so many of them aedes takes a broker for dead. */
const HEARTBEATS = 3;
/** Between the name of a broker and what tells its runs apart. */
const MARK = "~";

/**
 * Says to the store that this run of the broker lives (D5), with the heartbeat of aedes: so no timer outlives the broker.
 */
export class AedesLease {
  readonly #options: ResolvedAedesOptions;
  readonly #run: string;
  readonly #broker: () => AedesBrokerLike;
  #until = 0;
  #nodeId = "";
  #renewing: Promise<void> | undefined;

  constructor(options: ResolvedAedesOptions, broker: () => AedesBrokerLike) {
    this.#options = options;
    this.#run = options.environment.randomId();
    this.#broker = broker;
  }

  /** This run: a broker that starts anew never renews the lease of its dead predecessor. */
  get nodeId(): string {
    return `${this.#broker().id}${MARK}${this.#run}`;
  }

  /** Whether a node is a run of this process. */
  isOwn(nodeId: string): boolean {
    return nodeId.endsWith(`${MARK}${this.#run}`);
  }

  /** The name of the broker whose run a node is. */
  brokerOf(nodeId: string): string {
    const end = nodeId.lastIndexOf(MARK);
    return end === -1 ? nodeId : nodeId.slice(0, end);
  }

  /** Makes sure that there is a lease which outlives the next heartbeat. */
  async ensure(): Promise<void> {
    const isEnough = this.#until - this.#options.environment.now() >= this.#durationMs / HEARTBEATS;
    if (!isEnough || this.#nodeId !== this.nodeId) await this.renew();
  }

  /** Renews the lease, if sessions were held; calls at the same time share one. */
  async beat(): Promise<void> {
    if (this.#until !== 0) await this.renew();
  }

  /** Renews the lease. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => this.#renewing = undefined);
    return this.#renewing;
  }

  /** Gives it back. */
  async release(): Promise<void> {
    await this.#renewing?.catch(() => {});
    if (this.#until === 0) return;
    this.#until = 0;
    await this.#call(this.#nodeId, 0);
  }

  get #durationMs(): number {
    return HEARTBEATS * (this.#broker().opts?.heartbeatInterval ?? HEARTBEAT_MS);
  }

  async #renew(): Promise<void> {
    const { nodeId } = this;
    const until = this.#options.environment.now() + this.#durationMs;
    await this.#call(nodeId, until);
    this.#nodeId = nodeId;
    this.#until = until;
  }

  #call(nodeId: string, until: number): Promise<void> {
    const { environment, store, commit } = this.#options;
    const renew = (signal: AbortSignal) => store.renewNode(nodeId, until, { signal });
    return within(environment, commit.timeoutMs, "renew the lease", renew);
  }
}
