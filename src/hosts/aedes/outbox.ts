import { persistently } from "../../runtime/within.ts";
import type { OutboxEntry } from "../../store/session_store.ts";
import type { AedesContext } from "./context.ts";
import type { AedesBrokerLike, AedesPacket } from "./packets.ts";

const ENTRIES_PER_READ = 32;

/** Works off what a commit owed to receivers that did not fit into it, and Wills that the store released. */
export class AedesOutbox {
  readonly #context: Pick<AedesContext, "options" | "lane" | "tasks">;
  readonly #broker: () => AedesBrokerLike;
  readonly #working = new Map<string, Promise<void>>();

  constructor(context: Pick<AedesContext, "options" | "lane" | "tasks">, broker: () => AedesBrokerLike) {
    this.#context = context;
    this.#broker = broker;
  }

  /** Works an outbox off until it is empty, or somebody else is found at it. It never rejects. */
  workOff(outboxId: string): Promise<void> {
    const before = this.#working.get(outboxId) ?? Promise.resolve();
    // What was put in while it was worked off may not have been seen.
    const work: Promise<void> = before.then(() => this.#passes(outboxId)).catch(this.#context.options.onError)
      .finally(() => {
        if (this.#working.get(outboxId) === work) this.#working.delete(outboxId);
      });
    this.#working.set(outboxId, work);
    this.#context.tasks.add(work);
    return work;
  }

  async #passes(outboxId: string): Promise<void> {
    for (;;) {
      const { options } = this.#context;
      const read = (signal: AbortSignal) => options.store.readOutbox(outboxId, ENTRIES_PER_READ, { signal });
      const entries = await persistently(options, "read an outbox", read);
      if (entries.length === 0) return;
      for (const entry of entries) if (!await this.#serve(entry)) return;
    }
  }

  /** Serves the receivers of an entry. Returns `false` when somebody else has moved it. */
  async #serve(entry: OutboxEntry): Promise<boolean> {
    const { options, lane } = this.#context;
    const { outboxId, number, message } = entry;
    const fixed = entry.receivers;
    // A Will that nobody has published: aedes does, and knows whom it reaches.
    if (fixed === undefined) await this.#publish(entry);
    const receivers = fixed ?? [];
    const most = Math.max(1, options.store.capabilities.maxReceiversPerCommit);
    let from = entry.cursor;
    do {
      const to = Math.min(from + most, receivers.length);
      const slice = receivers.slice(from, to);
      const result = await lane.commit(lane.batch({
        deliveries: slice.length === 0 ? [] : [{ message, receivers: slice }],
        outbox: { outboxId, number, from, to, ...(fixed === undefined ? { receivers } : {}) },
      }));
      if (result.outcome !== "committed") return false;
      from = to;
    } while (from < receivers.length);
    return true;
  }

  #publish({ message }: OutboxEntry): Promise<void> {
    const { topic, payload, qos, retain, publisher } = message;
    const { asBuffer } = this.#context.options;
    const packet: AedesPacket = { cmd: "publish", topic, payload: asBuffer(payload), qos, retain, clientId: publisher };
    return new Promise((resolve, reject) =>
      this.#broker().publish(packet, (error) => error ? reject(error) : resolve())
    );
  }
}
