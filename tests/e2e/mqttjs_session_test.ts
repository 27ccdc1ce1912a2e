import { denoKvStore } from "../../src/stores/deno_kv.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { mapDriver } from "../../src/testing/map_driver.ts";
import { mqttjsSessions } from "./suites/mqttjs_session.ts";

const NOTHING_TO_CLOSE = { [Symbol.asyncDispose]: () => Promise.resolve() };

mqttjsSessions("memory", () => Promise.resolve({ store: memoryStore(), ...NOTHING_TO_CLOSE }));

mqttjsSessions("key-value", () => {
  const store = keyValueStore(mapDriver(), {
    capabilities: { fencing: "strict", durability: "process", consistency: "strong", watch: "none" },
  });
  return Promise.resolve({ store, ...NOTHING_TO_CLOSE });
});

mqttjsSessions("Deno KV", async () => {
  const kv = await Deno.openKv(":memory:");
  return {
    store: denoKvStore(kv),
    [Symbol.asyncDispose]() {
      kv.close();
      return Promise.resolve();
    },
  };
});
