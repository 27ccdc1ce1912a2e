import { deepEqual, equal, match, throws } from "node:assert/strict";
import { type Bindings, mismatch, resolved, unique } from "./match.ts";

function ofPacket(expected: Parameters<typeof mismatch>[0], bindings: Bindings = new Map()): string | undefined {
  const packet = { cmd: "publish", qos: 1, messageId: 7, properties: { subscriptionIdentifier: [1, 2] } };
  return mismatch(expected, packet, bindings);
}

Deno.test("what a scenario names has to be so, and nothing else is looked at", () => {
  equal(ofPacket({ cmd: "publish" }), undefined);
  equal(ofPacket({ properties: { subscriptionIdentifier: [1, 2] } }), undefined);
  match(ofPacket({ qos: 2 }) ?? "", /^qos is 1, expected 2$/);
  match(ofPacket({ properties: { subscriptionIdentifier: [1] } }) ?? "", /^properties.subscriptionIdentifier is/);
  match(ofPacket({ dup: true }) ?? "", /^dup is undefined/);
});

Deno.test("a name takes its value once, and asks for the same one afterwards", () => {
  const bindings: Bindings = new Map();
  equal(ofPacket({ messageId: "$id" }, bindings), undefined);
  equal(ofPacket({ messageId: "$id" }, bindings), undefined);
  match(mismatch({ messageId: "$id" }, { messageId: 8 }, bindings) ?? "", /^messageId is 8, expected 7$/);
  match(ofPacket({ nothing: "$none" }, bindings) ?? "", /absent/);
  deepEqual(resolved({ cmd: "puback", messageId: "$id", topic: "$share/a/b" }, bindings), {
    cmd: "puback",
    messageId: 7,
    topic: "$share/a/b",
  });
  throws(() => resolved("$none", bindings), RangeError);
});

Deno.test("matchers stand for more than one value", () => {
  equal(ofPacket({ qos: { is: "oneOf", values: [1, 2] }, messageId: { is: "between", low: 7, high: 7 } }), undefined);
  equal(ofPacket({ dup: { is: "absent" }, qos: { is: "any" } }), undefined);
  match(ofPacket({ qos: { is: "oneOf", values: [0, 2] } }) ?? "", /expected one of/);
  match(ofPacket({ messageId: { is: "between", low: 8, high: 9 } }) ?? "", /expected 8 to 9/);
  match(ofPacket({ qos: { is: "absent" } }) ?? "", /expected none/);
  match(ofPacket({ dup: { is: "any" } }) ?? "", /absent/);
});

Deno.test("each scenario has letters of its own in all its texts", () => {
  deepEqual(unique({ topic: "~/a", list: ["$share/~/~/b", 1] }, "x1"), { topic: "x1/a", list: ["$share/x1/x1/b", 1] });
});
