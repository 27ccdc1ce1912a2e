import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { PROJECT_ROOT } from "../support/deno.ts";
import { deflateCost } from "./deflate_cost.ts";

Deno.test("what the bytes of a text cost is what all of it costs", async () => {
  const readme = await readFile(new URL("README.md", PROJECT_ROOT));
  for (const bytes of [readme, readme.subarray(0, 200), new TextEncoder().encode("ab".repeat(5_000))]) {
    const sum = deflateCost(bytes).reduce((total, each) => total + each, 0);
    const size = gzipSync(bytes, { level: 9 }).length;
    // A frame of 18 bytes, and the end of each block.
    assert.ok(sum <= size && sum > size - 18 - 16, `${bytes.length}: ${sum} of ${size}`);
  }
});

Deno.test("what is like something before it is cheap", () => {
  const text = "Cannot commit: the store did not answer";
  const cost = deflateCost(new TextEncoder().encode(text + text));
  const [first, second] = [cost.subarray(0, text.length), cost.subarray(text.length)]
    .map((part) => part.reduce((total, each) => total + each, 0));
  assert.ok((second ?? 0) * 5 < (first ?? 0), `${first} and ${second}`);
});
