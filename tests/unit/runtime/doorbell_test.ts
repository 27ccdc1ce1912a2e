import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import { world } from "./support.ts";

for (const [watch, polls] of [["process", true], ["everywhere", false]] as const) {
  Deno.test(`a store that tells of news ${watch} is ${polls ? "polled as well" : "not polled"}`, async () => {
    const inner = memoryStore();
    const w = world({}, { ...inner, capabilities: { ...inner.capabilities, watch } });
    w.broker.start();
    await w.connect("c", { keepAlive: 0 });
    const wakeAt = await w.broker.nextWakeAt() ?? Infinity;
    assert.equal(wakeAt <= w.clock.now() + 1_000, polls);
    await w.broker.shutdown();
  });
}
