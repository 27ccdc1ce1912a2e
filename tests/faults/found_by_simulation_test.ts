/** What simulated worlds have found, as plain as it can be said. */
import assert from "node:assert/strict";
import type { ClientPacket } from "../../mod.ts";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { mapDriver } from "../../src/testing/mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { publishPacket, subscribePacket } from "../unit/runtime/support.ts";
import { texts, world } from "./support/world.ts";

function atMostOnce(packetId: number, filter: string): ClientPacket {
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { type: "subscribe", packetId, subscriptions: [{ filter, ...options }] };
}

const KEPT = { sessionExpiryInterval: 600 };

Deno.test("a session that lives elsewhere by now is ended there, not at the node that believes to have it", async () => {
  const { another, broker, connect, rest, runDue } = world();
  const elsewhere = another();
  const first = await connect("c", KEPT);
  const second = await connect("c", { ...KEPT, cleanStart: false }, elsewhere);
  assert.equal(first.closed, false, "nobody has told the first node yet");
  const ended = broker.end("c");
  await rest();
  assert.equal(await ended, true);
  assert.equal(await broker.inspect("c"), undefined);
  await runDue(elsewhere);
  assert.equal(second.closed, true);
});

Deno.test("ending a session ends that one, and not the one that begins meanwhile", async () => {
  const { broker, connect, rest } = world();
  const first = await connect("c", KEPT);
  const ended = broker.end("c");
  const second = await connect("c", { ...KEPT, cleanStart: false });
  await rest();
  assert.equal(await ended, true);
  assert.equal(first.closed, true);
  assert.match(second.told(), /^connack$/);
  assert.equal((await broker.inspect("c"))?.attached, true);
});

Deno.test("a client whose session an administrator ends elsewhere is told so, and of no other connection", async () => {
  const { another, connect, rest, runDue } = world();
  const elsewhere = another();
  const listening = await connect("c", KEPT);
  const ended = elsewhere.end("c");
  await rest();
  assert.equal(await ended, true);
  await runDue();
  assert.equal(listening.told(), "connack disconnect:98");
});

Deno.test("a client that learns by its own commit that its session was ended is told so", async () => {
  const { another, connect, rest } = world();
  const elsewhere = another();
  const writing = await connect("c", KEPT);
  const ended = elsewhere.end("c");
  await rest();
  assert.equal(await ended, true);
  await writing.send(subscribePacket(1, "t"));
  assert.equal(writing.told(), "connack disconnect:98");
});

Deno.test("a client that learns by its own commit that another has its session is told that", async () => {
  const { another, connect } = world();
  const elsewhere = another();
  const first = await connect("c", KEPT);
  await connect("c", { ...KEPT, cleanStart: false }, elsewhere);
  await first.send(subscribePacket(1, "t"));
  assert.equal(first.told(), "connack disconnect:8e");
});

Deno.test("no DISCONNECT comes before CONNACK, also when the session is taken over while CONNACK waits", async () => {
  const { another, broker, clock, connect, faults, rest, runDue } = world();
  const elsewhere = another();
  const sleeper = await connect("c", KEPT);
  await sleeper.send(atMostOnce(1, "t"));
  const publisher = await connect("p", {}, elsewhere);
  // A QoS 0 copy that may have been sent before: it is given up at the next CONNECT, by a commit that CONNACK waits for.
  faults.inject({ call: "readRings", fault: "startsLate" });
  await publisher.send(publishPacket("t", 0, undefined, "m"));
  await sleeper.drop();
  faults.inject({ call: "commit", fault: "startsLate" });
  const second = await connect("c", { ...KEPT, cleanStart: false });
  const third = await connect("c", { ...KEPT, cleanStart: false }, elsewhere);
  await runDue();
  faults.release();
  await rest();
  clock.advance(1);
  assert.match(third.told(), /^connack/);
  assert.doesNotMatch(second.told(), /^disconnect/);
  assert.equal(second.closed, true);
  await broker.settled();
});

Deno.test("a client gets its own messages at QoS 0 in the order in which it published them", async () => {
  const { connect, faults, rest } = world();
  const client = await connect("c");
  await client.send(atMostOnce(1, "t"));
  // Somebody whose copies have to be stored, so that there is a commit to wait for.
  const other = await connect("other");
  await other.send(subscribePacket(1, "t"));
  const count = 6;
  // Each commit ends while the next waits for it.
  faults.inject({ call: "commit", fault: "answersLate", times: count });
  for (let index = 1; index <= count; index++) await client.send(publishPacket("t", 1, index, `m${index}`));
  for (let turn = 0; turn < 4 * count; turn++) {
    faults.release(1);
    await rest();
  }
  assert.deepEqual(texts(client), Array.from({ length: count }, (_, index) => `m${index + 1}`));
});

