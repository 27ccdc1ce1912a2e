/**
 * Outboxes of sessions as this store saw them last.
 *
 * @module
 */

/** The most outboxes that are remembered. */
const MOST = 10_000;

/** Remembers whose outboxes hold something, so that nobody has to look. */
export class KnownDebtors {
  readonly #parts = new Map<string, string>();
  readonly #emptied = new Set<string>();

  /** The session's part of keys of an outbox that holds something. */
  get(id: string): string | undefined {
    return this.#parts.get(id);
  }

  /** Whether this store has just emptied an outbox; asked once, for others may have filled it since. */
  wasEmptied(id: string): boolean {
    return this.#emptied.delete(id);
  }

  /** Notes what the index is told: of outboxes that hold something, each with `=` and its session, or of empty ones. */
  note(holds: boolean, args: readonly string[]): void {
    if (!holds) {
      for (const id of args) {
        this.#parts.delete(id);
        this.#emptied.add(id);
      }
    } else {
      for (let index = 0; index < args.length; index += 2) {
        const id = args[index] ?? "";
        this.#emptied.delete(id);
        this.#parts.set(id, (args[index + 1] ?? "=").slice(1));
      }
    }
    for (const kept of [this.#parts, this.#emptied]) {
      while (kept.size > MOST) {
        const [oldest = ""] = kept.keys();
        kept.delete(oldest);
      }
    }
  }
}
