import type { QueuedMessage } from "../../mqtt/message.ts";
import type { QueuePage } from "../../store/session_store.ts";
import { storedKey } from "./translation.ts";

/** What is remembered of the log of one session. Entries never change, so it holds whoever changes the session. */
export class KnownLog {
  readonly #entries = new Map<number, QueuedMessage>();
  readonly #byKey = new Map<string, Set<number>>();
  #through = 0;

  /** All entries up to here were looked at: those that are not remembered are gone, or were acknowledged. */
  get through(): number {
    return this.#through;
  }

  /** The entry at this place, if it is remembered. */
  entry(sequence: number): QueuedMessage | undefined {
    return this.#entries.get(sequence);
  }

  /** The places of a message, in order: aedes queues it once for each subscription that matches. */
  placesOf(key: string): readonly number[] {
    return [...this.#byKey.get(key) ?? []].sort((a, b) => a - b);
  }

  /** A page was read that begins behind what was looked at, or within. */
  learn(page: QueuePage, after: number): void {
    for (const message of page.messages) this.add(message);
    if (after <= this.#through && page.through > this.#through) this.#through = page.through;
  }

  /** An entry was read, or appended. */
  add(message: QueuedMessage): void {
    const { sequence } = message;
    if (sequence === this.#through + 1) this.#through = sequence;
    if (this.#entries.has(sequence)) return;
    this.#entries.set(sequence, message);
    const key = storedKey(message);
    const places = this.#byKey.get(key);
    if (places === undefined) this.#byKey.set(key, new Set([sequence]));
    else places.add(sequence);
  }

  /** An entry is gone from the log. */
  forget(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return;
    this.#entries.delete(sequence);
    const key = storedKey(entry);
    const places = this.#byKey.get(key);
    places?.delete(sequence);
    if (places?.size === 0) this.#byKey.delete(key);
  }
}
