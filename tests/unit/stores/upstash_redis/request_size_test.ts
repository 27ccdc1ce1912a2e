import assert from "node:assert/strict";
import fc from "fast-check";
import { bodyBytes, divide, itemsBytes, jsonBytes } from "../../../../src/stores/upstash_redis/request_size.ts";

const text = fc.string({ unit: "binary", maxLength: 60 });

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

Deno.test("the size of a request is known before it is written, to the byte", () => {
  fc.assert(fc.property(fc.array(fc.tuple(text, fc.array(text)), { minLength: 1 }), (commands) => {
    const sizes = commands.map(([first, rest]) => {
      const size = 2 + jsonBytes(first) + itemsBytes(rest);
      assert.equal(size, bytesOf([first, ...rest]));
      return size;
    });
    assert.equal(bodyBytes(sizes), bytesOf(commands.map(([first, rest]) => [first, ...rest])));
  }));
});

Deno.test("commands are divided in order into as few requests as the limits allow: the limits themselves are allowed", () => {
  const items = [10, 20, 30, 40].map((bytes) => ({ bytes }));
  const whole = bodyBytes([10, 20, 30, 40]);
  const sizes = (maxBytes: number, maxCommands: number) =>
    divide(items, { maxBytes, maxCommands }).map((request) => request.map(({ bytes }) => bytes));
  assert.deepEqual(sizes(whole, 4), [[10, 20, 30, 40]]);
  assert.deepEqual(sizes(whole - 1, 4), [[10, 20, 30], [40]]);
  assert.deepEqual(sizes(whole, 3), [[10, 20, 30], [40]]);
  assert.deepEqual(sizes(whole, 1), [[10], [20], [30], [40]]);
  // What is too large alone goes alone: the server says so.
  assert.deepEqual(sizes(1, 4), [[10], [20], [30], [40]]);
  assert.deepEqual(divide([], { maxBytes: whole, maxCommands: 4 }), []);
});
