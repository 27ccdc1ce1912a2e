import assert from "node:assert/strict";
import fc from "fast-check";
import { MessageLog } from "../../../../src/stores/memory/log.ts";

const RECEIVER = { clientId: "c", incarnation: "i", retain: false, subscriptionIdentifiers: [] } as const;

Deno.test("the log holds what was appended and not removed, in order, page by page", () => {
  const move = fc.oneof(
    { weight: 3, arbitrary: fc.record({ bytes: fc.nat(9), qos: fc.constantFrom(0 as const, 1 as const) }) },
    { weight: 2, arbitrary: fc.record({ remove: fc.integer({ min: 0, max: 90 }) }) },
  );
  fc.assert(fc.property(
    fc.array(move, { maxLength: 120 }),
    fc.nat(50),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 40 }),
    (moves, after, messages, bytes) => {
      const log = new MessageLog();
      const model = new Map<number, { readonly bytes: number; readonly qos: 0 | 1 }>();
      let tail = 0;
      for (const step of moves) {
        if ("remove" in step) {
          assert.equal(log.bytesOf(step.remove), model.get(step.remove)?.bytes);
          assert.equal(log.remove(step.remove), model.delete(step.remove));
          continue;
        }
        const { qos } = step;
        const payload = new Uint8Array(step.bytes);
        const message = { topic: "t", payload, qos, retain: false, properties: {}, publisher: "", publishedAt: 0 };
        model.set(++tail, { bytes: step.bytes + 1, qos });
        assert.equal(log.append(message, { ...RECEIVER, qos }), tail);
      }
      const rest = [...model].filter(([sequence]) => sequence > after);
      let sum = 0;
      const expected = rest.filter(([, { bytes: own }], index) => {
        sum += own;
        return index === 0 || (index < messages && sum <= bytes);
      }).map(([sequence]) => sequence);
      const page = log.page(after, { messages, bytes });
      assert.deepEqual(page.messages.map(({ sequence }) => sequence), expected);
      assert.equal(page.tail, tail);
      const next = rest[expected.length]?.[0];
      assert.ok(
        next === undefined ? page.through === tail : page.through < next && page.through >= (expected.at(-1) ?? 0),
      );
      assert.deepEqual([log.count, log.bytes, log.tail], [
        model.size,
        [...model.values()].reduce((total, each) => total + each.bytes, 0),
        tail,
      ]);
      const qos0 = rest.filter(([, { qos }]) => qos === 0).map(([sequence]) => sequence);
      assert.deepEqual([...log.candidates(after, true)].map(({ sequence }) => sequence), qos0);
    },
  ));
});
