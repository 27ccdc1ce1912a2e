/** What a host calls on a broker beside its connections, and how each call ends. */
import assert from "node:assert/strict";
import { sessionBroker, SessionError } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { connectPacket, publishPacket, rest, subscribePacket, type TestClient, texts, world } from "./support.ts";

const payload = new Uint8Array([1]);

function fails(code: SessionError["code"]) {
  return (error: unknown): boolean => error instanceof SessionError && error.code === code;
}

Deno.test("a message of the host that no packet can carry is misuse, and one too large for the store is refused", async () => {
  const { broker } = world({}, memoryStore({ maxMessageBytes: 20 }));
  for (const topic of ["", "a/+", "#", "a\0"]) {
    await assert.rejects(broker.publish({ topic, payload }), TypeError);
  }
  for (const properties of [{ contentType: "\ud800" }, { userProperties: [["a", "x".repeat(70_000)]] as const }]) {
    await assert.rejects(broker.publish({ topic: "t", payload, properties }), TypeError);
  }
  await assert.rejects(broker.publish({ topic: "t", payload: new Uint8Array(21) }), fails("LIMIT_EXCEEDED"));
  assert.deepEqual(await broker.publish({ topic: "t", payload }), { receivers: 0, accepted: true });
});

Deno.test("a message of the host reaches who is connected and who is not, at the level of each", async () => {
  const { broker, connect } = world();
  const here = await connect("here");
  await here.send(subscribePacket(1, "t"));
  const away = await connect("away");
  await away.send(subscribePacket(1, "t"));
  away.connection.closed();
  await rest();
  for (const qos of [0, 1, 2] as const) {
    const message = { topic: "t", payload: new TextEncoder().encode(`qos ${qos}`), qos };
    assert.deepEqual(await broker.publish(message), { receivers: 2, accepted: true });
    await rest();
  }
  assert.deepEqual(texts(here), ["qos 0", "qos 1", "qos 2"]);
  assert.deepEqual(texts(await connect("away")), ["qos 1", "qos 2"]);
});

Deno.test("a message of the host that nobody can take is not accepted where the policy is to reject", async () => {
  const { broker, connect } = world({ queue: { maximumMessages: 1, whenFull: "reject" } });
  const away = await connect("away");
  await away.send(subscribePacket(1, "t"));
  away.connection.closed();
  await rest();
  assert.deepEqual(await broker.publish({ topic: "t", payload, qos: 1 }), { receivers: 1, accepted: true });
  assert.deepEqual(await broker.publish({ topic: "t", payload, qos: 1 }), { receivers: 0, accepted: false });
});

Deno.test("a message of the host for more receivers than a commit reaches comes to all of them", async () => {
  const { broker, connect } = world({}, memoryStore({ maxReceiversPerCommit: 2 }));
  const clients: TestClient[] = [];
  for (const name of ["a", "b", "c", "d", "e"]) {
    const client = await connect(name);
    await client.send(subscribePacket(1, "t"));
    clients.push(client);
  }
  assert.deepEqual(await broker.publish({ topic: "t", payload, qos: 1 }), { receivers: 5, accepted: true });
  await broker.settled();
  assert.deepEqual(clients.map((client) => texts(client).length), [1, 1, 1, 1, 1]);
});

Deno.test("sessions are listed page by page and told of one by one, connected or not", async () => {
  const { broker, connect } = world();
  for (const name of ["a", "b", "c"]) await connect(name);
  assert.deepEqual((await broker.list()).sessions.map(({ clientId }) => clientId).sort(), ["a", "b", "c"]);
  const first = await broker.list({ limit: 2 });
  assert.equal(first.sessions.length, 2);
  const last = await broker.list({ limit: 2, ...(first.cursor === undefined ? {} : { cursor: first.cursor }) });
  assert.equal(last.sessions.length, 1);
  assert.equal((await broker.inspect("a"))?.attached, true);
  assert.equal(await broker.inspect("nobody"), undefined);
});

Deno.test("ending a session ends its connection here, or elsewhere, or none, and says whether there was one", async () => {
  const { broker, connect, another, pass } = world();
  const there = another({ nodeId: "there" });
  const here = await connect("here");
  const elsewhere = await connect("elsewhere", {}, there);
  const away = await connect("away");
  away.connection.closed();
  await rest();
  for (const clientId of ["here", "elsewhere", "away"]) assert.equal(await broker.end(clientId), true, clientId);
  await there.runDue();
  await pass(10_000);
  assert.equal(here.closed, true);
  assert.equal(elsewhere.closed, true);
  for (const clientId of ["here", "elsewhere", "away", "nobody"]) {
    assert.equal(await broker.end(clientId), false, clientId);
    assert.equal(await broker.inspect(clientId), undefined);
  }
});