Deno.test("a QoS 0 copy whose message must be stored for others is not overtaken by copies that need not wait", async () => {
  const { connect, faults, rest } = world();
  const reader = await connect("reader");
  await reader.send(atMostOnce(1, "#"));
  const other = await connect("other");
  await other.send(subscribePacket(1, "stored"));
  const publisher = await connect("p");
  await publisher.send(atMostOnce(1, "#"));
  faults.inject({ call: "commit", fault: "answersLate" });
  await publisher.send(publishPacket("stored", 1, 1, "m1"));
  await publisher.send(publishPacket("not", 1, 2, "m2"));
  await publisher.send(publishPacket("not", 0, undefined, "m3"));
  assert.deepEqual(texts(reader), [], "they wait for the first");
  faults.release();
  await rest();
  assert.deepEqual(texts(reader), ["m1", "m2", "m3"]);
  assert.deepEqual(texts(publisher), ["m1", "m2", "m3"], "its own as well");
});

Deno.test("QoS 0 messages for more receivers than fit into a commit keep their order", async () => {
  const { another, connect, faults, rest, runDue } = world(memoryStore({ maxReceiversPerCommit: 1 }));
  const elsewhere = another();
  const subscribers = await Promise.all(["s1", "s2", "s3"].map((name) => connect(name, {}, elsewhere)));
  for (const subscriber of subscribers) await subscriber.send(atMostOnce(1, "t"));
  const publisher = await connect("p");
  faults.inject({ call: "readOutbox", fault: "answersLate" });
  await publisher.send(publishPacket("t", 0, undefined, "m1"));
  await publisher.send(publishPacket("t", 0, undefined, "m2"));
  faults.release();
  await rest();
  await runDue(elsewhere);
  for (const subscriber of subscribers) assert.deepEqual(texts(subscriber), ["m1", "m2"]);
});

Deno.test("a Message Expiry Interval is never forwarded larger than it was, though clocks of nodes differ", async () => {
  const { another, clock, connect, runDue } = world();
  const ahead = another({
    environment: {
      now: () => clock.now() + 1_500,
      monotonic: clock.monotonic,
      wake: (at, callback) => clock.wake(at - 1_500, callback),
      randomId: () => crypto.randomUUID(),
    },
  });
  const subscriber = await connect("s");
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("p", {}, ahead);
  const packet = publishPacket("t", 1, 1, "m");
  assert.ok(packet.type === "publish");
  await publisher.send({ ...packet, messageExpiryInterval: 2 });
  await runDue();
  const published = subscriber.got.find((packet) => packet.type === "publish");
  assert.equal(published?.messageExpiryInterval, 2);
});

Deno.test("a message that comes while its session is taken over is sent once, by the new connection", async () => {
  const { connect, faults, rest } = world();
  const first = await connect("c", KEPT);
  await first.send(subscribePacket(1, "t"));
  const publisher = await connect("p");
  faults.inject({ call: "acquire", fault: "answersLate" });
  const second = await connect("c", { ...KEPT, cleanStart: false });
  await publisher.send(publishPacket("t", 1, 1, "m"));
  assert.deepEqual(texts(first), [], "the session is not its own any more");
  faults.release();
  await rest();
  assert.deepEqual(texts(second), ["m"]);
});

Deno.test("a message that comes while somebody fails to take its session over is sent by who has it", async () => {
  const { clock, connect, faults, rest } = world(undefined, { commit: { timeoutMs: 100, repeatForMs: 1 } });
  const first = await connect("c", KEPT);
  await first.send(subscribePacket(1, "t"));
  const publisher = await connect("p");
  faults.inject({ call: "acquire", fault: "neverStarts" });
  const second = await connect("c", { ...KEPT, cleanStart: false });
  await publisher.send(publishPacket("t", 1, 1, "m"));
  clock.advance(100);
  await rest();
  assert.equal(second.told(), "connack:88");
  assert.deepEqual(texts(first), ["m"]);
});

Deno.test("a connection that is to be closed is closed within a second, also while the store hangs", async () => {
  const { broker, clock, connect, faults, pass, rest } = world();
  const client = await connect("c", KEPT);
  faults.inject({ call: "commit", fault: "startsLate" });
  const stopped = broker.shutdown();
  await pass(999);
  assert.equal(client.closed, false, "its DISCONNECT waits for what it leaves to be stored");
  await pass(1);
  assert.equal(client.closed, true, "its Session Expiry Interval has begun a second ago");
  faults.release();
  await rest();
  await stopped;
  assert.equal(client.told(), "connack");
  assert.equal(clock.timers(), 0);
});

Deno.test("a clock that is put forward while the lease is being renewed wakes nobody again and again", async () => {
  const { another, clock, connect, faults, pass, rest } = world();
  let [ahead, wakes] = [0, 0];
  const node = another({
    duePollMs: 1_000,
    environment: {
      now: () => clock.now() + ahead,
      monotonic: clock.monotonic,
      randomId: () => crypto.randomUUID(),
      // As timers of a platform: they count from now, whatever the clock is set to meanwhile.
      wake: (at, callback) => clock.wake(at - ahead, () => (wakes++, callback())),
    },
  });
  node.start();
  await connect("c", {}, node);
  faults.inject({ call: "renewNode", fault: "neverStarts" });
  await pass(30_000);
  ahead = 20_000;
  await pass(5_000);
  wakes = 0;
  for (let turn = 0; turn < 50; turn++) {
    clock.advance(1);
    await rest();
  }
  assert.ok(wakes < 10, `woken ${wakes} times while nothing happened`);
  await pass(10_000);
  const stopped = node.shutdown();
  await pass(1);
  await stopped;
});

