import assert from "node:assert/strict";
import { memoryRetained, memoryStore } from "../../../src/stores/memory.ts";
import { fill, got, keeping, retain } from "./retained_support.ts";
import { START, subscribePacket, world } from "./support.ts";

Deno.test("beyond the limits a publish is refused with 0x97, and what was retained still is", async () => {
  const { world: made } = keeping({ retainedLimits: { maximumMessages: 1, maximumMessageBytes: 50 } });
  const s = await made.connect("s");
  const p = await made.connect("p");
  await s.send(subscribePacket(1, "b"));
  await p.send(retain("a", "1"), retain("b", "1"), retain("a", "x".repeat(60)), retain("a", "2"));
  const codes = p.got.flatMap((packet) => packet.type === "puback" ? [packet.reasonCode] : []);
  assert.deepEqual(codes, [0x10, 0x97, 0x97, 0x10]);
  assert.deepEqual(got(s), []);
  assert.deepEqual(made.of("retainedRefused"), [
    { type: "retainedRefused", clientId: "p", topic: "b", reason: "full" },
    { type: "retainedRefused", clientId: "p", topic: "a", reason: "tooLarge" },
  ]);
  assert.deepEqual(await made.broker.publish({ topic: "c", payload: new Uint8Array(1), retain: true }), {
    receivers: 0,
    accepted: false,
  });
  const { messages = [] } = await made.broker.retained?.list() ?? {};
  assert.deepEqual(messages.map(({ topic }) => topic), ["a"]);
});

Deno.test("whoever cannot be told of a limit has the message delivered, and what was retained before is gone", async () => {
  const { world: made } = keeping({ retainedLimits: { maximumMessageBytes: 20 } });
  const s = await made.connect("s");
  await s.send(subscribePacket(1, "#"));
  const p = await made.connect("p", { protocolVersion: 4 });
  await p.send(retain("a", "1"), retain("a", "x".repeat(30)));
  assert.equal(p.types(), "connack puback puback");
  assert.deepEqual(got(s), ["a=1", `a=${"x".repeat(30)}`]);
  assert.equal(made.of("retainedRefused").length, 1);
  assert.deepEqual((await made.broker.retained?.list())?.messages, []);
});

Deno.test("expired messages make room for others", async () => {
  const { world: made } = keeping({ retainedLimits: { maximumMessages: 1 } });
  await made.broker.publish({ topic: "a", payload: new Uint8Array(1), retain: true, expiresAt: START + 1_000 });
  await made.pass(5_000);
  const result = await made.broker.publish({ topic: "b", payload: new Uint8Array(1), retain: true });
  assert.equal(result.accepted, true);
});

Deno.test("expired messages are swept when what is due is done", async () => {
  const { world: made, retained } = keeping();
  await made.broker.publish({ topic: "a", payload: new Uint8Array(1), retain: true, expiresAt: START + 1_000 });
  await made.pass(5_000);
  await made.broker.runDue();
  assert.deepEqual(await retained.store.totals(), { messages: 0, bytes: 0 });
});

Deno.test("retained messages are listed and cleared by filter, page by page", async () => {
  const { world: { broker } } = keeping();
  await fill(broker, 5);
  await fill(broker, 1, "other");
  const retained = broker.retained;
  assert.ok(retained !== undefined);
  const first = await retained.list({ filter: "t/+", limit: 3 });
  assert.equal(first.messages.length, 3);
  const second = await retained.list({ filter: "t/+", limit: 3, cursor: first.cursor ?? "" });
  assert.deepEqual([second.messages.length, second.cursor], [2, undefined]);
  assert.equal(await retained.clear("t/#"), 5);
  assert.deepEqual((await retained.list()).messages.map(({ topic }) => topic), ["other/000000"]);
  assert.equal((await retained.totals()).messages, 1);
  await assert.rejects(retained.list({ filter: "$share/g/t" }), TypeError);
  await assert.rejects(retained.list({ limit: 0 }), RangeError);
});

Deno.test("a broker asks as much durability of its retained store as of its store", () => {
  const options = { store: memoryStore(), retained: memoryRetained(), require: { durability: "power" } } as const;
  const store = { ...memoryStore(), capabilities: { ...memoryStore().capabilities, durability: "power" } } as const;
  assert.throws(() => world({ ...options, store }), { code: "CAPABILITY_MISSING" });
  assert.throws(() => world({ retainedLimits: { maximumMessages: -1 } }), RangeError);
});
