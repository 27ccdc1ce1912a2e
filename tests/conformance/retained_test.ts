import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { denoKvRetained } from "../../src/stores/deno_kv.ts";
import { indexedDbRetained } from "../../src/stores/idb_keyval/mod.ts";
import { keyValueRetained } from "../../src/store/key_value/mod.ts";
import type { DriverLimits } from "../../src/store/key_value/mod.ts";
import { memoryRetained } from "../../src/stores/memory.ts";
import { mapDriver, random, retainedConformance } from "../../src/testing/mod.ts";

const { test } = Deno;

retainedConformance({
  test,
  name: "memory",
  store: () => Promise.resolve({ retained: memoryRetained(), close: () => {} }),
});

/** Tighter than any backend, so that everything comes in parts. */
const TIGHT: Partial<DriverLimits> = {
  valueBytes: 20_000,
  keyBytes: 2_048,
  keysPerGet: 2,
  entriesPerList: 3,
  checksPerCommit: 20,
  mutationsPerCommit: 90,
  bytesPerCommit: 60_000,
  keyBytesPerCommit: 20_000,
};

for (const [name, limits] of Object.entries({ "without limits": {}, "tight": TIGHT })) {
  retainedConformance({
    test,
    name: `key-value ${name}`,
    store: () => {
      const driver = mapDriver({ limits });
      const newId = random(1).id;
      const open = () => keyValueRetained(driver, { durability: "process", newId });
      return Promise.resolve({ retained: open(), close: () => {}, reopen: () => Promise.resolve(open()) });
    },
  });
}

retainedConformance({
  test,
  name: "Deno KV on a file",
  store: async () => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/retained.db`;
    let kv = await Deno.openKv(path);
    return {
      retained: denoKvRetained(kv),
      close: async () => {
        kv.close();
        await Deno.remove(folder, { recursive: true });
      },
      reopen: async () => {
        kv.close();
        kv = await Deno.openKv(path);
        return denoKvRetained(kv);
      },
    };
  },
});

retainedConformance({
  test,
  name: "IndexedDB",
  store: () => {
    const platform = { indexedDB: new IDBFactory(), IDBKeyRange };
    const open = () => indexedDbRetained({ database: "retained", platform });
    let retained = open();
    return Promise.resolve({
      retained,
      close: () => retained.close(),
      reopen: async () => {
        await retained.close();
        return retained = open();
      },
    });
  },
});
