/**
 * A session store in Deno KV: on disk beside the process, or shared by all isolates of Deno Deploy.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import type { StoreCapabilities } from "../store/capabilities.ts";
import type {
  Check,
  DriverLimits,
  Entry,
  KeyRange,
  KeyValueDriver,
  Mutation,
  Page,
} from "../store/key_value/driver.ts";
import { keyValueRetained, keyValueStore } from "../store/key_value/mod.ts";
import type { RetainedStore } from "../store/retained_store.ts";
import type { SessionStore } from "../store/session_store.ts";

/** An entry of Deno KV, as far as it is read. */
export interface DenoKvEntry {
  /** The parts of the key. */
  readonly key: readonly unknown[];
  /** What is stored; `null` where nothing is. */
  readonly value: unknown;
  /** Changes with each write; `null` where nothing is stored. */
  readonly versionstamp: string | null;
}

/** An atomic operation of Deno KV. */
export interface DenoKvAtomic {
  /** Insists on versions. */
  check(...checks: { readonly key: readonly string[]; readonly versionstamp: string | null }[]): DenoKvAtomic;
  /** Writes a key. */
  set(key: readonly string[], value: unknown): DenoKvAtomic;
  /** Deletes a key. */
  delete(key: readonly string[]): DenoKvAtomic;
  /** Carries out all of it, or nothing if a check fails. */
  commit(): Promise<{ readonly ok: boolean; readonly versionstamp?: string }>;
}

/** What of a `Deno.Kv` is used. The caller opens it and closes it. */
export interface DenoKvLike {
  /** Reads keys, all at one moment. */
  getMany(keys: readonly (readonly string[])[]): Promise<readonly DenoKvEntry[]>;
  /** Reads a range, in batches. */
  list(
    range: { readonly start: readonly string[]; readonly end: readonly string[] },
    options: { readonly limit: number; readonly batchSize: number },
  ): AsyncIterableIterator<DenoKvEntry>;
  /** Begins an atomic operation. */
  atomic(): DenoKvAtomic;
  /** Tells of writes to keys, beginning with how they stand. */
  watch(keys: readonly (readonly string[])[]): ReadableStream<unknown>;
}

/** How a {@linkcode denoKvStore} is set up. */
export interface DenoKvStoreOptions {
  /** In front of all keys, so that several stores can share a database. Default: `mqtt`. */
  readonly prefix?: string;
  /**
   * What a committed write outlives: `host` for a file, which is the default; `process` for `:memory:`; `replicated` on
   * Deno Deploy.
   */
  readonly durability?: StoreCapabilities["durability"];
  /** How often a call is repeated while another process holds the file. Default: 30. */
  readonly busyRetries?: number;
  /**
   * Waits before such a call is repeated; `retry` counts from 0. Default: up to 1 ms, then twice as long each time up to
   * 50 ms, each drawn by chance, since two processes that wait equally long meet again.
   */
  readonly wait?: (retry: number) => Promise<void>;
}

/**
 * The limits of Deno KV, as measured on SQLite. A commit is allowed 819 200 bytes and 81 920 bytes of keys there; the
 * rest is left for what Deno adds to each key.
 */
export const DENO_KV_LIMITS: DriverLimits = {
  valueBytes: 65_536,
  keyBytes: 2_000,
  keysPerGet: 10,
  entriesPerList: 500,
  checksPerCommit: 100,
  mutationsPerCommit: 1_000,
  bytesPerCommit: 780_000,
  keyBytesPerCommit: 76_000,
};

/**
 * Keeps sessions in Deno KV.
 *
 * Native expiry is not used: it is lazy, and would have to be longer than any doubt. What sessions leave behind goes
 * with `sweep`. A node is told of news at once within a process and on Deno Deploy; between processes that share a file
 * Deno KV tells nothing, so there nodes poll `readRings` as well.
 *
 * Processes that share a file write one at a time. SQLite waits up to five seconds for its turn, or turns a call away at
 * once where waiting could not help: then Deno says `database is locked`, nothing of the commit was carried out, and it
 * is repeated up to `busyRetries` times. Reads never wait for a writer.
 *
 * @example
 * ```ts ignore
 * import { denoKvStore } from "@edge-mqtt/session/deno-kv";
 *
 * using kv = await Deno.openKv();
 * const store = denoKvStore(kv);
 * ```
 */
