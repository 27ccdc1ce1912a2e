/** The stores that faults are tried on, with a way to look at their bytes and to spoil them. */
import type { SessionStore } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { keyValueStore } from "../../../src/store/key_value/mod.ts";
import { DENO_KV_LIMITS, denoKvStore } from "../../../src/stores/deno_kv.ts";
import { mapDriver, random } from "../../../src/testing/mod.ts";

/** A key and its bytes. */
export interface StoredRow {
  readonly key: string;
  readonly value: Uint8Array;
}

/** All that is stored. */
export interface ReadableRows {
  all(): Promise<readonly StoredRow[]>;
}

/** Bytes under keys. */
export interface StoredRows extends ReadableRows {
  put(key: string, value: Uint8Array): Promise<void>;
}

/** A store to try. */
export interface Subject extends AsyncDisposable {
  readonly store: SessionStore;
  /** Absent where nothing is bytes. */
  readonly rows?: ReadableRows;
}

/** A store whose records can be read without it. */
export interface ReadableSubject extends Subject {
  readonly rows: ReadableRows;
}

/** A store whose records are bytes. */
export interface ByteSubject extends Subject {
  readonly rows: StoredRows;
}

/** A name, and a fresh store of that kind. */
export interface StoreKind<Kind extends Subject = Subject> {
  readonly name: string;
  make(): Promise<Kind>;
}

function memory(): Subject {
  return { store: memoryStore(), [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** The key-value store over a map, as limited as Deno KV. */
export function onMap(): ByteSubject {
  const driver = mapDriver({ limits: DENO_KV_LIMITS });
  const store = keyValueStore(driver, {
    capabilities: { fencing: "strict", durability: "process", consistency: "strong", watch: "none" },
    newId: random(1).id,
  });
  return {
    store,
    rows: {
      all: () => Promise.resolve(driver.entries()),
      put: (key, value) => Promise.resolve(driver.overwrite(key, value)),
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function onDenoKv(): Promise<ByteSubject> {
  const kv = await Deno.openKv(":memory:");
  return {
    store: denoKvStore(kv, { durability: "process" }),
    rows: {
      all: async () => {
        const rows: StoredRow[] = [];
        for await (const { key, value } of kv.list<Uint8Array>({ prefix: [] })) {
          rows.push({ key: String(key[0]), value });
        }
        return rows;
      },
      put: async (key, value) => {
        await kv.set([key], value);
      },
    },
    [Symbol.asyncDispose]: () => Promise.resolve(kv.close()),
  };
}

/** Those whose records are bytes. */
export const BYTE_STORES: readonly StoreKind<ByteSubject>[] = [
  { name: "key-value", make: () => Promise.resolve(onMap()) },
  { name: "Deno KV", make: onDenoKv },
];

/** All of them. */
export const STORES: readonly StoreKind[] = [
  { name: "memory", make: () => Promise.resolve(memory()) },
  ...BYTE_STORES,
];
