/**
 * How much the sessions of one principal may hold: counted by the store in the step that begins one, and in bytes by a look
 * at the store now and then.
 *
 * @module
 */
import type { PrincipalUsage } from "../store/directory.ts";
import type { PrincipalQuota, ResolvedOptions } from "./options.ts";
import type { Tasks } from "./tasks.ts";
import { within } from "./within.ts";

/** As many sessions as any principal may have that is counted. */
const MOST_SESSIONS = 10_000;
/** How many principals are remembered, and for how long what was seen of one is gone by, in milliseconds. */
const MOST_REMEMBERED = 10_000;
const REMEMBERED_MS = 60_000;

interface Seen {
  readonly usage: PrincipalUsage;
  readonly at: number;
}

/** What the principals of this node were seen to hold. */
export class Quotas {
  readonly #options: ResolvedOptions;
  readonly #tasks: Tasks;
  readonly #seen = new Map<string, Seen>();
  readonly #looking = new Map<string, Promise<void>>();

  constructor(options: ResolvedOptions, tasks: Tasks) {
    this.#options = options;
    this.#tasks = tasks;
  }

  /**
   * How many sessions of the principal there may be for a new one to begin; `undefined` when any number. A principal that
   * holds too many bytes may begin none: at its first CONNECT here the store is asked, later what was seen last decides.
   */
  async sessionsFor(principal: string | undefined, quota: PrincipalQuota | undefined): Promise<number | undefined> {
    if (principal === undefined || quota === undefined) return undefined;
    const { sessions = MOST_SESSIONS, queuedBytes } = quota;
    if (queuedBytes === undefined) return quota.sessions;
    const seen = this.#seen.get(principal);
    const isOld = seen === undefined || this.#options.environment.monotonic() - seen.at >= REMEMBERED_MS;
    if (isOld) {
      const looking = this.#look(principal);
      if (seen === undefined) await looking;
    }
    const held = this.#seen.get(principal)?.usage.queuedBytes ?? 0;
    return held >= queuedBytes ? 0 : sessions;
  }

  /** Asks the store, once for all that ask meanwhile. It never rejects: without an answer nobody is refused. */
  #look(principal: string): Promise<void> {
    const known = this.#looking.get(principal);
    if (known !== undefined) return known;
    const { environment, commit, store, observe } = this.#options;
    const { directory } = store;
    const looking = within(
      environment,
      commit.timeoutMs,
      "count what a principal holds",
      async (signal) => await directory.usage?.(principal, { signal }),
    ).then((usage) => {
      if (usage !== undefined) this.#remember(principal, { usage, at: environment.monotonic() });
    }, (error) => observe({ type: "workFailed", work: "store", error })).finally(() => {
      this.#looking.delete(principal);
    });
    this.#looking.set(principal, looking);
    this.#tasks.add(looking);
    return looking;
  }

  #remember(principal: string, seen: Seen): void {
    this.#seen.delete(principal);
    this.#seen.set(principal, seen);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MOST_REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
  }
}
