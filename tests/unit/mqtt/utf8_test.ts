import assert from "node:assert/strict";
import fc from "fast-check";
import { isUtf8EncodedString, utf8Length } from "../../../src/mqtt/utf8.ts";

Deno.test("UTF-8 length: one to four bytes a character, three for a lone surrogate", () => {
  const table: readonly (readonly [text: string, bytes: number])[] = [
    ["", 0],
    ["\0", 1],
    ["a/b", 3],
    ["\x7f", 1],
    ["\x80", 2],
    ["é", 2],
    ["\u07ff", 2],
    ["\u0800", 3],
    ["€", 3],
    ["\uffff", 3],
    ["\u{10000}", 4],
    ["😀", 4],
    ["\u{10ffff}", 4],
    ["\ud83d", 3],
    ["\ude00", 3],
    ["\ude00\ud83d", 6],
    ["\ud83d\ud83d\ude00", 7],
    ["\ud83da", 4],
    ["a\ud83d", 4],
  ];
  for (const [text, bytes] of table) assert.equal(utf8Length(text), bytes, JSON.stringify(text));
});

Deno.test("UTF-8 length: what an encoder writes, for any text", () => {
  const encoder = new TextEncoder();
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.array(fc.integer({ min: 0, max: 0xffff })), (text, units) => {
      assert.equal(utf8Length(text), encoder.encode(text).length);
      const anything = String.fromCharCode(...units);
      assert.equal(utf8Length(anything), encoder.encode(anything).length);
    }),
  );
});

Deno.test("A string with a lone surrogate cannot stand in a packet [MQTT-1.5.4-1]", () => {
  for (const text of ["\ud83d", "\ude00", "a\ud83d/b", "\ude00\ud83d"]) assert.equal(isUtf8EncodedString(text), false);
  assert.equal(isUtf8EncodedString("😀"), true);
});

Deno.test("A string with U+0000 cannot stand in a packet, a byte order mark can [MQTT-1.5.4-2] [MQTT-1.5.4-3]", () => {
  for (const text of ["\0", "a\0b"]) assert.equal(isUtf8EncodedString(text), false);
  assert.equal(isUtf8EncodedString("\ufeff"), true);
  assert.equal(isUtf8EncodedString(""), true);
});

Deno.test("A string has 65535 bytes at most, counted in UTF-8", () => {
  assert.equal(isUtf8EncodedString("a".repeat(65_535)), true);
  assert.equal(isUtf8EncodedString("a".repeat(65_536)), false);
  assert.equal(isUtf8EncodedString("€".repeat(21_845)), true);
  assert.equal(isUtf8EncodedString("€".repeat(21_845) + "a"), false);
  assert.equal(isUtf8EncodedString("😀".repeat(16_383) + "€"), true);
  assert.equal(isUtf8EncodedString("😀".repeat(16_384)), false);
});
