import assert from "node:assert/strict";
import { JOURNAL_KEPT_MS } from "../../../../src/store/records/journal.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { acquired, batch, NOW, request } from "../../store/key_value/kit.ts";

Deno.test("what an ended session left to be swept falls due at its end", async () => {
  const store = memoryStore();
  await store.renewNode("node", NOW + 90_000);
  const { guard } = await acquired(store, request("c", "1"));
  assert.equal(await store.nextDueAt(), NOW + 90_000);
  await store.commit([batch("end", { guard, changes: [{ type: "endSession", reason: "administrative" }] })]);
  for (const next of [NOW, NOW + JOURNAL_KEPT_MS]) {
    assert.equal(await store.nextDueAt(), next);
    for (const work of await store.listDue(next, { limit: 10, graceMs: 0 })) {
      if (work.type === "sweep") await store.sweep(work.work);
    }
  }
  assert.equal(await store.nextDueAt(), undefined);
});
