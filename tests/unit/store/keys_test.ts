import assert from "node:assert/strict";
import fc from "fast-check";
import { escapePart, KeyParts, MAX_PART_BYTES, numberPart, timePart } from "../../../src/store/keys.ts";

Deno.test("any text becomes printable ASCII without a slash, of bounded length, and no two become the same", async () => {
  const parts = new KeyParts();
  const text = fc.oneof(fc.string({ unit: "binary", maxLength: 400 }), fc.string({ unit: "grapheme", maxLength: 40 }));
  await fc.assert(fc.asyncProperty(text, text, async (a, b) => {
    await parts.prepare([a, b]);
    assert.match(parts.of(a), /^[!-.0-~]*$/);
    assert.ok(parts.of(a).length <= MAX_PART_BYTES);
    assert.equal(parts.of(a) === parts.of(b), a === b);
  }));
});

Deno.test("odd texts are told apart: separators, braces, NUL, __proto__, lone surrogates, escapes of each other", async () => {
  const texts = [
    "",
    "/",
    "%2f",
    "%252f",
    "{a}",
    "\0",
    "__proto__",
    "\ud800",
    "\udc00",
    "\ufffd",
    "a b",
    "~",
    "%ud800",
    "é",
    "e\u0301",
  ];
  const long = texts.map((text) => text + "x".repeat(65_535));
  const parts = new KeyParts();
  await parts.prepare([...texts, ...long]);
  assert.equal(new Set([...texts, ...long].map((text) => parts.of(text))).size, texts.length * 2);
});

Deno.test("a part that is too long is its SHA-256, one that just fits is itself", async () => {
  const parts = new KeyParts();
  const fits = "a".repeat(256);
  await parts.prepare([fits, `${fits}a`]);
  assert.equal(parts.of(fits), fits);
  assert.match(parts.of(`${fits}a`), /^~[0-9a-f]{64}$/);
});

Deno.test("a long text that was not prepared is the caller's mistake", () => {
  assert.throws(() => new KeyParts().of("x".repeat(300)), TypeError);
});

Deno.test("keys of numbers are in the order of the numbers", () => {
  const numbers = [0, 1, 9, 10, 99, 65_535, 2 ** 32, Number.MAX_SAFE_INTEGER];
  const parts = numbers.map(numberPart);
  assert.deepEqual(parts.toSorted(), parts);
  assert.throws(() => numberPart(-1), RangeError);
  assert.throws(() => numberPart(1.5), RangeError);
  assert.equal(timePart(-5), numberPart(0));
  assert.equal(timePart(Infinity), numberPart(Number.MAX_SAFE_INTEGER));
});

Deno.test("what is harmless in a key stays readable", () => {
  assert.equal(escapePart("sensors-1_a.b+#$@:=,"), "sensors-1_a.b+#$@:=,");
});