export function denoKvStore(kv: DenoKvLike, options: DenoKvStoreOptions = {}): SessionStore {
  const { prefix, durability = "host" } = options;
  return keyValueStore(denoKvDriver(kv, options), {
    capabilities: {
      fencing: "strict",
      durability,
      consistency: "strong",
      // Of a file, each process hears of its own writes alone.
      watch: durability === "host" ? "process" : "everywhere",
    },
    ...(prefix === undefined ? {} : { prefix }),
  });
}

/**
 * Keeps retained messages in Deno KV; the database and the prefix may be those of a {@linkcode denoKvStore}.
 *
 * @example
 * ```ts ignore
 * import { denoKvRetained, denoKvStore } from "@edge-mqtt/session/deno-kv";
 *
 * using kv = await Deno.openKv();
 * const broker = sessionBroker({ store: denoKvStore(kv), retained: denoKvRetained(kv) });
 * ```
 */
export function denoKvRetained(kv: DenoKvLike, options: DenoKvStoreOptions = {}): RetainedStore {
  const { prefix, durability = "host" } = options;
  return keyValueRetained(denoKvDriver(kv, options), { durability, ...(prefix === undefined ? {} : { prefix }) });
}

/** Deno KV as ordered keys with atomic commits. */
export function denoKvDriver(kv: DenoKvLike, options: DenoKvStoreOptions = {}): KeyValueDriver {
  const { busyRetries = 30, wait = waitForTurn } = options;
  /** Repeats a call that found the file locked: nothing of it was carried out. */
  const whenFree = async <Value>(what: string, call: () => Promise<Value>): Promise<Value> => {
    for (let retry = 0;; retry++) {
      try {
        return await call();
      } catch (cause) {
        if (!isBusy(cause)) throw cause;
        if (retry >= busyRetries) {
          throw new SessionError("STORE_UNAVAILABLE", `Cannot ${what}: the database stayed locked`, { cause });
        }
        await wait(retry);
      }
    }
  };
  return {
    limits: DENO_KV_LIMITS,
    get: (keys) =>
      whenFree("read", async () => {
        const entries = await kv.getMany(keys.map((key) => [key]));
        return entries.map(({ value, versionstamp }, index) => entryOf(keys[index] ?? "", value, versionstamp));
      }),
    list: ({ start, end, limit }: KeyRange) =>
      whenFree("list", async (): Promise<Page> => {
        const entries: Entry[] = [];
        // One batch as large as the page is one read, at one moment.
        for await (
          const { key, value, versionstamp } of kv.list({ start: [start], end: [end] }, { limit, batchSize: limit })
        ) {
          const entry = entryOf(String(key[0]), value, versionstamp);
          if (entry !== undefined) entries.push(entry);
        }
        return { entries, more: entries.length === limit };
      }),
    commit: (checks, mutations) =>
      whenFree("commit", async () => {
        const result = await atomicOf(kv, checks, mutations).commit();
        return result.ok ? { version: result.versionstamp ?? "" } : undefined;
      }),
    watch: (key, signal) => watchKey(kv, key, signal),
  };
}

async function* watchKey(kv: DenoKvLike, key: string, signal: AbortSignal): AsyncGenerator<void, void> {
  if (signal.aborted) return;
  const reader = kv.watch([[key]]).getReader();
  // What cannot be cancelled any more has ended already.
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    while (!(await reader.read()).done && !signal.aborted) yield;
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

const LONGEST_WAIT_MS = 50;

/** SQLite tells nobody when a file is free again: all that is left is to try again later. */
function waitForTurn(retry: number): Promise<void> {
  const longestMs = Math.min(2 ** retry, LONGEST_WAIT_MS);
  // deno-lint-ignore edge-mqtt/no-ambient -- no clock of a broker reaches this far down; `wait` replaces it
  return new Promise((resolve) => setTimeout(resolve, Math.random() * longestMs));
}

function atomicOf(kv: DenoKvLike, checks: readonly Check[], mutations: readonly Mutation[]): DenoKvAtomic {
  const atomic = kv.atomic();
  for (const { key, version } of checks) atomic.check({ key: [key], versionstamp: version });
  for (const mutation of mutations) {
    if (mutation.type === "set") atomic.set([mutation.key], mutation.value);
    else atomic.delete([mutation.key]);
  }
  return atomic;
}

/** A value that is no bytes reads as a record of no bytes: unreadable, under its key. */
function entryOf(key: string, value: unknown, version: string | null): Entry | undefined {
  if (version === null) return undefined;
  return { key, value: value instanceof Uint8Array ? value : new Uint8Array(), version };
}

/** Whether SQLite turned a call away before it began, since another process was writing. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message.includes("database is locked");
}
