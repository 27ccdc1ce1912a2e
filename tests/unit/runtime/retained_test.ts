import assert from "node:assert/strict";
import { keyValueRetained } from "../../../src/store/key_value/mod.ts";
import { memoryRetained } from "../../../src/stores/memory.ts";
import { countingStore, faultyStore, mapDriver } from "../../../src/testing/mod.ts";
import { acknowledgeAll, fill, got, keeping, retain, subscribing } from "./retained_support.ts";
import { publishPacket, rest, subscribePacket, world } from "./support.ts";

Deno.test("CONNACK says whether anything is retained", async () => {
  const { world: with_ } = keeping();
  const [connack] = (await with_.connect("a")).got;
  assert.equal(connack?.type === "connack" && connack.retainAvailable, undefined);
  const without = world();
  const [other] = (await without.connect("a")).got;
  assert.equal(other?.type === "connack" && other.retainAvailable, false);
  assert.equal(without.broker.retained, undefined);
});

Deno.test("a message is retained before it is acknowledged, and before anybody gets it", async () => {
  const { world: { connect }, retained } = keeping();
  const s = await connect("s");
  await s.send(subscribePacket(1, "t"));
  retained.inject({ call: "put", fault: "answersLate" });
  const p = await connect("p");
  await p.send(retain("t", "1"));
  assert.equal(p.types(), "connack");
  assert.deepEqual(got(s), []);
  retained.release();
  await rest();
  assert.equal(p.types(), "connack puback");
  assert.deepEqual(got(s), ["t=1"]);
});

Deno.test("where the store does not take it nothing is acknowledged, and the connection closes", async () => {
  const { world: { connect, pass }, retained } = keeping({ commit: { repeatForMs: 1_000 } });
  const p = await connect("p");
  retained.inject({ call: "put", fault: "failsBefore", times: 1_000 });
  await p.send(retain("t", "1", 1, 2));
  await pass(5_000);
  assert.ok(p.closed);
  assert.ok(!p.types().includes("pubrec"));
});

Deno.test("a subscription that the look-up of a publish missed finds what was retained before it", async () => {
  const { world: { connect, faults } } = keeping();
  const p = await connect("p");
  const s = await connect("s");
  faults.inject({ call: "matchSubscriptions", fault: "answersLate" });
  await p.send(retain("t", "1"));
  await s.send(subscribePacket(1, "t"));
  faults.release();
  await rest();
  assert.deepEqual(got(s), ["t=1 R"]);
  assert.equal(p.types(), "connack puback");
});

Deno.test("what is retained while a subscription is being stored comes all the same", async () => {
  const { world: { connect, faults } } = keeping();
  const p = await connect("p");
  const s = await connect("s");
  faults.inject({ call: "commit", fault: "startsLate" });
  await s.send(subscribePacket(1, "t"));
  await p.send(retain("t", "1"));
  assert.equal(p.types(), "connack puback");
  faults.release();
  await rest();
  assert.deepEqual(got(s), ["t=1 R"]);
});

Deno.test("a look-up made ahead does not serve a message that is to be retained", async () => {
  const { world: { connect, faults } } = keeping();
  const p = await connect("p");
  const s = await connect("s");
  faults.inject({ call: "commit", fault: "startsLate" });
  // While the first one is on its way the second is looked up ahead, unless it is to be retained.
  await p.send(publishPacket("other", 1, 1), retain("t", "1", 2));
  await s.send(subscribePacket(1, "t"));
  faults.release();
  await rest();
  faults.release();
  await rest();
  assert.ok(got(s).some((each) => each.startsWith("t=1")), got(s).join());
});

Deno.test("a message that came while a page was read is the last of its topic all the same", async () => {
  const { world: { connect }, retained } = keeping();
  const p = await connect("p");
  await p.send(retain("t/1", "old"), retain("t/2", "same"));
  const s = await connect("s");
  retained.inject({ call: "match", fault: "answersLate" });
  await s.send(subscribePacket(1, "t/+"));
  await p.send(retain("t/1", "new"));
  assert.deepEqual(got(s), ["t/1=new"]);
  retained.release();
  await rest();
  assert.deepEqual(got(s), ["t/1=new", "t/1=old R", "t/2=same R", "t/1=new R"]);
});

Deno.test("a removal that came while a page was read is the last of its topic all the same", async () => {
  const { world: { connect }, retained } = keeping();
  const p = await connect("p");
  await p.send(retain("t", "old"));
  const s = await connect("s");
  retained.inject({ call: "match", fault: "answersLate" });
  await s.send(subscribePacket(1, "t"));
  await p.send(retain("t", ""));
  retained.release();
  await rest();
  assert.deepEqual(got(s), ["t=", "t=old R", "t="]);
});

