import assert from "node:assert/strict";
import { asRecorded, fromJson, toJson } from "../../../../src/runtime/flight_recorder/encoding.ts";
import { keyedDigest } from "../../../../src/runtime/flight_recorder/keyed_digest.ts";
import { messageBytes } from "../../../../src/mqtt/message.ts";
import { message } from "./support.ts";

const digest = keyedDigest(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]));
const HIDDEN = { digest, nameOf: (name: string) => `~${name.length}` };

Deno.test("what is written whole comes back whole", () => {
  const value = {
    bytes: Uint8Array.from([0, 1, 255]),
    map: new Map([["a/+", { qos: 1 }]]),
    set: new Set([3, 1]),
    numbers: [Infinity, -Infinity, 0.5],
    nothing: null,
    deep: { list: [[], {}], is: true },
  };
  const json = toJson(value, { digest: undefined, nameOf: (name) => name });
  assert.deepEqual(fromJson(JSON.parse(JSON.stringify(json))), value);
});

Deno.test("a user name, a password and authentication data are never written, and stay what they are for a machine", () => {
  const bytes = new TextEncoder().encode("hunter2");
  const packet = { type: "connect", username: "hunter2", password: bytes, authenticationData: bytes, keepAlive: 7 };
  for (const hides of [HIDDEN, { digest: undefined, nameOf: (name: string) => name }]) {
    const text = JSON.stringify(toJson({ packet }, hides));
    for (const form of ["hunter2", btoa("hunter2"), "104"]) assert.ok(!text.includes(form), text);
    assert.deepEqual(fromJson(JSON.parse(text)), {
      packet: { ...packet, username: "", password: new Uint8Array(), authenticationData: new Uint8Array() },
    });
  }
});

Deno.test("a payload becomes a stand-in of its size, which is written as the payload was", () => {
  for (const length of [0, 1, 7, 8, 9, 1_000]) {
    const payload = Uint8Array.from({ length }, (_, index) => index * 7 + 1);
    const json = toJson({ payload }, HIDDEN);
    const back = fromJson(json) as { readonly payload: Uint8Array };
    assert.equal(back.payload.length, length);
    if (length >= 8) assert.notDeepEqual(back.payload, payload);
    assert.deepEqual(toJson(back, asRecorded(false)), json);
  }
});

Deno.test("values of User Properties are veiled without changing what a message counts for, in any encoding", () => {
  const sizes = (text: string) => [text.length, new TextEncoder().encode(text).length];
  for (const value of ["", "secret", "naïve", "日本語", "😀😀", "mixed é 日 😀"]) {
    const given = message({ properties: { userProperties: [["name", value]] } });
    const json = toJson(given, HIDDEN);
    const back = fromJson(json) as typeof given;
    const veiled = back.properties.userProperties?.[0]?.[1] ?? "missing";
    assert.deepEqual(sizes(veiled), sizes(value));
    if (value !== "") assert.ok(!JSON.stringify(json).includes(value));
    assert.equal(messageBytes(back), messageBytes(given));
    assert.deepEqual(toJson(back, asRecorded(false)), json);
  }
});

Deno.test("names of clients are replaced wherever they stand, and no name stays no name", () => {
  const json = toJson({ clientId: "meter", publisher: "pump", head: { clientId: "" }, topic: "meter" }, HIDDEN);
  assert.deepEqual(json, { clientId: "~5", publisher: "~4", head: { clientId: "" }, topic: "meter" });
});
