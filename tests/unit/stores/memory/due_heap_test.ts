import assert from "node:assert/strict";
import fc from "fast-check";
import { DueHeap, type DueItem } from "../../../../src/stores/memory/due_heap.ts";

Deno.test("the heap gives what is due, earliest first, whatever was set, moved and taken out before", () => {
  const move = fc.record({ item: fc.nat(30), dueAt: fc.oneof(fc.nat(20), fc.constant(Infinity)) });
  fc.assert(fc.property(fc.array(move, { maxLength: 120 }), fc.nat(25), fc.nat(12), (moves, now, limit) => {
    const heap = new DueHeap<DueItem>();
    const items = Array.from({ length: 31 }, (): DueItem => ({ dueAt: Infinity, place: -1 }));
    for (const { item, dueAt } of moves) {
      const moved = items[item];
      if (moved !== undefined) heap.set(moved, dueAt);
      const times = items.map((each) => each.dueAt).filter((at) => at !== Infinity).sort((a, b) => a - b);
      assert.equal(heap.next, times[0]);
    }
    const expected = items.map(({ dueAt }) => dueAt).filter((at) => at <= now).sort((a, b) => a - b).slice(0, limit);
    const due = heap.due(now, limit);
    assert.deepEqual(due.map(({ dueAt }) => dueAt), expected);
    assert.equal(new Set(due).size, due.length);
  }));
});
