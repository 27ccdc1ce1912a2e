import assert from "node:assert/strict";
import { isUsed, shortToken, TOKENS_KEPT, withToken } from "../../../src/store/tokens.ts";

Deno.test("the last tokens of a session are remembered, and the oldest is forgotten", () => {
  const shorts = Array.from({ length: TOKENS_KEPT + 3 }, (_, index) => shortToken(`token-${index}`));
  let tokens: Uint8Array = new Uint8Array();
  for (const [index, short] of shorts.entries()) {
    tokens = withToken(tokens, short);
    const known = shorts.map((each) => isUsed(tokens, each));
    assert.deepEqual(known, shorts.map((_, other) => other <= index && other > index - TOKENS_KEPT));
  }
});

Deno.test("nothing is used up where nothing is remembered", () => {
  assert.equal(isUsed(new Uint8Array(), shortToken("")), false);
});

Deno.test("tokens are told apart in short, whether they are drawn, counted or long", () => {
  const makers: readonly ((index: number) => string)[] = [
    () => crypto.randomUUID(),
    (index) => `id-${index}`,
    (index) => `${index}-${"x".repeat(40)}`,
    (index) => `${"\u00e9".repeat(20)}${index.toString(2)}`,
  ];
  for (const make of makers) {
    const shorts = new Set(Array.from({ length: 50_000 }, (_, index) => String(shortToken(make(index)))));
    assert.equal(shorts.size, 50_000);
  }
});
