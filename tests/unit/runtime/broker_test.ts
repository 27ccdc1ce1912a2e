import assert from "node:assert/strict";
import { sessionBroker, SessionError } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { connectPacket, publishPacket, rest, subscribePacket, texts, will, world } from "./support.ts";

Deno.test("a store that promises less than is required is refused at construction", () => {
  const inner = memoryStore();
  const store = { ...inner, capabilities: { ...inner.capabilities, fencing: "none" as const } };
  const refused = (error: unknown) => error instanceof SessionError && error.code === "CAPABILITY_MISSING";
  assert.throws(() => sessionBroker({ store }), refused);
  assert.throws(() => sessionBroker({ store: inner, require: { durability: "power" } }), refused);
  sessionBroker({ store, require: {} });
});

Deno.test("numbers out of range are refused at construction", () => {
  const store = memoryStore();
  assert.throws(() => sessionBroker({ store, nodeId: "" }), RangeError);
  assert.throws(() => sessionBroker({ store, queue: { maximumMessages: 0 } }), RangeError);
  assert.throws(() => sessionBroker({ store, commit: { timeoutMs: NaN } }), RangeError);
  assert.throws(() => sessionBroker({ store, lease: { closeAfterMs: 200_000 } }), RangeError);
  for (const limits of [{ receiveMaximum: 0 }, { maximumInFlight: 65_536 }, { maximumKeepAlive: 1.5 }]) {
    assert.throws(() => sessionBroker({ store, limits }), RangeError);
  }
});

Deno.test("an option of the wrong type is refused at construction, by its name and by what was found", () => {
  const store = memoryStore();
  // Deliberately outside the types: this is what JavaScript or a configuration file may bring.
  const wrong = { whenFull: "drop-oldest" } as unknown as { whenFull: "dropOldest" };
  assert.throws(() => sessionBroker({ store, queue: wrong }), {
    name: "TypeError",
    message: /queue\.whenFull is "drop-oldest"/,
  });
  const text = { receiveMaximum: "10" } as unknown as { receiveMaximum: number };
  assert.throws(() => sessionBroker({ store, limits: text }), { name: "TypeError", message: /limits\.receiveMaximum/ });
});

Deno.test("a Will waits for its delay, also without its connection, and leaves with runDue", async () => {
  const { connect, broker, clock } = world();
  const watcher = await connect("w");
  await watcher.send(subscribePacket(1, "will"));
  const client = await connect("c", { will: will("will", 30) });
  client.connection.closed();
  await rest();
  assert.equal(await broker.nextWakeAt().then((at) => at !== undefined && at <= clock.now() + 30_000), true);
  clock.advance(29_999);
  await broker.runDue();
  assert.deepEqual(texts(watcher).length, 0);
  clock.advance(1);
  await broker.runDue();
  assert.deepEqual(texts(watcher).length, 1);
});

Deno.test("a started broker ends sessions at their time and says so", async () => {
  const { connect, broker, pass, store, of } = world();
  broker.start();
  const client = await connect("c", { sessionExpiryInterval: 60 });
  client.connection.closed();
  await rest();
  await pass(59_999);
  assert.notEqual(await store.read("c"), undefined);
  await pass(1_001);
  assert.equal(await store.read("c"), undefined);
  assert.deepEqual(of("ended"), [{ type: "ended", clientId: "c", reason: "expired" }]);
  await broker.shutdown();
});

Deno.test("a node that crashed loses its connections at the end of its lease: Wills and expiry come late, never early", async () => {
  const { connect, broker, another, clock, store } = world();
  const dead = another({ nodeId: "dead" });
  const watcher = await connect("w");
  await watcher.send(subscribePacket(1, "will"));
  await connect("c", { will: will("will"), sessionExpiryInterval: 300 }, dead);
  // From here on nobody renews the lease of that node; the watcher's own node does.
  for (let minute = 0; minute < 5; minute++) {
    clock.advance(29_000);
    await broker.runDue();
    assert.equal(texts(watcher).length, 0);
  }
  clock.advance(5_000);
  await broker.runDue();
  assert.equal(texts(watcher).length, 1);
  const left = await store.read("c");
  assert.equal(left?.snapshot.head.attached, false);
  assert.equal(left?.snapshot.head.disconnectedAt, clock.now() - 150_000 + 120_000);
  assert.equal(left?.snapshot.head.endsAt, clock.now() - 150_000 + 120_000 + 300_000);
});

