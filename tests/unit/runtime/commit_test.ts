import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import { connectPacket, publishPacket, rest, START, subscribePacket, texts, world } from "./support.ts";

Deno.test("no acknowledgement leaves before its commit [MQTT-4.3.2-4]", async () => {
  const { connect, faults } = world();
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("pub");
  faults.inject({ call: "commit", fault: "startsLate" });
  await publisher.send(publishPacket("t", 1, 7), publishPacket("t", 2, 8));
  assert.equal(publisher.types(), "connack");
  assert.equal(subscriber.types(), "connack suback");
  faults.release();
  await rest();
  assert.equal(publisher.types(), "connack puback pubrec");
  assert.equal(subscriber.types(), "connack suback publish publish");
});

Deno.test("what comes while a commit is under way leaves together in the next one, of all sessions", async () => {
  const { connect, faults, of } = world();
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const a = await connect("a");
  const b = await connect("b");
  const before = of("commit").length;
  faults.inject({ call: "commit", fault: "startsLate" });
  await a.send(publishPacket("t", 1, 1));
  await a.send(publishPacket("t", 1, 2), publishPacket("t", 1, 3));
  await b.send(publishPacket("t", 1, 1));
  await b.send(publishPacket("t", 1, 2));
  faults.release();
  await rest();
  const commits = of("commit").slice(before).map((event) => event.type === "commit" ? event.batches : 0);
  assert.deepEqual(commits, [1, 2]);
  assert.equal(a.types(), "connack puback puback puback");
  assert.equal(b.types(), "connack puback puback");
});

Deno.test("an effect without changes does not overtake the commit before it", async () => {
  const { connect, faults } = world();
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const client = await connect("c");
  faults.inject({ call: "commit", fault: "startsLate" });
  await client.send(publishPacket("t", 1, 1), { type: "pingreq" });
  assert.equal(client.types(), "connack");
  faults.release();
  await rest();
  assert.equal(client.types(), "connack puback pingresp");
});

Deno.test("an effect with nothing before it does not wait", async () => {
  const { connect, of } = world();
  const client = await connect("c");
  client.connection.receive([{ type: "pingreq" }]);
  assert.equal(client.types(), "connack pingresp");
  assert.equal(of("commit").length, 0);
});

Deno.test("a publish that nobody wants is acknowledged with 0x10 and commits nothing", async () => {
  const { connect, of } = world();
  const client = await connect("c");
  await client.send(publishPacket("t", 1, 1));
  assert.deepEqual(client.last(), { type: "puback", packetId: 1, reasonCode: 0x10 });
  assert.equal(of("commit").length, 0);
});

for (const fault of ["failsBefore", "failsAfter", "failsUnknown"] as const) {
  Deno.test(`a commit that ${fault} is repeated until its outcome is known, then the connection closes (D8)`, async () => {
    const { connect, faults, pass, store, of } = world();
    const subscriber = await connect("sub");
    await subscriber.send(subscribePacket(1, "t"));
    const publisher = await connect("pub");
    faults.inject({ call: "commit", fault, times: 2 });
    await publisher.send(publishPacket("t", 1, 1, "once"));
    assert.equal(publisher.types(), "connack");
    await pass(1_000);
    assert.equal(publisher.types(), "connack puback disconnect");
    assert.equal(publisher.closed, true);
    assert.deepEqual(texts(subscriber), ["once"]);
    assert.equal((await store.directory.inspect("pub"))?.attached, false);
    assert.equal((await store.directory.inspect("sub"))?.queuedMessages, 1);
    assert.equal(of("commitFailed").length, 2);
  });
}

Deno.test("an answer that never comes is given up after its time, and the same batch goes again", async () => {
  const { connect, faults, pass, store } = world({ commit: { timeoutMs: 500 } });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("pub");
  faults.inject({ call: "commit", fault: "replyLost" });
  await publisher.send(publishPacket("t", 2, 1, "once"));
  await pass(499);
  assert.equal(publisher.types(), "connack");
  await pass(1_000);
  assert.equal(publisher.types(), "connack pubrec disconnect");
  assert.deepEqual(texts(subscriber), ["once"]);
  assert.equal((await store.directory.inspect("sub"))?.queuedMessages, 1);
});

Deno.test("a store that stays away closes the connection without an acknowledgement, and the session is let go of later", async () => {
  const { connect, faults, pass, store, broker } = world({ commit: { repeatForMs: 5_000 } });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("pub");
  faults.inject({ call: "commit", fault: "failsBefore", times: Infinity });
  await publisher.send(publishPacket("t", 1, 1));
  await pass(10_000);
  assert.equal(publisher.types(), "connack");
  assert.equal(publisher.closed, true);
  assert.equal((await store.directory.inspect("pub"))?.attached, true);
  faults.heal();
  await broker.runDue();
  assert.equal((await store.directory.inspect("pub"))?.attached, false);
  assert.equal((await store.directory.inspect("sub"))?.attached, true);
});

