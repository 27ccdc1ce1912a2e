import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { type IndexedDbStore, indexedDbStore } from "../../src/stores/idb_keyval/mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { compareStores, storeConformance, type StoreUnderTest } from "../../src/testing/mod.ts";

/** A store in a database of its own, which a reopening opens again, as another page would. */
function inDatabase(): Promise<StoreUnderTest> {
  const platform = { indexedDB: new IDBFactory(), IDBKeyRange };
  const open = () => indexedDbStore({ database: "sessions", platform });
  let store = open();
  let other: IndexedDbStore | undefined;
  return Promise.resolve({
    store,
    close: async () => {
      await store.close();
      await other?.close();
    },
    beside: () => Promise.resolve(other = open()),
    reopen: async () => {
      await store.close();
      return store = open();
    },
  });
}

storeConformance({ test: Deno.test, name: "IndexedDB", store: inDatabase });

Deno.test("IndexedDB answers and holds what the memory store does, on random histories", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const subject = await inDatabase();
    try {
      await compareStores(memoryStore(), subject.store, { seed, steps: 100 });
    } finally {
      await subject.close();
    }
  }
});