Deno.test("the lease is renewed while sessions are attached, and not before or after", async () => {
  const inner = memoryStore();
  const renewed: number[] = [];
  const renewNode: typeof inner.renewNode = (nodeId, until, options) => {
    renewed.push(until);
    return inner.renewNode(nodeId, until, options);
  };
  const { broker, connect, pass } = world({}, { ...inner, renewNode });
  broker.start();
  await pass(100_000);
  assert.equal(renewed.length, 0);
  const client = await connect("c");
  assert.equal(renewed.length, 1);
  await pass(60_000);
  assert.equal(renewed.length, 3);
  client.connection.closed();
  await rest();
  await pass(60_000);
  assert.equal(renewed.length, 3);
  await broker.shutdown();
  assert.equal(renewed.at(-1), 0);
});

Deno.test("a node that cannot renew its lease closes its own connections at 90 s, without a word (D5)", async () => {
  const { broker, connect, pass, faults, of } = world();
  broker.start();
  const client = await connect("c");
  faults.inject({ call: "renewNode", fault: "failsBefore", times: Infinity });
  await pass(89_999);
  assert.equal(client.closed, false);
  await pass(10_001);
  assert.equal(client.closed, true);
  assert.equal(client.types(), "connack");
  assert.equal(of("leaseLost").length, 1);
  faults.heal();
  const again = await connect("c");
  assert.equal(again.types(), "connack");
  await broker.shutdown();
});

Deno.test("a machine that slept past its lease gives it up although its monotonic clock slept too", async () => {
  const { broker, connect, clock, of } = world();
  const client = await connect("c");
  clock.setNow(clock.now() + 120_000);
  await broker.runDue();
  assert.equal(client.closed, true);
  assert.equal(of("leaseLost").length, 1);
});

for (const watched of [true, false]) {
  Deno.test(`a message from another node arrives through the doorbell, ${watched ? "watched" : "polled"}`, async () => {
    const { watch, ...plain } = memoryStore();
    const { broker, another, connect, pass } = world(
      { doorbellPollMs: 500 },
      watched && watch !== undefined ? { ...plain, watch } : plain,
    );
    const other = another({ nodeId: "other" });
    broker.start();
    const subscriber = await connect("sub");
    await subscriber.send(subscribePacket(1, "t"));
    const publisher = await connect("pub", {}, other);
    await publisher.send(publishPacket("t", 1, 1, "one"), publishPacket("t", 1, 2, "two"));
    assert.deepEqual(texts(subscriber), watched ? ["one", "two"] : []);
    await pass(500);
    assert.deepEqual(texts(subscriber), ["one", "two"]);
    await publisher.send(publishPacket("t", 0, undefined, "three"));
    await pass(500);
    assert.deepEqual(texts(subscriber), ["one", "two", "three"]);
    await broker.shutdown();
    await other.shutdown();
  });
}

Deno.test("a session that another node took closes its old connection when the doorbell rings", async () => {
  const { broker, another, connect, of } = world();
  const other = another({ nodeId: "other" });
  broker.start();
  const old = await connect("c");
  const fresh = await connect("c", {}, other);
  await rest();
  assert.deepEqual(old.last(), { type: "disconnect", reasonCode: 0x8e });
  assert.equal(fresh.types(), "connack");
  assert.equal(of("superseded").length, 1);
  await broker.shutdown();
  await other.shutdown();
});

Deno.test("a session that another node took commits nothing, also when nothing rings", async () => {
  const { watch: _, ...plain } = memoryStore();
  const { another, connect } = world({ doorbellPollMs: 0 }, plain);
  const other = another({ nodeId: "other" });
  const old = await connect("c");
  await connect("c", {}, other);
  await old.send(subscribePacket(1, "t"));
  assert.equal(old.types(), "connack disconnect");
});

