/**
 * Works outboxes off: what a commit owed to receivers that did not fit into it, and messages nobody has routed yet.
 *
 * @module
 */
import type { CommitResult, DeliveryReceiver, OutboxEntry } from "../store/session_store.ts";
import type { CommitLane } from "./lane.ts";
import type { LocalSessions } from "./local_sessions.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Router } from "./publish.ts";
import type { Retention } from "./retention.ts";
import type { Tasks } from "./tasks.ts";
import { persistently } from "./within.ts";

/** What working off needs. */
export interface OutboxOptions {
  readonly options: ResolvedOptions;
  readonly sessions: LocalSessions;
  readonly lane: CommitLane;
  readonly router: Router;
  readonly tasks: Tasks;
  readonly retention: Retention | undefined;
  /** An outbox was found empty. */
  readonly emptied: (outboxId: string) => void;
}

/** How many entries are read at a time. */
const ENTRIES_PER_READ = 32;
/** How often in a row somebody else may be found at an outbox before it is left to them. */
const FRUITLESS_PASSES = 3;

/** Works outboxes off, each by one worker at a time. */
export class Outbox {
  readonly #outbox: OutboxOptions;
  /** Outboxes being worked off here; `true` when there may be more in them by now. */
  readonly #working = new Map<string, boolean>();

  constructor(outbox: OutboxOptions) {
    this.#outbox = outbox;
  }

  /** Works an outbox off in the background; never rejects. What fails is found again when it is due. */
  kick(outboxId: string): Promise<void> {
    const work = this.workOff(outboxId).then(() => {}, (error) => {
      this.#outbox.options.observe({ type: "workFailed", work: "outbox", error });
    });
    this.#outbox.tasks.add(work);
    return work;
  }

  /** Works an outbox off until it is empty, or somebody else is found at it. Returns whether it got anywhere. */
  async workOff(outboxId: string): Promise<boolean> {
    if (this.#working.has(outboxId)) {
      this.#working.set(outboxId, true);
      return false;
    }
    let served = false;
    try {
      for (let fruitless = 0; fruitless < FRUITLESS_PASSES;) {
        this.#working.set(outboxId, false);
        const pass = await this.#pass(outboxId);
        served ||= pass === "served";
        fruitless = pass === "served" ? 0 : fruitless + 1;
        // Something may have been put in while the last entry was served.
        if (pass === "empty" && !this.#working.get(outboxId)) {
          this.#outbox.emptied(outboxId);
          break;
        }
      }
      return served;
    } finally {
      this.#working.delete(outboxId);
    }
  }

  /** Serves what can be read at once, as far as nobody else is found at it. */
  async #pass(outboxId: string): Promise<"served" | "empty" | "moved"> {
    const { options } = this.#outbox;
    const entries = await persistently(
      options,
      "read an outbox",
      (signal) => options.store.readOutbox(outboxId, ENTRIES_PER_READ, { signal }),
    );
    if (entries.length === 0) return "empty";
    let pass: "served" | "moved" = "moved";
    for (const entry of entries) {
      if (!await this.#serve(entry)) return pass;
      pass = "served";
    }
    return pass;
  }

  /** Serves the receivers of an entry, slice by slice. Returns `false` when somebody else has moved it. */
  async #serve(entry: OutboxEntry): Promise<boolean> {
    const { options, sessions, lane, router } = this.#outbox;
    const { outboxId, number, message } = entry;
    const receivers = entry.receivers ?? await this.#route(entry);
    const most = Math.max(1, Math.min(options.store.capabilities.maxReceiversPerCommit, receivers.length));
    let from = entry.cursor;
    let fixes = entry.receivers === undefined;
    do {
      const to = Math.min(from + most, receivers.length);
      const slice = receivers.slice(from, to);
      const batch = lane.batch({
        deliveries: slice.length === 0 ? [] : [router.delivery(message, slice)],
        outbox: { outboxId, number, from, to, ...(fixes ? { receivers } : {}) },
      });
      const result: CommitResult = await lane.commit(batch);
      if (result.outcome !== "committed") {
        // It may have been this very step, whose answer was lost: nobody told the receivers.
        sessions.probe(slice);
        return false;
      }
      sessions.deliver(batch, result);
      sessions.takeArrivals();
      from = to;
      fixes = false;
    } while (from < receivers.length);
    return true;
  }

  async #route(entry: OutboxEntry): Promise<readonly DeliveryReceiver[]> {
    const { router, retention } = this.#outbox;
    const { message } = entry;
    // A Will: it may come here again, and later than what its client has published since.
    if (message.retain) await retention?.retain(message, { refusable: false, unlessLater: true });
    const matches = await router.match([message.topic]);
    return router.receivers(message, matches.get(message.topic) ?? []).map((receiver) =>
      router.ifConnected(message, receiver)
    );
  }
}