Deno.test("a node that comes back after its lease keeps what it takes anew, though others still see to what it lost", async () => {
  const { another, clock, connect, faults, pass, rest, store } = world();
  const worker = another();
  const first = await connect("c", { ...KEPT, keepAlive: 0 });
  // Nobody can renew: the node gives its sessions up, and others find them.
  faults.inject({ call: "renewNode", fault: "failsBefore", times: 1_000 });
  await pass(160_000);
  faults.heal();
  faults.inject({ call: "listDue", fault: "answersLate" });
  const working = worker.runDue();
  await rest();
  await first.drop();
  // Who comes first learns that the lease is over, and is cut off with all others.
  await connect("c", { ...KEPT, cleanStart: false });
  const again = await connect("c", { ...KEPT, cleanStart: false });
  assert.match(again.told(), /^connack/);
  faults.release();
  for (let turn = 0; turn < 5; turn++) {
    await rest();
    clock.advance(1);
  }
  await working;
  const stored = await store.read("c");
  assert.equal(stored?.snapshot.head.attached, true, "its session is not taken for a lost one");
  assert.ok((stored?.ownerUntil ?? 0) > clock.now(), "its lease is not given back by another");
});

Deno.test("who rings while the doorbell is being answered is heard", async () => {
  // Its watch tells of a ring once.
  const watched = keyValueStore(mapDriver(), {
    capabilities: { fencing: "strict", durability: "process", consistency: "strong", watch: "everywhere" },
  });
  const { another, broker, connect, faults, rest } = world(watched);
  broker.start();
  const elsewhere = another();
  const subscriber = await connect("s");
  await subscriber.send(subscribePacket(1, "t"));
  const publisher = await connect("p", {}, elsewhere);
  faults.inject({ call: "readRings", fault: "answersLate" });
  const looking = broker.runDue();
  await rest();
  await publisher.send(publishPacket("t", 1, 1, "m"));
  faults.release();
  await looking;
  await rest();
  assert.deepEqual(texts(subscriber), ["m"]);
  await broker.shutdown();
});

Deno.test("a client that is still being authenticated when the broker shuts down gets a code that CONNACK may carry", async () => {
  const { broker, connect, rest } = world(undefined, { authenticate: () => new Promise(() => {}) });
  const client = await connect("c");
  const stopped = broker.shutdown();
  await rest();
  await stopped;
  assert.equal(client.told(), "connack:88");
});

Deno.test("a sweep that is never answered keeps a node from nothing else", async () => {
  const { broker, connect, faults, pass, rest } = world();
  broker.start();
  const first = await connect("a", { sessionExpiryInterval: 0 });
  faults.inject({ call: "sweep", fault: "neverStarts" });
  await first.drop();
  await pass(61_000);
  assert.equal(faults.injected.length, 1, "something was to be swept");
  const stopped = broker.shutdown();
  await pass(10_000);
  await rest();
  await stopped;
});

Deno.test("what came for a session that ends while it is taken over is not looked for in the new one", async () => {
  const { connect, faults, rest } = world();
  const first = await connect("c", { sessionExpiryInterval: 0 });
  await first.send(subscribePacket(1, "t"));
  const publisher = await connect("p");
  faults.inject({ call: "acquire", fault: "startsLate" });
  const second = await connect("c", KEPT);
  await publisher.send(publishPacket("t", 1, 1, "m"));
  let reads = 0;
  // Nothing fails, but whoever reads again and again would never come to rest.
  faults.inject({ call: "readQueue", fault: "neverStarts", when: () => ++reads > 10 });
  faults.release();
  await rest();
  assert.equal(second.told(), "connack");
  assert.equal(reads, 0, "its log has nothing");
});

Deno.test("QoS 0 copies that wait behind a publish that is refused keep their order", async () => {
  const { connect, faults, rest } = world(undefined, { queue: { maximumMessages: 1, whenFull: "reject" } });
  const client = await connect("c");
  await client.send(subscribePacket(1, "t"));
  // Its queue is full from here on.
  await client.send(publishPacket("t", 2, 2, "first"));
  const other = await connect("other");
  faults.inject({ call: "commit", fault: "answersLate", times: 2 });
  await client.send(publishPacket("t", 2, 3, "refused"));
  await other.send(publishPacket("t", 0, undefined, "m1"));
  faults.release(1);
  await rest();
  // That it was refused is being stored.
  await other.send(publishPacket("t", 0, undefined, "m2"));
  assert.deepEqual(texts(client), ["first"]);
  faults.release();
  await rest();
  assert.match(client.told(), /pubrec:97 publish publish$/);
  assert.deepEqual(texts(client), ["first", "m1", "m2"]);
});
