import assert from "node:assert/strict";
import type { Message } from "../../../src/mqtt/message.ts";
import { isSameBytes, isSameMessage } from "../../../src/mqtt/same_message.ts";

function message(): Message {
  return {
    topic: "t",
    payload: Uint8Array.of(1, 2),
    qos: 1,
    retain: true,
    properties: {
      payloadFormatIndicator: 1,
      contentType: "text",
      responseTopic: "r",
      correlationData: Uint8Array.of(3),
      userProperties: [["a", "1"], ["b", "2"]],
    },
    publisher: "p",
    publishedAt: 5,
    expiresAt: 9,
  };
}

Deno.test("a message is the same as its copy, and as none that differs in anything", () => {
  const one = message();
  assert.ok(isSameMessage(one, message()));
  const { expiresAt: _, ...lasting } = one;
  const others: readonly Message[] = [
    lasting,
    { ...one, topic: "u" },
    { ...one, payload: Uint8Array.of(1, 3) },
    { ...one, payload: Uint8Array.of(1) },
    { ...one, qos: 2 },
    { ...one, retain: false },
    { ...one, publisher: "q" },
    { ...one, publishedAt: 6 },
    { ...one, expiresAt: 10 },
    { ...one, properties: {} },
    { ...one, properties: { ...one.properties, payloadFormatIndicator: 0 } },
    { ...one, properties: { ...one.properties, contentType: "json" } },
    { ...one, properties: { ...one.properties, responseTopic: "s" } },
    { ...one, properties: { ...one.properties, correlationData: Uint8Array.of(4) } },
    { ...one, properties: { ...one.properties, userProperties: [["a", "1"]] } },
    { ...one, properties: { ...one.properties, userProperties: [["a", "1"], ["b", "3"]] } },
    { ...one, properties: { ...one.properties, userProperties: [["b", "2"], ["a", "1"]] } },
  ];
  for (const [index, other] of others.entries()) {
    assert.equal(isSameMessage(one, other), false, `${index}`);
    assert.equal(isSameMessage(other, one), false, `${index}, the other way round`);
    assert.ok(isSameMessage(other, structuredClone(other)), `${index}, copied`);
  }
});

Deno.test("bytes are the same where both are absent, and where each is", () => {
  assert.ok(isSameBytes(undefined, undefined));
  assert.ok(isSameBytes(Uint8Array.of(), Uint8Array.of()));
  assert.equal(isSameBytes(undefined, Uint8Array.of()), false);
  assert.equal(isSameBytes(Uint8Array.of(1), Uint8Array.of(1, 2)), false);
});
