import { memoryStore } from "../../src/stores/memory.ts";
import { denoKvDriver, denoKvStore } from "../../src/stores/deno_kv.ts";
import { compareStores, plantFault, storeConformance, type StoreUnderTest } from "../../src/testing/mod.ts";

/** A store on a file of its own, which a reopening opens again: nothing but the file outlives it. */
async function onFile(): Promise<StoreUnderTest> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/sessions.db`;
  let kv = await Deno.openKv(path);
  let other: Deno.Kv | undefined;
  return {
    store: denoKvStore(kv),
    close: async () => {
      kv.close();
      other?.close();
      await Deno.remove(folder, { recursive: true });
    },
    reopen: async () => {
      kv.close();
      kv = await Deno.openKv(path);
      return denoKvStore(kv);
    },
    beside: async () => {
      other = await Deno.openKv(path);
      return denoKvStore(other);
    },
    plant: (fault) => plantFault(denoKvDriver(kv), fault),
  };
}

storeConformance({ test: Deno.test, name: "Deno KV on a file", store: onFile });

Deno.test("Deno KV answers and holds what the memory store does, on random histories", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const subject = await onFile();
    try {
      await compareStores(memoryStore(), subject.store, { seed, steps: 100 });
    } finally {
      await subject.close();
    }
  }
});
