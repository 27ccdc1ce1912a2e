/** Sessions that connections of this node may still hold in the store, though they can commit no more. */
export class Orphans {
  readonly #tokens = new Map<string, Set<string>>();

  /** How many clients they are of. */
  get size(): number {
    return this.#tokens.size;
  }

  /** A connection held the session by this token, or may come to hold it. */
  add(clientId: string, token: string): void {
    const tokens = this.#tokens.get(clientId);
    if (tokens === undefined) this.#tokens.set(clientId, new Set([token]));
    else tokens.add(token);
  }

  /** Those of each client, as they are now. */
  all(): readonly (readonly [clientId: string, tokens: ReadonlySet<string>])[] {
    return Array.from(this.#tokens, ([clientId, tokens]) => [clientId, new Set(tokens)]);
  }

  /** These are seen to; others may have come meanwhile. */
  remove(clientId: string, tokens: ReadonlySet<string>): void {
    const left = this.#tokens.get(clientId)?.difference(tokens) ?? new Set();
    if (left.size === 0) this.#tokens.delete(clientId);
    else this.#tokens.set(clientId, left);
  }
}
