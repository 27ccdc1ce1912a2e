import assert from "node:assert/strict";
import { isTopicName } from "../../../src/mqtt/topic.ts";

Deno.test("A Topic Name may be any text of at least one character, with any levels [MQTT-4.7.3-1]", () => {
  for (
    const topic of [
      "a",
      "/",
      "//",
      "a/b",
      "/a",
      "a/",
      " ",
      "a b/c",
      "$SYS/x",
      "$share/g/a",
      "$",
      "__proto__",
      "日本/😀",
    ]
  ) {
    assert.equal(isTopicName(topic), true, topic);
  }
  assert.equal(isTopicName(""), false);
});

Deno.test("A Topic Name has no wildcard anywhere [MQTT-3.3.2-2] [MQTT-4.7.1-1]", () => {
  for (const topic of ["#", "+", "a/#", "a/+/b", "a#", "a+b", "a/b#c/d"]) {
    assert.equal(isTopicName(topic), false, topic);
  }
});

Deno.test("A Topic Name has no U+0000 [MQTT-4.7.3-2]", () => {
  for (const topic of ["\0", "a/\0", "a\0b"]) assert.equal(isTopicName(topic), false);
});

Deno.test("A Topic Name has no lone surrogate [MQTT-1.5.4-1]", () => {
  for (const topic of ["\ud800", "a/\udc00/b", "\udc00\ud800"]) assert.equal(isTopicName(topic), false);
});

Deno.test("A Topic Name has 65535 bytes at most [MQTT-4.7.3-3]", () => {
  assert.equal(isTopicName("/".repeat(65_535)), true);
  assert.equal(isTopicName("/".repeat(65_536)), false);
  assert.equal(isTopicName("é".repeat(32_767) + "a"), true);
  assert.equal(isTopicName("é".repeat(32_768)), false);
});