Deno.test("a batch that the store cannot hold harms no other", async () => {
  const inner = memoryStore();
  const commit: typeof inner.commit = (batches, options) => {
    if (batches.some((batch) => batch.guard?.clientId === "bad" && batch.deliveries.length > 0)) {
      return Promise.reject(new RangeError("Cannot commit: the test says so"));
    }
    return inner.commit(batches, options);
  };
  const { connect, faults, client } = world({}, { ...inner, commit });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const bad = await connect("bad");
  const good = await connect("good");
  faults.inject({ call: "commit", fault: "startsLate" });
  const first = client("first");
  await first.send(connectPacket("first"), subscribePacket(1, "x"));
  await bad.send(publishPacket("t", 1, 1));
  await good.send(publishPacket("t", 1, 1));
  faults.release();
  await rest();
  assert.equal(good.types(), "connack puback");
  assert.equal(bad.types(), "connack");
  assert.equal(bad.closed, true);
});

Deno.test("a SUBSCRIBE larger than a batch is split, and its SUBACK leaves after the last part", async () => {
  const { connect, faults, of, store } = world({}, memoryStore({ maxChangesPerBatch: 100 }));
  const client = await connect("c");
  faults.inject({ call: "commit", fault: "startsLate", times: 3 });
  const filters = Array.from({ length: 250 }, (_, index) => `t/${index}`);
  await client.send(subscribePacket(1, ...filters));
  for (const done of [1, 2]) {
    faults.release();
    await rest();
    assert.equal(of("commit").length, done);
    assert.equal(client.types(), "connack");
  }
  faults.release();
  await rest();
  assert.equal(client.types(), "connack suback");
  assert.equal((await store.directory.inspect("c"))?.subscriptions, 250);
});

Deno.test("with reject, a publish that nobody can take is answered with 0x97 and stores nothing (D11)", async () => {
  const { connect, store } = world({ queue: { maximumMessages: 1, whenFull: "reject" } });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  subscriber.connection.closed();
  await rest();
  const publisher = await connect("pub");
  await publisher.send(
    publishPacket("t", 1, 1),
    publishPacket("t", 1, 2),
    publishPacket("t", 2, 3),
    publishPacket("t", 2, 3),
    { type: "pingreq" },
  );
  assert.deepEqual(
    publisher.got.slice(1).map((packet) => [packet.type, "reasonCode" in packet ? packet.reasonCode : 0]),
    [["puback", 0], ["puback", 0x97], ["pubrec", 0x97], ["pubrec", 0x97], ["pingresp", 0]],
  );
  assert.equal((await store.directory.inspect("sub"))?.queuedMessages, 1);
  assert.equal((await store.read("pub"))?.snapshot.inbound.size, 0);
});

Deno.test("a message larger than the store takes is refused with 0x97 before anything is looked up", async () => {
  const { connect } = world({}, memoryStore({ maxMessageBytes: 4 }));
  const client = await connect("c");
  await client.send(publishPacket("t", 1, 1, "too large"));
  assert.deepEqual(client.last(), { type: "puback", packetId: 1, reasonCode: 0x97 });
});

Deno.test("a PUBLISH behind a SUBSCRIBE of the same client sees the subscription", async () => {
  const { connect } = world();
  const client = await connect("c");
  await client.send(subscribePacket(1, "t"), publishPacket("t", 1, 2, "seen"));
  assert.deepEqual(texts(client), ["seen"]);
});

Deno.test("many PUBLISHes that wait are routed by one look-up", async () => {
  const inner = memoryStore();
  const asked: number[] = [];
  const matchSubscriptions: typeof inner.matchSubscriptions = (topics, options) => {
    asked.push(topics.length);
    return inner.matchSubscriptions(topics, options);
  };
  const { connect } = world({}, { ...inner, matchSubscriptions });
  const client = await connect("c");
  await client.send(...Array.from({ length: 50 }, (_, index) => publishPacket(`t/${index % 10}`, 1, index + 1)));
  assert.deepEqual(asked, [10]);
  assert.equal(client.got.length, 51);
});

Deno.test("time and ids of a commit come from the environment", async () => {
  const inner = memoryStore();
  const seen: number[] = [];
  const commit: typeof inner.commit = (batches, options) => {
    seen.push(...batches.map((batch) => batch.now));
    return inner.commit(batches, options);
  };
  const { connect } = world({}, { ...inner, commit });
  const client = await connect("c");
  await client.send(subscribePacket(1, "t"));
  assert.deepEqual(seen, [START]);
});
