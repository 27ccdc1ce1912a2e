import type { BrokerContext } from "./context.ts";
import { adoptLater, whySuperseded } from "./superseded.ts";
import { persistently } from "./within.ts";

/** How many sessions are read at the same time. */
const LOOKS_AT_A_TIME = 64;

/**
 * Hears from other nodes that sessions of this one have news: messages in their logs, or another owner.
 *
 * Watched where the store offers it, and polled where that does not tell of everybody. What is heard is only a hint; the
 * store is read before anything is done.
 */
export class Doorbell {
  readonly #context: BrokerContext;
  #watching: AbortController | undefined;
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #polledAt: number;
  /** Whether somebody may have rung without being heard. */
  #missed = false;

  constructor(context: BrokerContext) {
    this.#context = context;
    this.#polledAt = context.options.environment.now();
  }

  /** When to poll next; `undefined` while a watch tells everything, and while there is nobody to hear for. */
  get pollAt(): number | undefined {
    const { doorbellPollMs, store } = this.#context.options;
    if (doorbellPollMs === 0 || this.#context.sessions.size === 0) return undefined;
    const tellsAll = this.#watching !== undefined && store.capabilities.watch === "everywhere";
    if (tellsAll && !this.#missed) return undefined;
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

  /** Looks who has rung, and what is new. It never rejects; calls while a look is made share the one after it. */
  answer(): Promise<void> {
    this.#polledAt = this.#context.options.environment.now();
    if (this.#reading === undefined) {
      return this.#reading = this.#answer().finally(() => this.#reading = undefined);
    }
    // Whoever has rung just now may not have been seen by the look that is being made.
    return this.#next ??= this.#reading.then(() => {
      this.#next = undefined;
      return this.answer();
    });
  }

  async #answer(): Promise<void> {
    const { nodeId, sessions, options } = this.#context;
    const { store } = options;
    // Nobody is here to hear it but who is being acquired. A watch goes on telling until it is read.
    const isNobodyHere = sessions.size === 0 && options.hibernation === undefined;
    if (isNobodyHere && this.#watching === undefined) return sessions.rung();
    try {
      let attempts = 0;
      const rung = await persistently(options, "read the doorbell", (signal) => {
        // An attempt that got no answer may have cleared what it was to tell.
        if (++attempts > 1) this.#missed = true;
        return store.readRings(nodeId, { signal });
      });
      // Those that are being acquired look once they are here.
      if (this.#missed) sessions.rung();
      else for (const clientId of rung) sessions.rung(clientId);
      const clientIds = this.#missed ? Array.from(sessions.all(), ({ clientId }) => clientId) : rung;
      this.#missed = false;
      for (let start = 0; start < clientIds.length; start += LOOKS_AT_A_TIME) {
        await Promise.all(clientIds.slice(start, start + LOOKS_AT_A_TIME).map((clientId) => this.#look(clientId)));
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Looks what is new for one session. It never rejects. */
  lookAt(clientId: string): Promise<void> {
    return this.#look(clientId).catch((error) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#missed = true;
    this.#context.deadlineMoved();
    this.#context.options.observe({ type: "workFailed", work: "doorbell", error });
  }

  async #look(clientId: string): Promise<void> {
    const { sessions, sleepers, options } = this.#context;
    const session = sessions.get(clientId);
    if (session === undefined) return sleepers?.rouse(clientId);
    const stored = await persistently(options, "read a session", (signal) => options.store.read(clientId, { signal }));
    // Its own connection may have ended, or begun anew, while the store was read.
    if (sessions.get(clientId) !== session || session.leaving) return;
    const isOurs = stored !== undefined && stored.guard.incarnation === session.incarnation &&
      stored.guard.epoch <= session.epoch;
    if (isOurs) return session.probe();
    adoptLater(this.#context, session, stored);
    session.supersede(whySuperseded(session, stored));
  }
}
