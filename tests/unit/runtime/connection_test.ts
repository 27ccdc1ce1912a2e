import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import { connectPacket, publishPacket, rest, subscribePacket, texts, will, world } from "./support.ts";

Deno.test("a session is taken over in the node: DISCONNECT 0x8E and close on the old, then CONNACK [MQTT-3.1.4-3]", async () => {
  const { connect, journal, of } = world();
  const old = await connect("c");
  journal.length = 0;
  await connect("c");
  assert.deepEqual(journal, ["c disconnect", "c close", "c connack"]);
  assert.deepEqual(old.last(), { type: "disconnect", reasonCode: 0x8e });
  assert.equal(of("takeover").length, 1);
});

Deno.test("a connection that was taken over commits nothing any more and acknowledges nothing", async () => {
  const { connect, faults, store } = world();
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const old = await connect("c");
  faults.inject({ call: "commit", fault: "startsLate" });
  await old.send(publishPacket("t", 1, 1, "first"));
  await old.send(publishPacket("t", 1, 2, "second"));
  const fresh = await connect("c");
  faults.release();
  await rest();
  assert.equal(old.types(), "connack disconnect");
  assert.equal(fresh.types(), "connack");
  assert.deepEqual(texts(subscriber), []);
  assert.equal((await store.directory.inspect("c"))?.attached, true);
});

Deno.test("a DISCONNECT that is still being stored is stored before the next connection: no Will [MQTT-3.14.4-3]", async () => {
  const { connect, client, faults } = world();
  const watcher = await connect("w");
  await watcher.send(subscribePacket(1, "will"));
  const old = await connect("c", { will: will("will") });
  faults.inject({ call: "commit", fault: "startsLate" });
  await old.send({ type: "disconnect", reasonCode: 0 });
  old.connection.closed();
  const fresh = client("c");
  await fresh.send(connectPacket("c"));
  assert.equal(fresh.types(), "");
  faults.release();
  await rest();
  assert.equal(fresh.types(), "connack");
  assert.deepEqual(texts(watcher), []);
});

Deno.test("a takeover releases the Will of the old connection", async () => {
  const { connect } = world();
  const watcher = await connect("w");
  await watcher.send(subscribePacket(1, "will"));
  await connect("c", { will: will("will") });
  await connect("c");
  assert.equal(texts(watcher).length, 1);
});

Deno.test("a connection lost while the store is asked for its session lets go of it", async () => {
  const { client, faults, store } = world();
  faults.inject({ call: "acquire", fault: "startsLate" });
  const lost = client("c");
  await lost.send(connectPacket("c"));
  lost.connection.closed();
  faults.release();
  await rest();
  assert.equal(lost.types(), "");
  assert.equal((await store.directory.inspect("c"))?.attached, false);
});

Deno.test("what a client sent before it went still counts", async () => {
  const { client, connect, faults } = world();
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  faults.inject({ call: "acquire", fault: "startsLate" });
  const hasty = client("hasty");
  await hasty.send(connectPacket("hasty"), publishPacket("t", 0, undefined, "bye"), {
    type: "disconnect",
    reasonCode: 0,
  });
  hasty.connection.closed();
  faults.release();
  await rest();
  assert.deepEqual(texts(subscriber), ["bye"]);
});

Deno.test("a client of another principal is refused, and the session left alone", async () => {
  const { connect, client, broker: _ } = world({
    authenticate: (packet) => ({ ok: true, principal: packet.username ?? "nobody" }),
  });
  const owner = await connect("c", { username: "a" });
  const other = client("other");
  await other.send(connectPacket("c", { username: "b" }));
  assert.equal(owner.closed, false);
  const answer = other.got[0];
  assert.equal(answer?.type === "connack" && answer.reasonCode, 0x85);
  assert.equal(other.closed, true);
});

