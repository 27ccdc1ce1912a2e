/**
 * The one way out to the store. While a commit is under way batches gather; then all that wait leave together.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import type { CommitBatch, CommitResult, QueueLimits, SessionStore } from "../store/session_store.ts";
import type { BrokerEnvironment } from "./environment.ts";
import type { Observe } from "./observe.ts";
import type { CommitOptions } from "./options.ts";
import { asSessionError, isWorthRepeating, pause, within } from "./within.ts";

/** Somebody with something to commit, at most one batch at a time. Its methods never throw. */
export interface LaneSource {
  /** Its batches may not be carried out twice, and nothing tells the store that one is a repetition. */
  readonly atMostOnce?: boolean;
  /** The batch that leaves now, as large as it has become; `undefined` when there is nothing any more. */
  take(): CommitBatch | undefined;
  /** The outcome is known. `repeated`: the first attempt had failed. */
  settled(result: CommitResult, repeated: boolean): void;
  /** The store never told, or cannot hold the batch. */
  failed(error: SessionError): void;
}

type Attempt =
  | { readonly results: readonly CommitResult[] }
  | { readonly results: undefined; readonly error: SessionError; readonly repeatable: boolean };

/** What a lane works with. */
export interface LaneOptions {
  readonly store: Pick<SessionStore, "commit">;
  readonly environment: BrokerEnvironment;
  readonly observe: Observe;
  readonly commit: CommitOptions;
  /** Where the ids of its batches begin: no other run has the same. */
  readonly run: string;
  /** How long the log of a receiver may grow. */
  readonly queue: QueueLimits;
  /** Called after the results of each commit have been handed out. */
  readonly afterResults: () => void;
  /** Nobody will know what became of this batch: what it was to cause may have to be looked for. */
  readonly outcomeLost: (batch: CommitBatch) => void;
}

/** Carries batches of all sessions to the store, one commit at a time. */
export class CommitLane {
  readonly #options: LaneOptions;
  #waiting: LaneSource[] = [];
  #run: Promise<void> | undefined;
  #batches = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Puts a source in line. A source asks once, and again after its batch was settled. */
  request(source: LaneSource): void {
    this.#waiting.push(source);
    this.#run ??= this.#work();
  }

  /** A batch with an id that no other has had, of what is given. Unless it says so by its limits it cannot be refused. */
  batch(parts: Partial<CommitBatch>): CommitBatch {
    const { environment, queue, run } = this.#options;
    const id = `${run}.${++this.#batches}`;
    return { id, changes: [], deliveries: [], limits: unrefusable(queue), now: environment.now(), ...parts };
  }

  /** Commits one batch that belongs to no session of this node. */
  commit(batch: CommitBatch): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      this.request({ take: () => batch, settled: resolve, failed: reject });
    });
  }

  /** Ends when nothing waits any more; `undefined` when that is so already. */
  get idle(): Promise<void> | undefined {
    return this.#run;
  }

  async #work(): Promise<void> {
    // Whoever else is being served in this turn may still join.
    await undefined;
    while (this.#waiting.length > 0) {
      const sources: LaneSource[] = [];
      const batches: CommitBatch[] = [];
      for (const source of this.#waiting.splice(0, this.#options.commit.maxBatches)) {
        const batch = source.take();
        if (batch === undefined) continue;
        sources.push(source);
        batches.push(batch);
      }
      if (batches.length > 0) await this.#carry(sources, batches);
    }
    this.#run = undefined;
  }

  /** Commits these batches, again and again where it makes sense, and hands the outcomes out. It never rejects. */
  async #carry(
    sources: readonly LaneSource[],
    batches: readonly CommitBatch[],
    wasTried = false,
  ): Promise<void> {
    const { environment, observe, commit } = this.#options;
    const startedAt = environment.monotonic();
    let waitMs = commit.repeatAfterMs;
    for (let attempts = 1;; attempts++) {
      const outcome = await this.#attempt(batches);
      if (outcome.results !== undefined) {
        const durationMs = environment.monotonic() - startedAt;
        observe({ type: "commit", batches: batches.length, durationMs, attempts });
        return this.#handOut(sources, batches, outcome.results, wasTried || attempts > 1);
      }
      const repeats = outcome.repeatable && environment.monotonic() - startedAt < commit.repeatForMs;
      const splits = !outcome.repeatable && batches.length > 1;
      observe({ type: "commitFailed", attempt: attempts, final: !repeats && !splits, error: outcome.error });
      if (splits) {
        // One of them cannot be stored; the others must not suffer for it.
        [sources, batches] = this.#repeatable(sources, batches, outcome.error);
        for (const [index, source] of sources.entries()) {
          await this.#carry([source], batches.slice(index, index + 1), wasTried || attempts > 1);
        }
        return;
      }
      if (!repeats) return this.#giveUp(sources, batches, outcome.error);
      [sources, batches] = this.#repeatable(sources, batches, outcome.error);
      if (sources.length === 0) return;
      await pause(environment, waitMs);
      waitMs = Math.min(waitMs * 2, commit.repeatAfterMs * 16);
    }
  }

  async #attempt(batches: readonly CommitBatch[]): Promise<Attempt> {
    try {
      return { results: await this.#commitOnce(batches) };
    } catch (error) {
      return { results: undefined, error: asSessionError(error, "commit"), repeatable: isWorthRepeating(error) };
    }
  }

  async #commitOnce(batches: readonly CommitBatch[]): Promise<readonly CommitResult[]> {
    const { environment, store, commit } = this.#options;
    const results = await within(
      environment,
      commit.timeoutMs,
      "commit",
      (signal) => store.commit(batches, { signal }),
    );
    if (results.length !== batches.length) {
      throw new SessionError(
        "OUTCOME_UNKNOWN",
        `Cannot commit: ${batches.length} batches got ${results.length} results`,
      );
    }
    return results;
  }

  #handOut(
    sources: readonly LaneSource[],
    batches: readonly CommitBatch[],
    results: readonly CommitResult[],
    repeated: boolean,
  ): void {
    for (const [index, source] of sources.entries()) {
      // As many results as batches, as #commitOnce has seen to.
      const result = results[index] as CommitResult;
      source.settled(result, repeated);
      const batch = batches[index];
      // The first attempt may have been carried out, and somebody has changed the session since.
      const isLost = repeated && result.outcome === "superseded" && batch !== undefined && batch.deliveries.length > 0;
      if (isLost) this.#options.outcomeLost(batch);
    }
    this.#options.afterResults();
  }

  /** Gives up what may have been carried out and must not be a second time; the others go again. */
  #repeatable(
    sources: readonly LaneSource[],
    batches: readonly CommitBatch[],
    error: SessionError,
  ): [readonly LaneSource[], readonly CommitBatch[]] {
    if (error.code === "STORE_UNAVAILABLE") return [sources, batches];
    const of = <Item>(items: readonly Item[], atMostOnce: boolean): Item[] =>
      items.filter((_, index) => (sources[index]?.atMostOnce ?? false) === atMostOnce);
    this.#giveUp(of(sources, true), of(batches, true), error);
    return [of(sources, false), of(batches, false)];
  }

  #giveUp(sources: readonly LaneSource[], batches: readonly CommitBatch[], error: SessionError): void {
    for (const source of sources) source.failed(error);
    for (const batch of batches) if (batch.deliveries.length > 0) this.#options.outcomeLost(batch);
    this.#options.afterResults();
  }
}

/** The limits for work that nobody can be told a refusal of. */
function unrefusable(queue: QueueLimits): QueueLimits {
  return queue.whenFull === "reject" ? { ...queue, whenFull: "dropNewest" } : queue;
}
