import assert from "node:assert/strict";
import {
  between,
  listOf,
  oneOf,
  type OptionRule,
  positive,
  shape,
  text,
  typed,
  whole,
} from "../../../src/runtime/option_rule.ts";

/** What a rule says of a value: nothing, or the name of the error with its message. */
function saidOf(rule: OptionRule, value: unknown): string {
  try {
    rule(value, "try: it");
    return "";
  } catch (error) {
    return String(error);
  }
}

Deno.test("a number out of range is a RangeError that names the option, what was found and what was expected", () => {
  assert.equal(saidOf(whole(1, 9), 0), "RangeError: Cannot try: it is 0, expected a whole number from 1 to 9");
  assert.equal(saidOf(between(1), NaN), "RangeError: Cannot try: it is NaN, expected a number from 1 to Infinity");
  assert.equal(saidOf(positive(), 0), "RangeError: Cannot try: it is 0, expected a number above 0");
  for (const value of [10, 1.5, NaN, Infinity, -1]) assert.match(saidOf(whole(1, 9), value), /^RangeError/, `${value}`);
  assert.match(saidOf(positive(), NaN), /^RangeError/);
  assert.match(saidOf(text(), ""), /^RangeError/);
});

Deno.test("the ends of a range are in it, and what has no end takes Infinity", () => {
  for (const value of [1, 9]) assert.equal(saidOf(whole(1, 9), value), "");
  assert.equal(saidOf(between(0), 0), "");
  assert.equal(saidOf(between(1), Infinity), "");
  assert.equal(saidOf(positive(), 0.001), "");
  assert.equal(saidOf(whole(0), Number.MAX_SAFE_INTEGER), "");
  assert.match(saidOf(whole(0), Number.MAX_SAFE_INTEGER + 1), /^RangeError/);
});

Deno.test("a value of the wrong type is a TypeError, and so is a word that is no choice", () => {
  const rules = [whole(1), between(1), positive(), typed("boolean"), text(), oneOf("a", 2), listOf(text()), shape({})];
  for (const value of [undefined, null, 5n, "ab", Symbol("s"), () => {}]) {
    for (const [index, rule] of rules.entries()) {
      if (value === "ab" && index === 4) continue;
      assert.match(saidOf(rule, value), /^TypeError: Cannot try: it is /, `${index} ${String(value)}`);
    }
  }
  assert.equal(saidOf(oneOf("a", 2), "b"), `TypeError: Cannot try: it is "b", expected one of a, 2`);
  for (const value of ["a", 2]) assert.equal(saidOf(oneOf("a", 2), value), "");
});

Deno.test("a shape looks at each of its options, at what is missing too unless it is partial, and at nothing else", () => {
  const rules = { a: whole(1), b: shape({ c: typed("boolean") }) };
  assert.equal(saidOf(shape(rules), { a: 1, b: { c: false }, d: {} }), "");
  assert.match(saidOf(shape(rules), { a: 1, b: { c: 1 } }), /it\.b\.c is 1, expected a value of type boolean$/);
  assert.match(saidOf(shape(rules), { a: 1 }), /it\.b is undefined/);
  assert.equal(saidOf(shape(rules, true), { a: 1 }), "");
  assert.match(saidOf(shape(rules, true), { a: 0 }), /it\.a is 0/);
});

Deno.test("a list is looked at entry by entry", () => {
  assert.equal(saidOf(listOf(text()), ["a"]), "");
  assert.match(saidOf(listOf(text()), ["a", 1]), /it\.1 is 1/);
  assert.match(saidOf(listOf(text()), { 0: "a", length: 1 }), /^TypeError/);
});

Deno.test("what an object holds stands in no message", () => {
  assert.match(saidOf(whole(1), { password: "secret" }), /is an object, expected/);
  assert.match(saidOf(whole(1), ["secret"]), /is an object, expected/);
});
