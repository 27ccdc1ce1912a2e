import { memoryStore } from "../../src/stores/memory.ts";
import { storeConformance } from "../../src/testing/mod.ts";

storeConformance({
  test: Deno.test,
  name: "memory",
  store: () => Promise.resolve({ store: memoryStore(), close: () => {} }),
});

storeConformance({
  test: Deno.test,
  name: "memory, tight",
  store: () =>
    Promise.resolve({
      store: memoryStore({ maxReceiversPerCommit: 7, maxMessageBytes: 65_536, maxChangesPerBatch: 24 }),
      close: () => {},
    }),
});
