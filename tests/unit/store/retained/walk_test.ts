import assert from "node:assert/strict";
import fc from "fast-check";
import { matches } from "../../../../src/mqtt/filter.ts";
import { escapeTopic } from "../../../../src/store/retained/position.ts";
import { walkOf } from "../../../../src/store/retained/walk.ts";

const level = fc.constantFrom("", "a", "b", "a-", "a$", "$a", "a b", "ab", "é", "%", "+a", "0").map((text) =>
  text.replace("+", "")
);
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/")).filter((text) =>
  text !== ""
);
const filter = fc.tuple(
  fc.array(fc.oneof(level, fc.constant("+")), { minLength: 0, maxLength: 4 }),
  fc.boolean(),
).map(([levels, ends]) => [...levels, ...(ends ? ["#"] : [])].join("/")).filter((text) => text !== "");

Deno.test("a walk passes over nothing that matches, and stops at nothing that does not", () => {
  fc.assert(
    fc.property(fc.uniqueArray(topic, { maxLength: 60 }), filter, (topics, wanted) => {
      const walk = walkOf(wanted);
      const sorted = topics.map((text) => ({ text, at: escapeTopic(text) })).sort((a, b) => a.at < b.at ? -1 : 1);
      const found: string[] = [];
      let from = walk.start;
      for (const { text, at } of sorted) {
        if (at < from || at >= walk.end) continue;
        const verdict = walk.judge(text);
        if (verdict === undefined) break;
        if (verdict === true) found.push(text);
        else {
          assert.ok(verdict >= at, `${wanted} goes back at ${text}`);
          from = verdict;
        }
      }
      assert.deepEqual(found, sorted.filter(({ text }) => matches(wanted, text)).map(({ text }) => text));
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("a walk passes over whole branches that cannot match", () => {
  assert.equal(walkOf("+/status").judge("dev1/battery"), "dev1/status");
  assert.equal(walkOf("+/status").judge("dev1/temp"), "dev10");
  assert.equal(walkOf("a/+/c").judge("a/b/c/d"), "a/b/c0");
  assert.equal(walkOf("a/#").judge("a"), true);
  assert.equal(walkOf("a/#").judge("a$"), "a/");
  assert.equal(walkOf("#").judge("$SYS/x"), "$SYS0");
});
