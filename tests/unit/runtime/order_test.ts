import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import { connectPacket, publishPacket, rest, subscribePacket, texts, world } from "./support.ts";

Deno.test("a message that comes while a session is being acquired reaches the new connection", async () => {
  const { connect, client, faults } = world();
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  subscriber.connection.closed();
  await rest();
  const publisher = await connect("pub");
  faults.inject({ call: "acquire", fault: "answersLate" });
  const fresh = client("sub");
  await fresh.send(connectPacket("sub"));
  await publisher.send(publishPacket("t", 1, 1, "between"));
  faults.release();
  await rest();
  assert.deepEqual(texts(fresh), ["between"]);
});

Deno.test("while the outbox of a publisher is not empty, its later publishes queue behind it (D4)", async () => {
  const { connect, faults, broker } = world({}, memoryStore({ maxReceiversPerCommit: 1 }));
  const a = await connect("a");
  await a.send(subscribePacket(1, "all"));
  const b = await connect("b");
  await b.send(subscribePacket(1, "all", "b"));
  const publisher = await connect("pub");
  faults.inject({ call: "readOutbox", fault: "startsLate" });
  await publisher.send(publishPacket("all", 1, 1, "one"));
  await publisher.send(publishPacket("b", 1, 2, "two"));
  assert.equal(publisher.types(), "connack puback puback");
  assert.deepEqual(texts(b), []);
  faults.release();
  await broker.settled();
  assert.deepEqual(texts(a), ["one"]);
  assert.deepEqual(texts(b), ["one", "two"]);
  await publisher.send(publishPacket("b", 1, 3, "three"));
  await broker.settled();
  assert.deepEqual(texts(b), ["one", "two", "three"]);
});

Deno.test("a look-up ahead stops at a SUBSCRIBE, which changes the routes behind it", async () => {
  const { connect } = world();
  const client = await connect("c");
  await client.send(publishPacket("t", 1, 1, "before"), subscribePacket(2, "t"), publishPacket("t", 1, 3, "after"));
  assert.deepEqual(texts(client), ["after"]);
});

Deno.test("a client whose packets wait here is not taken for silent", async () => {
  let allow = (_: boolean) => {};
  const { connect, broker, pass } = world({
    authorize: () => new Promise<boolean>((resolve) => allow = resolve),
    authorizeTimeoutMs: 100_000,
  });
  broker.start();
  const client = await connect("c", { keepAlive: 10 });
  await client.send(publishPacket("t", 1, 1), { type: "pingreq" });
  await pass(20_000);
  assert.equal(client.closed, false);
  allow(true);
  await rest();
  assert.equal(client.types(), "connack puback pingresp");
  await pass(15_000);
  assert.equal(client.closed, true);
  await broker.shutdown();
});

Deno.test("acknowledgements that wait for their commit count against Receive Maximum [MQTT-3.3.4-9]", async () => {
  const { connect, faults } = world({ limits: { receiveMaximum: 2 } });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const client = await connect("c");
  faults.inject({ call: "commit", fault: "startsLate" });
  await client.send(publishPacket("t", 1, 1), publishPacket("t", 1, 2));
  await client.send(publishPacket("t", 1, 3));
  faults.release();
  await rest();
  assert.deepEqual(client.last(), { type: "disconnect", reasonCode: 0x93 });
  const calm = await connect("calm");
  for (let id = 1; id < 6; id++) await calm.send(publishPacket("t", 1, id));
  assert.equal(calm.closed, false);
});

Deno.test("a packet larger than the bound is taken, and leaves nothing behind", async () => {
  const { connect } = world({ bounds: { maxPendingBytes: 1_000 } });
  const client = await connect("c");
  let open = false;
  client.connection.receive([publishPacket("nobody", 0, undefined, "x".repeat(2_000))]).then(() => open = true);
  await rest();
  assert.equal(open, true);
});

Deno.test("a refused publish takes nothing else down with it (D11)", async () => {
  const { connect } = world({ queue: { maximumMessages: 1, whenFull: "reject" } });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  subscriber.connection.closed();
  await rest();
  const publisher = await connect("pub");
  await publisher.send(publishPacket("t", 2, 1));
  await publisher.send(
    publishPacket("nobody", 0),
    { type: "pubrel", packetId: 1, reasonCode: 0 },
    publishPacket("t", 1, 2),
  );
  assert.deepEqual(
    publisher.got.slice(1).map((packet) => [packet.type, "reasonCode" in packet ? packet.reasonCode : 0]),
    [["pubrec", 0], ["pubcomp", 0], ["puback", 0x97]],
  );
});

Deno.test("a started broker does not spin while the store is slow to say what is due", async () => {
  const { connect, broker, faults, pass, store } = world();
  faults.inject({ call: "listDue", fault: "startsLate" });
  broker.start();
  await pass(0);
  const client = await connect("c", { sessionExpiryInterval: 1 });
  client.connection.closed();
  await rest();
  await pass(5_000);
  assert.notEqual(await store.read("c"), undefined);
  faults.release();
  await rest();
  await pass(2_000);
  assert.equal(await store.read("c"), undefined);
  await broker.shutdown();
});

Deno.test("a store that leaves out what became of the deliveries is asked for them", async () => {
  const inner = memoryStore();
  const commit: typeof inner.commit = async (batches, options) =>
    (await inner.commit(batches, options)).map((result) =>
      result.outcome === "committed" ? { ...result, deliveries: [] } : result
    );
  const { connect } = world({}, { ...inner, commit });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("pub");
  await publisher.send(publishPacket("t", 1, 1, "found"));
  assert.deepEqual(texts(subscriber), ["found"]);
});

Deno.test("a call that takes too long is told so by its signal", async () => {
  const inner = memoryStore();
  const reasons: unknown[] = [];
  const commit: typeof inner.commit = (_, options) =>
    new Promise(() => options?.signal?.addEventListener("abort", () => reasons.push(options.signal?.reason.code)));
  const { connect, pass } = world({ commit: { timeoutMs: 100, repeatForMs: 1 } }, { ...inner, commit });
  const client = await connect("c");
  await client.send(subscribePacket(1, "t"));
  await pass(100);
  assert.deepEqual(reasons, ["OUTCOME_UNKNOWN"]);
  assert.equal(client.closed, true);
});

Deno.test("an outbox step whose answer was lost is not taken twice, and its receivers hear of it", async () => {
  const { watch: _, ...plain } = memoryStore({ maxReceiversPerCommit: 1 });
  const { connect, faults, pass, broker } = world({ doorbellPollMs: 0 }, plain);
  const subscribers = [await connect("a"), await connect("b"), await connect("c")];
  for (const subscriber of subscribers) await subscriber.send(subscribePacket(1, "t"));
  const isOutboxStep = (call: { readonly args: readonly unknown[] }) => JSON.stringify(call.args).includes('"outbox"');
  faults.inject({ call: "commit", fault: "failsAfter", when: isOutboxStep, times: 2 });
  const publisher = await connect("pub");
  await publisher.send(publishPacket("t", 1, 1, "once"));
  await pass(1_000);
  await broker.settled();
  assert.equal(faults.injected.length, 2);
  for (const subscriber of subscribers) assert.deepEqual(texts(subscriber), ["once"]);
});
