/**
 * Collections that take no memory until something is put in. A broker holds many idle sessions, and most of them never
 * need most of their collections.
 */

const NOTHING: ReadonlyMap<number, never> = new Map<number, never>();
const NOBODY: ReadonlySet<number> = new Set();

/** A map by number that is made when it is needed. */
export class SparseMap<Value> {
  #entries: Map<number, Value> | undefined;

  /** Begins with a copy of some entries. */
  constructor(entries: ReadonlyMap<number, Value> = NOTHING) {
    this.#entries = entries.size === 0 ? undefined : new Map(entries);
  }

  /** How many entries there are. */
  get size(): number {
    return this.#entries?.size ?? 0;
  }

  /** All entries, in the order in which they came in; not a copy. */
  get entries(): ReadonlyMap<number, Value> {
    return this.#entries ?? NOTHING;
  }

  has(key: number): boolean {
    return this.#entries?.has(key) ?? false;
  }

  get(key: number): Value | undefined {
    return this.#entries?.get(key);
  }

  set(key: number, value: Value): void {
    (this.#entries ??= new Map()).set(key, value);
  }

  delete(key: number): boolean {
    return this.#entries?.delete(key) ?? false;
  }
}

/** A set of numbers that is made when it is needed. */
export class SparseSet {
  #members: Set<number> | undefined;

  /** Begins with a copy of some members. */
  constructor(members: ReadonlySet<number> = NOBODY) {
    this.#members = members.size === 0 ? undefined : new Set(members);
  }

  /** How many members there are. */
  get size(): number {
    return this.#members?.size ?? 0;
  }

  /** All members; not a copy. */
  get members(): ReadonlySet<number> {
    return this.#members ?? NOBODY;
  }

  has(member: number): boolean {
    return this.#members?.has(member) ?? false;
  }

  add(member: number): void {
    (this.#members ??= new Set()).add(member);
  }

  delete(member: number): boolean {
    return this.#members?.delete(member) ?? false;
  }
}
