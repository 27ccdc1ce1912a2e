import assert from "node:assert/strict";
import { isLong, KeyParts, MAX_NAME_BYTES } from "../../../src/store/keys.ts";

Deno.test("a name stands in its records up to 1 024 bytes of UTF-8, and a longer one by its digest", async () => {
  const parts = new KeyParts();
  for (const letter of ["a", "é", "€", "𝄞"]) {
    const bytes = new TextEncoder().encode(letter).length;
    const fits = letter.repeat(Math.floor(MAX_NAME_BYTES / bytes)) + "a".repeat(MAX_NAME_BYTES % bytes);
    assert.equal(isLong(fits), false, letter);
    assert.equal(isLong(`${fits}a`), true, letter);
    await parts.prepare([fits, `${fits}a`]);
    assert.equal(parts.inRecord(fits), fits);
    assert.equal(parts.inRecord(`${fits}a`), parts.of(`${fits}a`));
  }
});