Deno.test("nothing is looked at again when nothing else came into the log", async () => {
  const counting = countingStore(memoryRetained());
  const { world: { connect, broker } } = keeping({}, counting.store);
  await fill(broker, 3);
  const s = await connect("s");
  counting.reset();
  await s.send(subscribePacket(1, "t/+"));
  assert.equal(got(s).length, 3);
  assert.deepEqual([counting.count("match"), counting.count("read"), counting.count()], [1, 0, 1]);
});

Deno.test("a retained publish is one call more, and many at a time share it", async () => {
  const counting = countingStore(memoryRetained());
  const { world: { connect } } = keeping({}, counting.store);
  const clients = await Promise.all(Array.from({ length: 10 }, (_, index) => connect(`c${index}`)));
  counting.reset();
  await Promise.all(clients.map((client, index) => client.send(retain(`t/${index}`, "1"))));
  assert.ok(clients.every((client) => client.types() === "connack puback"));
  assert.deepEqual([counting.count("put"), counting.count()], [1, 1]);
});

Deno.test("clients that subscribe in one turn share one question", async () => {
  const counting = countingStore(memoryRetained());
  const { world: { connect, broker } } = keeping({}, counting.store);
  await fill(broker, 2);
  const clients = await Promise.all(Array.from({ length: 10 }, (_, index) => connect(`c${index}`)));
  counting.reset();
  for (const client of clients) client.connection.receive([subscribePacket(1, "t/+")]);
  await rest();
  assert.ok(clients.every((client) => got(client).length === 2));
  assert.equal(counting.count("match"), 1);
});

Deno.test("what was owed when a process died comes after the resume, each message once", async () => {
  const { world: made, retained } = keeping({ limits: { retainedAhead: 4 } });
  await fill(made.broker, 10);
  const s = await made.connect("s");
  retained.inject({ call: "match", fault: "neverStarts", skip: 1, times: 1_000 });
  await s.send(subscribing(1, "t/+", { qos: 0 }));
  assert.equal(got(s).length, 4);
  // Nothing of the first broker goes on: the store has given the session to the second.
  retained.heal();
  const other = made.another();
  const again = await made.connect("s", {}, other);
  assert.deepEqual(got(again).map((each) => each.slice(0, 8)), [
    "t/000004",
    "t/000005",
    "t/000006",
    "t/000007",
    "t/000008",
    "t/000009",
  ]);
  const third = await made.connect("s", {}, other);
  assert.deepEqual(got(third), []);
});

Deno.test("what was published while nothing was connected does not come as retained on resume", async () => {
  const { world: { connect, broker } } = keeping();
  const s = await connect("s");
  await s.send(subscribing(1, "t", { qos: 0 }));
  s.connection.closed("transport");
  await rest();
  await broker.publish({ topic: "t", payload: new Uint8Array([1]), retain: true });
  assert.deepEqual(got(await connect("s")), []);
});

Deno.test("a client that acknowledges nothing gets one page, and its log drops nothing", async () => {
  const { world: made } = keeping({ queue: { maximumMessages: 20, whenFull: "dropOldest" } });
  await fill(made.broker, 50);
  const s = await made.connect("s");
  await s.send(subscribing(1, "t/+"));
  const before = got(s).length;
  assert.ok(before >= 1 && before <= 10, `${before}`);
  await made.broker.publish({ topic: "t/live", payload: new TextEncoder().encode("x"), qos: 1 });
  assert.deepEqual(made.of("dropped"), []);
  await acknowledgeAll(s);
  const all = got(s);
  assert.deepEqual(all.filter((each) => each.endsWith(" R")).length, 50);
  assert.equal(new Set(all).size, 51);
  assert.deepEqual(made.of("dropped"), []);
});

for (const whenFull of ["dropOldest", "dropNewest", "reject"] as const) {
  Deno.test(`a log that others fill while a page is read loses none of the page (${whenFull})`, async () => {
    const { world: made, retained } = keeping({ queue: { maximumMessages: 4, whenFull } });
    await fill(made.broker, 6);
    const s = await made.connect("s", { receiveMaximum: 1 });
    retained.inject({ call: "match", fault: "answersLate" });
    await s.send(subscribing(1, "t/+"));
    for (let index = 0; index < 4; index++) {
      await made.broker.publish({ topic: "t/live", payload: new TextEncoder().encode(`${index}`), qos: 1 });
    }
    retained.release();
    await rest();
    await acknowledgeAll(s);
    const all = new Set(got(s));
    for (let index = 0; index < 6; index++) {
      assert.ok(all.has(`t/00000${index}=${index} R`), `${whenFull} ${index}: ${[...all].join()}`);
    }
  });
}