Deno.test("a broker that was shut down takes no call, and closes who connects all the same", async () => {
  const { broker, client, of } = world();
  const shutdown = broker.shutdown();
  const late = client();
  assert.equal(broker.shutdown(), shutdown);
  await shutdown;
  await rest();
  assert.equal(late.closed, true);
  assert.deepEqual(of("disconnected").map((event) => event.type === "disconnected" && event.reasonCode), [0x8b]);
  await assert.rejects(broker.publish({ topic: "t", payload }), fails("CLOSED"));
  await assert.rejects(broker.end("c"), fails("CLOSED"));
  await assert.rejects(broker.runDue(), fails("CLOSED"));
  assert.throws(() => broker.start(), fails("CLOSED"));
});

Deno.test("a broker leaves its connections with a good-bye, and its lease, when it goes out of scope", async () => {
  const { connect, another, faults, of } = world();
  const there = another({ nodeId: "there" });
  const client = await connect("c", {}, there);
  faults.inject({ call: "renewNode", fault: "failsBefore", when: ({ args }) => args[1] === 0 });
  {
    await using _scope = there;
  }
  assert.deepEqual(client.last(), { type: "disconnect", reasonCode: 0x8b });
  // What could not be given back runs out by itself, and is told.
  assert.deepEqual(of("workFailed").map((event) => event.type === "workFailed" && event.work), ["lease"]);
});

Deno.test("work that is due ends with its signal, and a broker that was started stops with its own", async () => {
  const { broker, clock, connect, pass } = world();
  await assert.rejects(broker.runDue({ signal: AbortSignal.abort() }), { name: "AbortError" });
  const stop = new AbortController();
  broker.start(stop.signal);
  broker.start();
  const client = await connect("c", { sessionExpiryInterval: 1 });
  client.connection.closed();
  await pass(70_000);
  assert.equal(await broker.inspect("c"), undefined);
  stop.abort();
  await pass(1);
  assert.equal(clock.nextAt(), undefined);
});

Deno.test("a broker cannot be made on a store that promises less than is asked, nor with options out of range", () => {
  const store = memoryStore();
  for (
    const capabilities of [
      { fencing: "none" },
      { consistency: "eventual" },
    ] as const
  ) {
    const weaker = { ...store, capabilities: { ...store.capabilities, ...capabilities } };
    assert.throws(() => sessionBroker({ store: weaker }), fails("CAPABILITY_MISSING"));
  }
  const require = { durability: "power" } as const;
  assert.throws(() => sessionBroker({ store, require }), fails("CAPABILITY_MISSING"));
  assert.throws(() => sessionBroker({ store, authorizeTimeoutMs: NaN }), RangeError);
  assert.throws(() => sessionBroker({ store, authorizeTimeoutMs: -1 }), RangeError);
  const notNumber = { authorizeTimeoutMs: "1" } as unknown as { authorizeTimeoutMs: number }; // Of a caller without types.
  assert.throws(() => sessionBroker({ store, ...notNumber }), TypeError);
});

Deno.test("a verdict that throws, rejects or does not come is a refusal, and is told", async () => {
  const verdicts: readonly (() => boolean | Promise<boolean>)[] = [
    () => {
      throw new Error("at once");
    },
    () => Promise.reject(new Error("later")),
    () => new Promise(() => {}),
  ];
  for (const authorize of verdicts) {
    let asked: AbortSignal | undefined;
    const { connect, of, pass } = world({
      authorize: (_, { signal }) => {
        asked = signal;
        return authorize();
      },
      authorizeTimeoutMs: 500,
    });
    const client = await connect("c");
    await client.send(subscribePacket(1, "t"), publishPacket("t", 1, 2));
    await pass(2_000);
    assert.deepEqual(client.got.slice(1), [
      { type: "suback", packetId: 1, reasonCodes: [0x87] },
      { type: "puback", packetId: 2, reasonCode: 0x87 },
    ]);
    const told = of("workFailed").flatMap((event) => event.type === "workFailed" ? [event.work] : []);
    assert.deepEqual(told, ["callback", "callback"]);
    assert.ok(asked !== undefined);
  }
});

Deno.test("a transport that throws when it is closed, or asked what it holds, harms nobody", async () => {
  const { broker, connect, of } = world();
  const broken = broker.accept({
    send: () => {},
    close: () => {
      throw new Error("already closed");
    },
    bufferedBytes: () => {
      throw new Error("already closed");
    },
  });
  await broken.receive([connectPacket("broken"), { type: "disconnect", reasonCode: 0 }]);
  await rest();
  assert.equal(of("disconnected").length, 1);
  const other = await connect("other");
  await other.send({ type: "pingreq" });
  assert.equal(other.types(), "connack pingresp");
});

Deno.test("a host that gives no verdict on who connects refuses the client, and is told", async () => {
  const nothing = (() => undefined) as unknown as () => { readonly ok: true }; // Of a host without types.
  const { connect, of } = world({ authenticate: nothing });
  const client = await connect("c");
  assert.equal(client.types(), "connack");
  assert.equal(client.closed, true);
  assert.equal(of("workFailed").length, 1);
});
