/** Sessions that connections of this node may still hold in the store, though they can commit no more. */
export class Orphans {
  /** Client → token → when to see to it, in epoch milliseconds. */
  readonly #tokens = new Map<string, Map<string, number>>();

  /** When the first is to be seen to; `Infinity` when there is none. */
  get nextAt(): number {
    return [...this.#tokens.values()].reduce((first, tokens) => Math.min(first, ...tokens.values()), Infinity);
  }

  /** The session is held by this token, or may come to be: it is seen to from a time on, at once unless that is given. */
  add(clientId: string, token: string, from = 0): void {
    const tokens = this.#tokens.get(clientId) ?? new Map<string, number>();
    this.#tokens.set(clientId, tokens.set(token, Math.min(from, tokens.get(token) ?? Infinity)));
  }

  /** Those of each client that are to be seen to, as they are now. */
  due(now: number): readonly (readonly [clientId: string, tokens: ReadonlySet<string>])[] {
    return Array.from(this.#tokens, ([clientId, tokens]) => {
      const due = [...tokens].filter(([, from]) => from <= now).map(([token]) => token);
      return [clientId, new Set(due)] as const;
    }).filter(([, tokens]) => tokens.size > 0);
  }

  /** These are seen to; others may have come meanwhile. */
  remove(clientId: string, tokens: ReadonlySet<string>): void {
    const left = this.#tokens.get(clientId);
    for (const token of tokens) left?.delete(token);
    if (left?.size === 0) this.#tokens.delete(clientId);
  }
}