Deno.test("a message that no log can hold is counted, and the others come", async () => {
  const { world: made } = keeping({ queue: { maximumBytes: 100 } });
  await made.broker.publish({ topic: "t/1", payload: new Uint8Array(200), qos: 1, retain: true });
  await made.broker.publish({ topic: "t/2", payload: new TextEncoder().encode("x"), qos: 1, retain: true });
  const s = await made.connect("s");
  await s.send(subscribing(1, "t/+"));
  await acknowledgeAll(s);
  assert.deepEqual(got(s), ["t/2=x R"]);
  assert.ok(made.of("dropped").length >= 1);
});

Deno.test("an unsubscribed or replaced filter gets nothing of a page that was on its way for the one before", async () => {
  const { world: { connect, broker }, retained } = keeping();
  await fill(broker, 2);
  const s = await connect("s");
  retained.inject({ call: "match", fault: "answersLate" });
  await s.send(subscribePacket(1, "t/+"));
  await s.send({ type: "unsubscribe", packetId: 2, filters: ["t/+"] });
  retained.release();
  await rest();
  assert.deepEqual(got(s), []);
  await s.send(subscribePacket(3, "t/+"));
  assert.equal(got(s).length, 2);
});

for (const fault of ["failsAfter", "failsUnknown", "failsBefore", "startsLate", "replyLost"] as const) {
  Deno.test(`of two messages of a client the last is retained, whatever becomes of a put (${fault})`, async () => {
    const driver = mapDriver();
    const { world: { connect, pass, broker }, retained } = keeping(
      { commit: { timeoutMs: 1_000 } },
      keyValueRetained(driver, { durability: "process" }),
    );
    const p = await connect("p");
    retained.inject({ call: "put", fault });
    await p.send(retain("t", "1", 1), retain("t", "2", 2));
    await pass(10_000);
    retained.release();
    await pass(1_000);
    assert.equal(p.types(), "connack puback puback");
    const { messages = [] } = await broker.retained?.list() ?? {};
    assert.deepEqual(messages.map(({ payload }) => new TextDecoder().decode(payload)), ["2"]);
  });
}

Deno.test("a commit that comes late does not bring back what was removed since", async () => {
  const driver = faultyStore(mapDriver());
  const { world: { connect, pass, broker } } = keeping(
    { commit: { timeoutMs: 1_000 } },
    keyValueRetained(driver.store, { durability: "process" }),
  );
  const p = await connect("p");
  driver.inject({ call: "commit", fault: "startsLate" });
  await p.send(retain("t", "1", 1), retain("t", "", 2));
  await pass(5_000);
  assert.equal(p.types(), "connack puback puback");
  driver.release();
  await pass(1_000);
  assert.deepEqual((await broker.retained?.list())?.messages, []);
});

Deno.test("a Will that is worked off late leaves alone what its client has retained since", async () => {
  const { world: made, retained } = keeping();
  const will = {
    topic: "t",
    payload: new TextEncoder().encode("gone"),
    qos: 1,
    retain: true,
    properties: {},
    willDelayInterval: 0,
  } as const;
  const p = await made.connect("p", { will });
  retained.inject({ call: "put", fault: "startsLate" });
  p.connection.closed("transport");
  await rest();
  made.clock.advance(10);
  await retained.store.put([{
    message: {
      topic: "t",
      payload: new TextEncoder().encode("back"),
      qos: 1,
      retain: true,
      properties: {},
      publisher: "p",
      publishedAt: made.clock.now(),
    },
  }], {
    limits: { maximumMessages: 9, maximumBytes: 999 },
    now: made.clock.now(),
    order: { writer: "another", number: 1 },
  });
  retained.release();
  await rest();
  const { messages = [] } = await made.broker.retained?.list() ?? {};
  assert.deepEqual(messages.map(({ payload }) => new TextDecoder().decode(payload)), ["back"]);
});

Deno.test("with reject a message that is retained was taken, though every queue is full", async () => {
  const { world: { connect, broker } } = keeping({ queue: { maximumMessages: 1, whenFull: "reject" } });
  const s = await connect("s");
  await s.send(subscribing(1, "#"));
  const p = await connect("p");
  await p.send(publishPacket("t", 1, 1, "1"), publishPacket("t", 1, 2, "2"), retain("t", "3", 3));
  const codes = p.got.flatMap((packet) => packet.type === "puback" ? [packet.reasonCode] : []);
  assert.deepEqual(codes, [0, 0x97, 0]);
  assert.equal((await broker.retained?.list())?.messages.length, 1);
});
