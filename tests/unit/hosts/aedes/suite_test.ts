import { denoKvRetained, denoKvStore } from "../../../../src/stores/deno_kv.ts";
import { memoryRetained, memoryStore } from "../../../../src/stores/memory.ts";
import { runSuite } from "./support/suite.ts";

runSuite("memory", () => ({ store: memoryStore(), retained: memoryRetained() }));

const kv = await Deno.openKv(":memory:");
let prefixes = 0;
runSuite("Deno KV", () => {
  const prefix = `case-${prefixes++}`;
  return { store: denoKvStore(kv, { prefix }), retained: denoKvRetained(kv, { prefix }) };
});

Deno.test.afterAll(() => kv.close());
