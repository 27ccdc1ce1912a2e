import type { BrokerContext } from "./context.ts";
import { persistently } from "./within.ts";

/**
 * Hears from other nodes that sessions of this one have news: messages in their logs, or another owner.
 *
 * Watched where the store offers it, polled otherwise. What is heard is only a hint; the store is read before anything
 * is done.
 */
export class Doorbell {
  readonly #context: BrokerContext;
  #watching: AbortController | undefined;
  #reading: Promise<void> | undefined;
  #polledAt: number;

  constructor(context: BrokerContext) {
    this.#context = context;
    this.#polledAt = context.options.environment.now();
  }

  /** When to poll next; `undefined` while watching, and while there is nobody to hear for. */
  get pollAt(): number | undefined {
    const { doorbellPollMs } = this.#context.options;
    if (this.#watching !== undefined || doorbellPollMs === 0 || this.#context.sessions.size === 0) return undefined;
    return this.#polledAt + doorbellPollMs;
  }

  /** Watches, where the store offers it. */
  start(): void {
    const { store, observe } = this.#context.options;
    if (store.watch === undefined || this.#watching !== undefined) return;
    const watching = this.#watching = new AbortController();
    const watch = store.watch.bind(store);
    const listen = async () => {
      try {
        for await (const _ of watch(this.#context.nodeId, watching.signal)) await this.answer();
      } catch (error) {
        if (!watching.signal.aborted) observe({ type: "workFailed", work: "doorbell", error });
      } finally {
        // A watch that ends leaves polling to go on.
        if (this.#watching === watching) this.#watching = undefined;
      }
    };
    listen();
  }

  /** Ends the watch. */
  stop(): void {
    this.#watching?.abort();
    this.#watching = undefined;
  }

  /** Looks who has rung, and what is new. It never rejects; calls at the same time share one look. */
  answer(): Promise<void> {
    this.#polledAt = this.#context.options.environment.now();
    this.#reading ??= this.#answer().finally(() => this.#reading = undefined);
    return this.#reading;
  }

  async #answer(): Promise<void> {
    const { nodeId, sessions, options } = this.#context;
    const { environment, commit, store, observe } = options;
    if (sessions.size === 0) return;
    try {
      const rung = await persistently(
        environment,
        commit,
        "read the doorbell",
        (signal) => store.readRings(nodeId, { signal }),
      );
      await Promise.all(rung.map((clientId) => this.#look(clientId)));
    } catch (error) {
      observe({ type: "workFailed", work: "doorbell", error });
    }
  }

  async #look(clientId: string): Promise<void> {
    const { sessions, options } = this.#context;
    const session = sessions.get(clientId);
    if (session === undefined) return;
    const stored = await persistently(
      options.environment,
      options.commit,
      "read a session",
      (signal) => options.store.read(clientId, { signal }),
    );
    // Its own connection may have ended, or begun anew, while the store was read.
    if (sessions.get(clientId) !== session || session.leaving) return;
    const isOurs = stored !== undefined && stored.guard.incarnation === session.incarnation &&
      stored.guard.epoch <= session.epoch;
    if (isOurs) session.probe();
    else session.supersede();
  }
}
