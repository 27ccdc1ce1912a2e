/** What a connected member has claimed and not yet done with: known whole, so that it can be given back. */
import type { SessionChange } from "../../machine/change.ts";
import type { QueuedMessage } from "../../mqtt/message.ts";

/** The claimed entries in the log of one connection's session. */
export class Claims {
  readonly #entries = new Map<number, QueuedMessage>();
  #bytes = 0;
  /** Messages that are being claimed for it right now. */
  #underWay = 0;
  #waiting: (() => void)[] = [];
  /** Whether some may be in the log that are not known here: nobody heard what became of a claim. */
  isUncertain = false;

  /** The payload bytes of what it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many messages it holds or is about to. */
  get size(): number {
    return this.#entries.size + this.#underWay;
  }

  /** How many are being claimed. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Notes those of some entries of the log that were claimed. */
  take(messages: readonly QueuedMessage[]): void {
    for (const message of messages) {
      if (message.claimed === undefined || this.#entries.has(message.sequence)) continue;
      this.#entries.set(message.sequence, message);
      this.#bytes += message.payload.length;
    }
  }

  /** Forgets what changes take out of the log. */
  forget(changes: readonly SessionChange[]): void {
    if (this.#entries.size === 0) return;
    for (const change of changes) {
      if (change.type !== "deleteQueued") continue;
      this.#bytes -= this.#entries.get(change.sequence)?.payload.length ?? 0;
      this.#entries.delete(change.sequence);
    }
  }

  /** All of them. */
  entries(): Iterable<QueuedMessage> {
    return this.#entries.values();
  }

  /** So many are about to be claimed. */
  begin(count: number): void {
    this.#underWay += count;
  }

  /** So many were claimed or not. */
  end(count: number): void {
    this.#underWay -= count;
    if (this.#underWay > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Ends when nothing is being claimed. */
  settled(): Promise<void> {
    return this.#underWay === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}
