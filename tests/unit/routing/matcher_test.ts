import assert from "node:assert/strict";
import fc from "fast-check";
import { matches } from "../../../src/mqtt/filter.ts";
import { subscriptionIndex } from "../../../src/routing/matcher.ts";
import { filters, topics } from "./arbitraries.ts";

Deno.test("An index finds the values of all filters that a topic matches [MQTT-4.7.2-1]", () => {
  const index = subscriptionIndex<string>();
  const subscribed = [
    "a",
    "a/b",
    "a/#",
    "#",
    "+/b",
    "+/+",
    "a/b/#",
    "+",
    "/",
    "$SYS/#",
    "$SYS/+",
    "__proto__",
    "a/+/c",
  ];
  for (const filter of subscribed) index.add(filter, "k", filter);
  const table: readonly (readonly [topic: string, found: readonly string[]])[] = [
    ["a", ["a", "a/#", "#", "+"]],
    ["a/b", ["a/b", "a/#", "#", "+/b", "+/+", "a/b/#"]],
    ["a/b/c", ["a/#", "#", "a/b/#", "a/+/c"]],
    ["/", ["/", "#", "+/+"]],
    ["$SYS", ["$SYS/#"]],
    ["$SYS/b", ["$SYS/#", "$SYS/+"]],
    ["__proto__", ["__proto__", "#", "+"]],
    ["constructor", ["#", "+"]],
    ["nobody/wants/this", ["#"]],
  ];
  for (const [topic, found] of table) assert.deepEqual(index.match(topic).toSorted(), found.toSorted(), topic);
  assert.equal(index.size, subscribed.length);
});

Deno.test("An index keeps one value for a filter and a key, and the last one put", () => {
  for (const filter of ["a/b", "a/+"]) {
    const index = subscriptionIndex<number>();
    index.add(filter, "x", 1);
    index.add(filter, "y", 2);
    index.add(filter, "x", 3);
    assert.deepEqual(index.match("a/b").toSorted(), [2, 3]);
    assert.equal(index.size, 2);
    assert.equal(index.remove(filter, "x"), true);
    assert.equal(index.remove(filter, "x"), false);
    assert.deepEqual(index.match("a/b"), [2]);
    assert.equal(index.remove(filter, "y"), true);
    assert.deepEqual(index.match("a/b"), []);
    assert.equal(index.size, 0);
  }
});

Deno.test("Removing what was never there changes nothing", () => {
  const index = subscriptionIndex<number>();
  index.add("a/+/c", "x", 1);
  index.add("a/b", "x", 2);
  for (const filter of ["a/+", "a/+/c/d", "b/+", "a", "#", "+/".repeat(200) + "#"]) {
    assert.equal(index.remove(filter, "x"), false, filter);
  }
  assert.equal(index.remove("a/+/c", "y"), false);
  assert.deepEqual([index.match("a/b/c"), index.match("a/b")], [[1], [2]]);
});

Deno.test("Removing a filter leaves those above and below it", () => {
  const nested = ["+", "+/b", "+/b/c", "+/b/#", "+/b/c/#"];
  for (const gone of nested) {
    const index = subscriptionIndex<string>();
    for (const filter of nested) index.add(filter, "k", filter);
    index.remove(gone, "k");
    const rest = nested.filter((filter) => filter !== gone);
    for (const topic of ["a", "a/b", "a/b/c", "a/b/c/d"]) {
      assert.deepEqual(index.match(topic).toSorted(), rest.filter((filter) => matches(filter, topic)).toSorted());
    }
  }
});

Deno.test("An index admits as many shapes as it may, and the filters of those for good", () => {
  const index = subscriptionIndex<number>({ maximumShapes: 2 });
  assert.equal(index.admit("a/b"), true);
  assert.equal(index.admit("a/+"), true);
  assert.equal(index.admit("+/a"), false);
  assert.equal(index.admit("x/y/z"), true);
  assert.equal(index.admit("b/+"), true);
  assert.deepEqual([...index.shapes], ["=", ".+"]);
  assert.throws(() => index.add("+/a", "k", 1), RangeError);
  assert.equal(index.size, 0);
  assert.deepEqual(index.match("b/a"), []);
  index.add("a/+", "k", 1);
  index.remove("a/+", "k");
  assert.equal(index.admit("+/a"), false);
});

Deno.test("An index takes 256 shapes unless another number is named", () => {
  const index = subscriptionIndex<number>();
  const admitted = Array.from({ length: 512 }, (_, bits) => {
    const levels = Array.from({ length: 9 }, (_, level) => bits >> level & 1 ? "+" : "a");
    return index.admit(levels.join("/"));
  });
  assert.equal(admitted.filter(Boolean).length, 256);
  assert.equal(admitted.lastIndexOf(true), 255);
});

Deno.test("The deepest topics and filters that fit a packet are matched and refused, not overflowed", () => {
  const index = subscriptionIndex<string>();
  const deepest = "/".repeat(65_535);
  index.add(deepest, "k", "exact");
  index.add("/".repeat(126) + "+/#", "k", "deep");
  index.add("#", "k", "all");
  index.add("+" + "/".repeat(127), "k", "128 levels");
  assert.equal(index.admit("+/".repeat(32_767) + "#"), false);
  assert.throws(() => index.add("+/".repeat(32_767) + "#", "k", ""), RangeError);
  assert.deepEqual(index.match(deepest).toSorted(), ["all", "deep", "exact"]);
  assert.deepEqual(index.match("/".repeat(127)).toSorted(), ["128 levels", "all", "deep"]);
  assert.deepEqual(index.match("/".repeat(128)).toSorted(), ["all", "deep"]);
});

Deno.test("A filter may have more subscribers than a call takes arguments", () => {
  const index = subscriptionIndex<number>();
  for (let n = 0; n < 200_000; n++) index.add("a", `client-${n}`, n);
  assert.equal(index.match("a").length, 200_000);
});

Deno.test("An index agrees with the matching rule after any adds and removes [MQTT-4.7.2-1]", () => {
  const step = fc.record({ add: fc.boolean(), filter: filters, key: fc.constantFrom("x", "y", "__proto__") });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(topics, { minLength: 1, maxLength: 10 }),
      (steps, asked) => {
        const index = subscriptionIndex<string>();
        const held = new Map<string, readonly [filter: string, value: string]>();
        for (const [number, { add, filter, key }] of steps.entries()) {
          const name = `${filter} ${key}`;
          if (add) {
            index.add(filter, key, `${name} ${number}`);
            held.set(name, [filter, `${name} ${number}`]);
          } else assert.equal(index.remove(filter, key), held.delete(name));
        }
        assert.equal(index.size, held.size);
        for (const topic of asked) {
          const wanted = [...held.values()].filter(([filter]) => matches(filter, topic)).map(([, value]) => value);
          assert.deepEqual(index.match(topic).toSorted(), wanted.toSorted(), topic);
        }
      },
    ),
    { numRuns: 500 },
  );
});
