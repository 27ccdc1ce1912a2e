import assert from "node:assert/strict";
import fc from "fast-check";
import { matches } from "../../../src/mqtt/filter.ts";
import { candidates, MAX_WILDCARD_LEVELS, shapeOf, shapeSet } from "../../../src/routing/shape.ts";
import { filters, topics } from "./arbitraries.ts";

Deno.test("A shape names the wildcards of a filter and leaves its texts out", () => {
  const table: readonly (readonly [filter: string, shape: string])[] = [
    ["a", "="],
    ["a/b/c", "="],
    ["/", "="],
    ["$SYS/a", "="],
    ["=", "="],
    ["#", "#"],
    ["+", "+"],
    ["a/#", ".#"],
    ["/#", ".#"],
    ["+/#", "+#"],
    ["a/+", ".+"],
    ["/+/", ".+."],
    ["sport/+/score/#", ".+.#"],
    ["+/+/+", "+++"],
  ];
  for (const [filter, shape] of table) assert.equal(shapeOf(filter), shape, filter);
});

Deno.test("A filter without wildcards has a shape at any depth, one with wildcards up to 128 levels", () => {
  assert.equal(shapeOf("/".repeat(65_535)), "=");
  assert.equal(shapeOf("+" + "/".repeat(MAX_WILDCARD_LEVELS - 1)), "+" + ".".repeat(127));
  assert.equal(shapeOf("+" + "/".repeat(MAX_WILDCARD_LEVELS)), undefined);
  assert.equal(shapeOf("/".repeat(127) + "#"), ".".repeat(127) + "#");
  assert.equal(shapeOf("/".repeat(128) + "#"), undefined);
  assert.equal(shapeOf("+/".repeat(32_767) + "#"), undefined);
});

Deno.test("A topic has one candidate for each shape that fits it", () => {
  const shapes = shapeSet([
    "=",
    "#",
    "+",
    ".#",
    "+#",
    ".+",
    "+.",
    "..#",
    ".+#",
    ".+.",
    "+.+",
    "...#",
    "++..",
    "=",
    "#",
  ]);
  const table: readonly (readonly [topic: string, filters: readonly string[]])[] = [
    ["a", ["a", "#", "+", "a/#", "+/#"]],
    ["a/b", ["a/b", "#", "a/#", "+/#", "a/+", "+/b", "a/b/#", "a/+/#"]],
    ["a/b/c", ["a/b/c", "#", "a/#", "+/#", "a/b/#", "a/+/#", "a/+/c", "+/b/+", "a/b/c/#"]],
    ["a/b/c/d", ["a/b/c/d", "#", "a/#", "+/#", "a/b/#", "a/+/#", "a/b/c/#", "+/+/c/d"]],
    ["/", ["/", "#", "/#", "+/#", "/+", "+/", "//#", "/+/#"]],
    ["$SYS", ["$SYS", "$SYS/#"]],
    ["$SYS/x", ["$SYS/x", "$SYS/#", "$SYS/+", "$SYS/x/#", "$SYS/+/#"]],
    ["__proto__/😀", [
      "__proto__/😀",
      "#",
      "__proto__/#",
      "+/#",
      "__proto__/+",
      "+/😀",
      "__proto__/😀/#",
      "__proto__/+/#",
    ]],
  ];
  for (const [topic, filters] of table) {
    assert.deepEqual(candidates(topic, shapes).toSorted(), filters.toSorted(), topic);
  }
});

Deno.test("A topic has no candidates in an empty set", () => {
  assert.deepEqual(candidates("a/b", shapeSet([])), []);
});

Deno.test("A topic much deeper than every shape has candidates all the same", () => {
  const topic = "/".repeat(65_535);
  assert.deepEqual(candidates(topic, shapeSet(["=", "..+#", "+..", "#"])), [
    topic,
    "#",
    "//+/#",
  ]);
});

Deno.test("A set of shapes takes shapes only", () => {
  for (const word of ["", ".", "..", "a", "==", "#.", "##", ".#.", "+#+", "=+", "+\n", "+".repeat(129)]) {
    assert.throws(() => shapeSet([word]), RangeError, word);
  }
  assert.deepEqual(shapeSet(["#", "=", "#"]).shapes, ["#", "="]);
});

Deno.test("SB-32: a filter is among the candidates exactly if it matches [MQTT-4.7.2-1]", () => {
  fc.assert(
    fc.property(topics, fc.array(filters, { minLength: 1, maxLength: 20 }), (topic, subscribed) => {
      const shapes = shapeSet(subscribed.map((filter) => shapeOf(filter) ?? ""));
      const found = candidates(topic, shapes);
      for (const filter of subscribed) {
        assert.equal(found.includes(filter), matches(filter, topic), `${filter} and ${topic}`);
      }
      for (const filter of found) assert.ok(matches(filter, topic), `${filter} and ${topic}`);
      assert.equal(new Set(found).size, found.length);
    }),
    { numRuns: 2_000 },
  );
});