Deno.test("a callback that throws refuses, and is told to the observer", async () => {
  const { connect, of } = world({
    authenticate: () => {
      throw new Error("no directory");
    },
  });
  const client = await connect("c");
  const answer = client.got[0];
  assert.equal(answer?.type === "connack" && answer.reasonCode, 0x80);
  assert.equal(of("workFailed").length, 1);
});

Deno.test("an empty Client Identifier gets one that is told in CONNACK [MQTT-3.1.3-7]", async () => {
  const { connect, store } = world();
  const client = await connect("");
  const answer = client.got[0];
  assert(answer?.type === "connack" && answer.assignedClientIdentifier !== undefined);
  assert.equal((await store.directory.inspect(answer.assignedClientIdentifier))?.attached, true);
});

Deno.test("a Will that its client may not publish refuses the CONNECT with 0x87", async () => {
  const { connect } = world({ authorize: ({ topic }) => topic !== "secret" });
  const client = await connect("c", { will: will("secret") });
  const answer = client.got[0];
  assert.equal(answer?.type === "connack" && answer.reasonCode, 0x87);
});

Deno.test("publish and subscribe are asked for one by one, at once or later", async () => {
  for (const authorize of [(topic: string) => topic !== "no", async (topic: string) => await topic !== "no"]) {
    const { connect } = world({ authorize: ({ topic }) => authorize(topic) });
    const client = await connect("c");
    await client.send(subscribePacket(1, "yes", "no"), publishPacket("no", 1, 2), publishPacket("yes", 1, 3, "yes"));
    assert.deepEqual(client.got[1], { type: "suback", packetId: 1, reasonCodes: [2, 0x87] });
    assert.deepEqual(client.got[2], { type: "puback", packetId: 2, reasonCode: 0x87 });
    assert.deepEqual(texts(client), ["yes"]);
  }
});

Deno.test("a host that does not answer in time has refused", async () => {
  const { connect, pass } = world({ authorize: () => new Promise(() => {}), authorizeTimeoutMs: 100 });
  const client = await connect("c");
  await client.send(publishPacket("t", 1, 1));
  assert.equal(client.types(), "connack");
  await pass(100);
  assert.deepEqual(client.last(), { type: "puback", packetId: 1, reasonCode: 0x87 });
});

Deno.test("a filter that brings one shape too many gets 0x97 (D7)", async () => {
  const { connect } = world({}, memoryStore({ maximumShapes: 1 }));
  const client = await connect("c");
  await client.send(subscribePacket(1, "a/+", "a/b/+"));
  assert.deepEqual(client.got[1], { type: "suback", packetId: 1, reasonCodes: [2, 0x97] });
});

Deno.test("a host whose authentication never ends is cut short by the wait for CONNECT", async () => {
  let aborted = false;
  const { client, broker, pass } = world({
    limits: { connectTimeoutMs: 1_000 },
    authenticate: (_, { signal }) => {
      signal.addEventListener("abort", () => aborted = true);
      return new Promise(() => {});
    },
  });
  broker.start();
  const made = client();
  await made.send(connectPacket("c"));
  await pass(1_000);
  assert.equal(made.closed, true);
  assert.equal(aborted, true);
  await broker.shutdown();
});

Deno.test("Keep Alive is enforced by a started broker, and only when a client is silent [MQTT-3.1.2-22]", async () => {
  const { connect, broker, pass } = world();
  broker.start();
  const client = await connect("c", { keepAlive: 10 });
  await pass(10_000);
  await client.send({ type: "pingreq" });
  await pass(14_999);
  assert.equal(client.closed, false);
  await pass(1);
  assert.deepEqual(client.last(), { type: "disconnect", reasonCode: 0x8d });
  assert.equal(client.closed, true);
  await broker.shutdown();
});

Deno.test("receive waits while too much is pending, and goes on when it is committed", async () => {
  const { connect, faults } = world({ bounds: { maxPendingBytes: 2_000 } });
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const client = await connect("c");
  faults.inject({ call: "commit", fault: "startsLate" });
  let open = 0;
  client.connection.receive([publishPacket("t", 1, 1, "x".repeat(1_000))]).then(() => open++);
  await rest();
  assert.equal(open, 1);
  client.connection.receive([publishPacket("t", 1, 2, "x".repeat(1_000))]).then(() => open++);
  await rest();
  assert.equal(open, 1);
  faults.release();
  await rest();
  assert.equal(open, 2);
});

