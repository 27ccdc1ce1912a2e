/**
 * What of a browser is used: its IndexedDB, key ranges, and a channel between the pages of an origin.
 *
 * The public shapes are as small as can be, so that this type-checks where no browser's types are known; the rest is what
 * the specification says of what they give.
 *
 * @module
 */

/** Where an {@linkcode indexedDbStore} finds the database; `globalThis` of a browser is one. */
export interface IndexedDbPlatform {
  /** Opens databases. */
  readonly indexedDB?: { open(name: string, version?: number): unknown } | null;
  /** Makes ranges of keys. */
  readonly IDBKeyRange?: { bound(lower: string, upper: string, lowerOpen: boolean, upperOpen: boolean): unknown };
  /** Tells the other pages of the origin of news. */
  readonly BroadcastChannel?: new (name: string) => BroadcastChannelLike;
}

/** What of a `BroadcastChannel` is used. */
export interface BroadcastChannelLike {
  /** Tells all others of that name. */
  postMessage(message: unknown): void;
  /** Hears from all others of that name. */
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  /** Ends it. */
  close(): void;
}

/** A request of IndexedDB. */
export interface DbRequest<Value> {
  readonly result: Value;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: ((event: { preventDefault(): void }) => void) | null;
}

/** A request for a database. */
export interface OpenRequest extends DbRequest<Database> {
  onblocked: (() => void) | null;
  onupgradeneeded: (() => void) | null;
}

/** A connection to a database. */
export interface Database {
  readonly version: number;
  readonly objectStoreNames: { contains(name: string): boolean };
  createObjectStore(name: string): ObjectStore;
  transaction(store: string, mode: Mode, options: { readonly durability: "strict" }): Transaction;
  close(): void;
  onclose: (() => void) | null;
  onversionchange: (() => void) | null;
}

/** What a transaction may do. */
export type Mode = "readonly" | "readwrite";

/** A transaction. */
export interface Transaction {
  readonly error: unknown;
  objectStore(name: string): ObjectStore;
  abort(): void;
  /** Absent in older browsers, which commit by themselves. */
  commit?(): void;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}

/** An object store inside of one transaction. */
export interface ObjectStore {
  readonly transaction: Transaction;
  get(key: string | number): DbRequest<unknown>;
  getKey(key: string): DbRequest<unknown>;
  getAll(range: unknown, count: number): DbRequest<readonly unknown[]>;
  getAllKeys(range: unknown, count: number): DbRequest<readonly unknown[]>;
  put(value: unknown, key: string | number): DbRequest<unknown>;
  delete(key: string): DbRequest<undefined>;
}