Deno.test("more receivers than one commit reaches are served through the outbox, in order", async () => {
  const { connect, store, broker } = world({}, memoryStore({ maxReceiversPerCommit: 3 }));
  const subscribers = [];
  for (let index = 0; index < 10; index++) {
    const subscriber = await connect(`sub-${index}`);
    await subscriber.send(subscribePacket(1, "t"));
    subscribers.push(subscriber);
  }
  const publisher = await connect("pub");
  await publisher.send(
    publishPacket("t", 1, 1, "one"),
    publishPacket("t", 1, 2, "two"),
    publishPacket("t", 1, 3, "three"),
  );
  await publisher.send(publishPacket("t", 2, 4, "four"));
  await broker.settled();
  assert.equal(publisher.types(), "connack puback puback puback pubrec");
  for (const subscriber of subscribers) assert.deepEqual(texts(subscriber), ["one", "two", "three", "four"]);
  assert.deepEqual(await store.readOutbox((await store.read("pub"))?.guard.incarnation ?? "", 10), []);
});

Deno.test("an outbox that a crashed node left is worked off by runDue of any other", async () => {
  const { connect, broker, another, faults, clock } = world({}, memoryStore({ maxReceiversPerCommit: 2 }));
  const subscribers = [];
  for (let index = 0; index < 5; index++) {
    const subscriber = await connect(`sub-${index}`);
    await subscriber.send(subscribePacket(1, "t"));
    subscribers.push(subscriber);
  }
  const dead = another({ nodeId: "dead" });
  faults.inject({ call: "readOutbox", fault: "neverStarts" });
  const publisher = await connect("pub", {}, dead);
  await publisher.send(publishPacket("t", 1, 1, "late"));
  assert.equal(publisher.types(), "connack puback");
  assert.equal(subscribers.flatMap((subscriber) => texts(subscriber)).length < 5, true);
  clock.advance(1);
  await broker.runDue();
  for (const subscriber of subscribers) assert.deepEqual(texts(subscriber), ["late"]);
});

Deno.test("the host publishes to local, detached and QoS 0 sessions alike", async () => {
  const { connect, broker, store } = world();
  const near = await connect("near");
  await near.send(subscribePacket(1, "t"));
  const away = await connect("away");
  await away.send(subscribePacket(1, "t"));
  away.connection.closed();
  await rest();
  const payload = new TextEncoder().encode("news");
  assert.deepEqual(await broker.publish({ topic: "t", payload, qos: 1 }), { receivers: 2, accepted: true });
  assert.deepEqual(await broker.publish({ topic: "nobody", payload }), { receivers: 0, accepted: true });
  await assert.rejects(broker.publish({ topic: "t/#", payload }), TypeError);
  assert.deepEqual(texts(near), ["news"]);
  assert.equal((await store.directory.inspect("away"))?.queuedMessages, 1);
});

Deno.test("sessions are listed and inspected page by page", async () => {
  const { connect, broker } = world();
  for (const id of ["a", "b", "c"]) await connect(id);
  const first = await broker.list({ limit: 2 });
  assert.deepEqual(first.sessions.map((session) => session.clientId), ["a", "b"]);
  const second = await broker.list({ limit: 2, ...(first.cursor === undefined ? {} : { cursor: first.cursor }) });
  assert.deepEqual(second.sessions.map((session) => session.clientId), ["c"]);
  assert.equal((await broker.inspect("b"))?.attached, true);
});

Deno.test("a session is ended wherever it is: here, detached, on another node, or nowhere (S15)", async () => {
  const { connect, broker, another, store } = world();
  const other = another({ nodeId: "other" });
  other.start();
  const here = await connect("here");
  const away = await connect("away");
  away.connection.closed();
  await rest();
  const there = await connect("there", {}, other);
  for (const id of ["here", "away", "there"]) assert.equal(await broker.end(id), true, id);
  assert.equal(await broker.end("nowhere"), false);
  await rest();
  assert.deepEqual(here.last(), { type: "disconnect", reasonCode: 0x98 });
  assert.equal(there.closed, true);
  assert.equal((await store.directory.list({ limit: 10 })).sessions.length, 0);
  await other.shutdown();
});

