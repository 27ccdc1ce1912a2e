import assert from "node:assert/strict";
import { SessionError } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { publishPacket, subscribePacket, texts, world } from "./support.ts";

Deno.test("a look-up that fails is told once, however often it is repeated, and again when the store fails anew", async () => {
  const { connect, faults, pass, of } = world();
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("pub");
  for (const round of [1, 2]) {
    faults.inject({ call: "matchSubscriptions", fault: "failsBefore", times: 4 });
    await publisher.send(publishPacket("t", 1, round, `message ${round}`));
    assert.equal(of("workFailed").length, round);
    await pass(10_000);
    assert.equal(texts(subscriber).length, round);
    assert.equal(of("workFailed").length, round);
  }
  for (const event of of("workFailed")) {
    assert.ok(event.type === "workFailed" && event.error instanceof SessionError);
    assert.deepEqual([event.work, event.error.code], ["store", "STORE_UNAVAILABLE"]);
  }
});

Deno.test("a look-up that cannot succeed is not told as one that is repeated", async () => {
  const inner = memoryStore();
  const matchSubscriptions = () => Promise.reject(new RangeError("never"));
  const { connect, of } = world({}, { ...inner, matchSubscriptions });
  const publisher = await connect("pub");
  await publisher.send(publishPacket("t", 1, 1));
  const told = of("workFailed").map((event) => event.type === "workFailed" ? event.work : undefined);
  assert.ok(!told.includes("store"), told.join());
  assert.ok(publisher.closed);
});

Deno.test("a topic that the store cannot answer concerns only those who publish to it", async () => {
  const inner = memoryStore();
  const asked: (readonly string[])[] = [];
  const matchSubscriptions: typeof inner.matchSubscriptions = (topics, options) => {
    asked.push(topics);
    if (!topics.includes("bad")) return inner.matchSubscriptions(topics, options);
    return Promise.reject(new SessionError("RECORD_UNREADABLE", "Cannot read record: it is none"));
  };
  const { connect } = world({}, { ...inner, matchSubscriptions });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "good"));
  const [unlucky, lucky] = [await connect("unlucky"), await connect("lucky")];
  await Promise.all([unlucky.send(publishPacket("bad", 1, 1)), lucky.send(publishPacket("good", 1, 1, "hello"))]);
  assert.deepEqual(asked[0], ["bad", "good"], "one question for both");
  assert.deepEqual(texts(subscriber), ["hello"]);
  assert.ok(unlucky.closed);
  assert.ok(!lucky.closed);
});
