import assert from "node:assert/strict";
import { bytesOf, keyedDigest } from "../../../../src/runtime/flight_recorder/keyed_digest.ts";

Deno.test("the digest is HalfSipHash-2-4 of 8 bytes, as its authors' table has it", () => {
  const digest = keyedDigest(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]));
  assert.equal(digest(new Uint8Array()), "218d1f59b9b83cc8");
});

Deno.test("a digest depends on every byte, on the length and on the key", () => {
  const digest = keyedDigest(Uint8Array.from([8, 7, 6, 5, 4, 3, 2, 1]));
  const seen = new Set<string>();
  for (let length = 0; length < 20; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => index);
    seen.add(digest(bytes));
    for (let at = 0; at < length; at++) seen.add(digest(bytes.map((byte, index) => index === at ? byte ^ 1 : byte)));
  }
  assert.equal(seen.size, 20 + 19 * 20 / 2);
  assert.notEqual(digest(new Uint8Array(9)), keyedDigest(new Uint8Array(8))(new Uint8Array(9)));
});

Deno.test("hexadecimal digits and bytes are the same thing", () => {
  assert.deepEqual(bytesOf("00ff10"), Uint8Array.from([0, 255, 16]));
});