Deno.test("a client that does not read gets nothing more, loses QoS 0 with a count, and is closed in the end", async () => {
  const { connect, of, pass } = world({ bounds: { highWaterBytes: 100, stallTimeoutMs: 1_000 } });
  const slow = await connect("slow");
  await slow.send(subscribePacket(1, "t"));
  const publisher = await connect("pub");
  slow.buffered = 101;
  await publisher.send(publishPacket("t", 0), publishPacket("t", 1, 1, "kept"));
  assert.equal(slow.types(), "connack suback");
  assert.deepEqual(of("dropped"), [{ type: "dropped", clientId: "slow", reason: "atMostOnce", topic: "t" }]);
  assert.equal(of("stalled").length, 1);
  slow.buffered = 0;
  await pass(100);
  assert.deepEqual(texts(slow), ["kept"]);
  slow.buffered = 101;
  await publisher.send(publishPacket("t", 1, 2));
  await pass(999);
  assert.equal(slow.closed, false);
  await pass(200);
  assert.equal(slow.closed, true);
});

Deno.test("a transport that throws counts as lost", async () => {
  const { broker, store } = world();
  const connection = broker.accept({
    send: () => {
      throw new Error("broken pipe");
    },
    close: () => {},
  });
  await connection.receive([connectPacket("c")]);
  await connection.done;
  assert.equal((await store.directory.inspect("c"))?.attached, false);
});

Deno.test("a transport that calls back from within send keeps everything in order", async () => {
  const { broker } = world();
  const got: string[] = [];
  const connection = broker.accept({
    send: (packet) => {
      got.push(packet.type);
      if (packet.type === "connack") connection.receive([{ type: "pingreq" }]);
    },
    close: () => connection.closed(),
  });
  connection.receive([connectPacket("c"), subscribePacket(1, "t"), { type: "disconnect", reasonCode: 0 }]);
  await connection.done;
  assert.deepEqual(got, ["connack", "suback"]);
});

Deno.test("a packet that cannot be read closes with its code", async () => {
  const { connect } = world();
  const client = await connect("c");
  client.connection.malformed(0x95);
  await rest();
  assert.deepEqual(client.last(), { type: "disconnect", reasonCode: 0x95 });
});

Deno.test("an unreadable session refuses CONNECT with 0x83", async () => {
  const inner = memoryStore();
  const { SessionError } = await import("../../../mod.ts");
  const acquire: typeof inner.acquire = () =>
    Promise.reject(new SessionError("RECORD_UNREADABLE", "Cannot read a head: the test says so"));
  const { connect } = world({}, { ...inner, acquire });
  const client = await connect("c");
  const answer = client.got[0];
  assert.equal(answer?.type === "connack" && answer.reasonCode, 0x83);
});

Deno.test("QoS 0 for the connected of this node is not stored, for others only where it is asked for (D10)", async () => {
  for (const queueQos0 of [false, true]) {
    const { connect, of, store } = world({ queueQos0 });
    const near = await connect("near");
    await near.send(subscribePacket(1, "t"));
    const away = await connect("away");
    await away.send(subscribePacket(1, "t"));
    away.connection.closed();
    await rest();
    const publisher = await connect("pub");
    await publisher.send(publishPacket("t", 0, undefined, "hello"));
    assert.deepEqual(texts(near), ["hello"]);
    assert.equal((await store.directory.inspect("near"))?.queuedMessages, 0);
    assert.equal((await store.directory.inspect("away"))?.queuedMessages, queueQos0 ? 1 : 0);
    assert.deepEqual(
      of("dropped"),
      queueQos0 ? [] : [{ type: "dropped", clientId: "away", reason: "notConnected", topic: "t" }],
    );
  }
});