Deno.test("shutdown tells every client, stores what they leave, gives the lease back, and may be called again", async () => {
  const { connect, broker, store, client, clock } = world();
  broker.start();
  const a = await connect("a");
  const unknown = client("unknown");
  const first = broker.shutdown();
  assert.equal(broker.shutdown(), first);
  await first;
  assert.deepEqual(a.last(), { type: "disconnect", reasonCode: 0x8b });
  assert.equal(unknown.closed, true);
  assert.equal((await store.directory.inspect("a"))?.attached, false);
  assert.equal(clock.timers(), 0);
  const late = client("late");
  await rest();
  assert.equal(late.closed, true);
  await assert.rejects(broker.publish({ topic: "t", payload: new Uint8Array() }), { code: "CLOSED" });
  await assert.rejects(broker.runDue(), { code: "CLOSED" });
});

Deno.test("an observer that throws breaks nothing", async () => {
  const { connect } = world({
    observe: () => {
      throw new Error("no metrics");
    },
  });
  const client = await connect("c");
  await client.send(subscribePacket(1, "t"), publishPacket("t", 1, 2, "seen"));
  assert.deepEqual(texts(client), ["seen"]);
});

Deno.test("no event and no call of the store holds a credential", async () => {
  const inner = memoryStore();
  const seen: unknown[] = [];
  const acquire: typeof inner.acquire = (request, options) => {
    seen.push(request);
    return inner.acquire(request, options);
  };
  const { connect, events } = world({}, { ...inner, acquire });
  await connect("c", { username: "user", password: new TextEncoder().encode("secret") });
  assert.equal(JSON.stringify([seen, events]).includes("password"), false);
  assert.equal(seen.length, 1);
});

Deno.test("no event and no call of the store holds what is said in an enhanced authentication", async () => {
  const inner = memoryStore();
  const seen: unknown[] = [];
  const watched = new Proxy(inner, {
    get: (target, name, receiver) => {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]) => {
        seen.push(name, args);
        return Reflect.apply(member, target, args);
      };
    },
  });
  const said = new Uint8Array([211, 212, 213]);
  const { connect, events } = world({
    limits: { authenticationMethods: ["M"] },
    authenticate: () => ({
      ok: "continue",
      authenticationData: said,
      next: () => ({ ok: true, authenticationData: said }),
    }),
    reauthenticate: () => ({ ok: true, authenticationData: said }),
  }, watched);
  const method = { authenticationMethod: "M", authenticationData: said };
  const client = await connect("c", method);
  await client.send({ type: "auth", reasonCode: 0x18, ...method });
  await client.send({ type: "auth", reasonCode: 0x19, ...method });
  await client.send(subscribePacket(1, "t"), { type: "disconnect", reasonCode: 0 });
  assert.equal(client.types(), "auth connack auth suback");
  assert.ok(seen.includes("acquire") && seen.includes("commit"));
  assert.equal(/211|"M"/.test(JSON.stringify([seen, events])), false);
});

Deno.test("a broker at rest has no timers but its own, and keeps nothing of connections that ended", async () => {
  const { connect, broker, clock, client } = world();
  for (let round = 0; round < 3; round++) {
    const made = await connect("c");
    await made.send({ type: "disconnect", reasonCode: 0 });
    made.connection.closed();
  }
  await client().send(connectPacket("x", { protocolVersion: 9 }));
  await broker.settled();
  assert.equal(clock.timers(), 0);
});

Deno.test("runDue does not wait for a verdict that the host owes, and ends a connection whose time is up", async () => {
  let answer: (verdict: { ok: boolean }) => void = () => {};
  const w = world({ authenticate: () => new Promise((resolve) => answer = resolve as typeof answer) });
  const client = await w.connect("c");
  await w.broker.runDue();
  assert.equal(client.closed, false);
  w.clock.advance(10_000);
  await w.broker.runDue();
  assert.equal(client.closed, true);
  answer({ ok: true });
  await rest();
  assert.equal(client.types(), "");
  await w.broker.shutdown();
});

Deno.test("the host's own message is refused when no packet could carry it", async () => {
  const { broker } = world();
  const message = { topic: "t", payload: new Uint8Array() };
  await assert.rejects(broker.publish({ ...message, topic: "a/#" }), TypeError);
  const properties = { contentType: "x".repeat(65_536) };
  await assert.rejects(broker.publish({ ...message, properties }), { name: "TypeError", message: /contentType/ });
  await broker.shutdown();
});
