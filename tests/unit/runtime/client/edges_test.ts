/** What a client does at its edges: without a connection, with a broken one, with a store that fails, with too much to hold. */
import assert from "node:assert/strict";
import { sessionClient } from "../../../../src/runtime/client/mod.ts";
import type { ClientPacket, ServerPacket } from "../../../../src/mqtt/packet.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import type { CommitResult } from "../../../../src/store/session_store.ts";
import { intercept } from "../../../../src/testing/intercept.ts";
import { faultyStore } from "../../../../src/testing/mod.ts";
import { openBroker, openPage, text, until } from "./support.ts";

const CONNACK: ServerPacket = { type: "connack", sessionPresent: false, reasonCode: 0 };

/** A client whose server is played by the test. */
function dialled(page = openPage()) {
  const sent: ClientPacket[] = [];
  let isClosed = false;
  const connection = page.client.connect({
    send: (packet) => void sent.push(packet),
    close: () => void (isClosed = true),
  });
  const types = (): string => sent.map(({ type }) => type).join(" ");
  return { page, connection, sent, types, isClosed: () => isClosed };
}

Deno.test("options that cannot be are refused", () => {
  const store = memoryStore();
  assert.throws(() => sessionClient({ store, clientId: "a" } as never), /onMessage is no function/);
  assert.throws(() => openPage(store, { clientId: "\u0000" }), RangeError);
  const outbox = { ...store, capabilities: { ...store.capabilities, delivery: "outbox" as const } };
  assert.throws(() => openPage(outbox), { code: "CAPABILITY_MISSING" });
  const { client } = openPage(store, {
    observe: () => {
      throw new Error("the observer's own");
    },
  });
  assert.throws(() => client.publish({ topic: "a/#", payload: "" }), RangeError);
  assert.throws(
    () => client.publish({ topic: "a", payload: new Uint8Array(store.capabilities.maxMessageBytes) }),
    RangeError,
  );
  assert.throws(() => client.subscribe([]), RangeError);
  assert.throws(() => client.unsubscribe(["a/#/b"]), RangeError);
});

Deno.test("QoS 0 without a connection is refused, or kept by policy; too much is told at once", async () => {
  const page = openPage(memoryStore(), { queue: { maximumMessages: 1 } });
  assert.equal((await page.client.publish({ topic: "t", payload: "x" }).done).outcome, "refused");
  await page.client.publish({ topic: "t", payload: "x", qos: 1 }).stored;
  assert.deepEqual(await page.client.publish({ topic: "t", payload: "x", qos: 1 }).done, { outcome: "queueFull" });
  await page.client[Symbol.asyncDispose]();
  const keeps = openPage(memoryStore(), { policy: { qos0WhileOffline: "queue" } });
  await keeps.client.publish({ topic: "t", payload: "x", messageExpiryInterval: 60, retain: true }).stored;
  assert.equal((await keeps.client.inspect()).outgoing.length, 1);
  await keeps.client[Symbol.asyncDispose]();
});

Deno.test("a server that refuses is told of, and so is one that makes an identifier and one that says good-bye", async () => {
  const refused = dialled();
  await until(() => refused.types() === "connect");
  await refused.connection.receive([{ type: "connack", sessionPresent: false, reasonCode: 0x87 }]);
  await refused.connection.done;
  assert.ok(refused.page.news.some(({ type }) => type === "refused"));

  const nameless = dialled(openPage(memoryStore(), { clientId: "", connect: { clientId: "" } }));
  await until(() => nameless.types() === "connect");
  await nameless.connection.receive([{ ...CONNACK, assignedClientIdentifier: "made" } as ServerPacket]);
  await until(() => nameless.page.client.online);
  await until(() => nameless.page.news.some(({ type }) => type === "identifierAssigned"));
  await nameless.connection.receive([{ type: "disconnect", reasonCode: 0x8e }]);
  await nameless.connection.done;
  assert.ok(nameless.page.news.some((news) => news.type === "serverDisconnected" && !news.mayReconnect));
  assert.equal(nameless.isClosed(), true);
  for (const { page } of [refused, nameless]) await page.client[Symbol.asyncDispose]();
});

Deno.test("a second connection beside an open one is misuse; what cannot be read closes, and so does a transport that breaks", async () => {
  const { page, connection, types } = dialled();
  assert.throws(() => page.client.connect({ send: () => {}, close: () => {} }), TypeError);
  await until(() => types() === "connect");
  connection.malformed(0x81);
  await connection.done;
  connection.malformed(0x81);
  const broken = page.client.connect({
    send: () => {
      throw new Error("broken");
    },
    close: () => {
      throw new Error("broken as well");
    },
  });
  await broken.done;
  const last = page.client.connect({
    send: () => {},
    close: () => {
      throw new Error("broken at the end");
    },
  });
  await page.client[Symbol.asyncDispose]();
  await last.done;
  assert.equal((await page.client.inspect()).state, "closed");
  await assert.rejects(page.client.open(), { code: "CLOSED" });
  await page.client[Symbol.asyncDispose]();
});

Deno.test("requests are answered, or fail with their connection; an interval may not be raised from 0", async () => {
  const { page, connection, sent, types } = dialled(openPage(memoryStore(), { connect: { sessionExpiryInterval: 0 } }));
  await until(() => types() === "connect");
  await connection.receive([CONNACK]);
  await until(() => page.client.online);
  const unsubscribed = page.client.unsubscribe(["t"]);
  await until(() => types() === "connect unsubscribe");
  const packet = sent[1];
  assert.ok(packet?.type === "unsubscribe");
  await connection.receive([{ type: "unsuback", packetId: packet.packetId, reasonCodes: [0x11] }]);
  assert.deepEqual(await unsubscribed, { outcome: "answered", reasonCodes: [0x11] });
  const open = page.client.subscribe([{ filter: "t" }], { subscriptionIdentifier: 7 });
  await assert.rejects(page.client.disconnect({ sessionExpiryInterval: 5 }), RangeError);
  await page.client.disconnect();
  assert.deepEqual(await open, { outcome: "failed", reasonCode: 0x80 });
  await page.client.disconnect();
  await page.client[Symbol.asyncDispose]();
});

Deno.test("an enhanced authentication is passed through", async () => {
  const { page, connection, sent, types } = dialled(
    openPage(memoryStore(), { connect: { authenticationMethod: "m" } }),
  );
  await until(() => types() === "connect");
  await connection.receive([{ type: "auth", reasonCode: 0x18, authenticationMethod: "m" }]);
  await until(() => page.news.some(({ type }) => type === "authentication"));
  page.client.authenticate(new Uint8Array([1]));
  page.client.authenticate(undefined);
  assert.equal(types(), "connect auth auth");
  assert.equal(sent[1]?.type, "auth");
  await page.client[Symbol.asyncDispose]();
});

Deno.test("a commit that is answered only when it is repeated keeps every message, and each in its place", async () => {
  const faulty = faultyStore(memoryStore());
  const page = openPage(faulty.store, { commit: { repeatAfterMs: 1 } });
  await page.client.open();
  faulty.inject({ call: "commit", fault: "failsAfter" });
  const published = ["m1", "m2", "m3"].map((payload) => page.client.publish({ topic: "t", payload, qos: 1 }));
  await Promise.all(published.map(({ stored }) => stored));
  const broker = openBroker();
  page.connect(broker);
  for (const { done } of published) assert.equal((await done).outcome, "acknowledged");
  await page.client[Symbol.asyncDispose]();
  await broker.shutdown();
});

Deno.test("what the store does not take is told, nothing is taken for stored, and the next call opens the session anew", async () => {
  const faulty = faultyStore(memoryStore());
  const page = openPage(faulty.store, { commit: { repeatForMs: 1, repeatAfterMs: 1 } });
  await page.client.open();
  faulty.inject({ call: "commit", fault: "failsBefore", times: Infinity });
  await assert.rejects(page.client.publish({ topic: "t", payload: "m1", qos: 1 }).stored, {
    code: "STORE_UNAVAILABLE",
  });
  faulty.heal();
  await page.client.publish({ topic: "t", payload: "m2", qos: 1 }).stored;
  assert.equal((await page.client.inspect()).outgoing.length, 1);
  await page.client[Symbol.asyncDispose]();
  const away = faultyStore(memoryStore());
  away.inject({ call: "read", fault: "failsBefore", times: Infinity });
  const never = openPage(away.store, { commit: { repeatForMs: 1, repeatAfterMs: 1 } });
  await assert.rejects(never.client.publish({ topic: "t", payload: "m", qos: 1 }).done, { code: "STORE_UNAVAILABLE" });
  const connection = never.client.connect({ send: () => {}, close: () => {} });
  await connection.done;
});

Deno.test("a store that forgot where it put what came is looked through, and the application gets it", async () => {
  // What a store answers to a repeated batch that does not remember what became of its deliveries.
  const forgetful = intercept(memoryStore(), async ({ name }, run) => {
    if (name !== "commit") return await run();
    const results = await run() as readonly CommitResult[];
    return results.map((result) =>
      result.outcome === "committed" ? { ...result, deliveries: result.deliveries.map(() => []) } : result
    );
  });
  const { page, connection, types } = dialled(openPage(forgetful));
  await until(() => types() === "connect");
  await connection.receive([CONNACK]);
  await until(() => page.client.online);
  const payload = new TextEncoder().encode("m");
  const publish = { type: "publish", topic: "t", payload, retain: false, dup: false, properties: {} } as const;
  await connection.receive([{ ...publish, qos: 1, packetId: 1 }]);
  await until(() => page.got.length > 0);
  assert.deepEqual(page.got.map(text), ["m"]);
  const published = ["p1", "p2"].map((each) => page.client.publish({ topic: "t", payload: each, qos: 1 }));
  await Promise.all(published.map(({ stored }) => stored));
  await until(() => types().endsWith("publish publish"));
  await page.client[Symbol.asyncDispose]();
});

Deno.test("what was taken and could not be written down is handed over again, under the same key", async () => {
  const faulty = faultyStore(memoryStore());
  const handed: (string | undefined)[] = [];
  const taken: (() => void)[] = [];
  const page = openPage(faulty.store, {
    commit: { repeatForMs: 1, repeatAfterMs: 1 },
    onMessage: ({ key }) => {
      handed.push(key);
      return new Promise<void>((resolve) => taken.push(resolve));
    },
  });
  const { connection, types } = dialled(page);
  await until(() => types() === "connect");
  await connection.receive([CONNACK]);
  await until(() => page.client.online);
  const payload = new TextEncoder().encode("m");
  const publish = { type: "publish", topic: "t", payload, retain: false, dup: false, properties: {} } as const;
  await connection.receive([{ ...publish, qos: 1, packetId: 1 }]);
  await until(() => handed.length === 1);
  faulty.inject({ call: "commit", fault: "failsBefore", times: Infinity });
  for (const resolve of taken.splice(0)) resolve();
  await connection.done;
  faulty.heal();
  await page.client.open();
  await until(() => handed.length === 2);
  assert.equal(handed[0], handed[1]);
  for (const resolve of taken.splice(0)) resolve();
  await page.client[Symbol.asyncDispose]();
});

Deno.test("an inbox that another page has taken hands over nothing more", async () => {
  const store = memoryStore();
  const taken: (() => void)[] = [];
  const old = openPage(store, { onMessage: () => new Promise<void>((resolve) => taken.push(resolve)) });
  const { connection, types } = dialled(old);
  await until(() => types() === "connect");
  await connection.receive([CONNACK]);
  await until(() => old.client.online);
  const payload = new TextEncoder().encode("m");
  const publish = { type: "publish", topic: "t", payload, retain: false, dup: false, properties: {} } as const;
  await connection.receive([{ ...publish, qos: 1, packetId: 1 }]);
  await until(() => taken.length === 1);
  const page = openPage(store);
  await page.client.open();
  await until(() => page.got.length === 1);
  for (const resolve of taken) resolve();
  await connection.done;
  await until(() => old.news.some(({ type }) => type === "takenOver"));
  await page.client[Symbol.asyncDispose]();
});

Deno.test("while the application has too much to do, the server is read no more", async () => {
  const handled: (() => void)[] = [];
  let isQuick = false;
  const page = openPage(memoryStore(), {
    queue: { maximumUnhandled: 1 },
    onMessage: () => isQuick ? undefined : new Promise<void>((resolve) => handled.push(resolve)),
  });
  const { connection, types } = dialled(page);
  await until(() => types() === "connect");
  await connection.receive([CONNACK]);
  await until(() => page.client.online);
  const publish = {
    type: "publish",
    topic: "t",
    payload: new Uint8Array(1),
    retain: false,
    dup: false,
    properties: {},
  } as const;
  await connection.receive([{ ...publish, qos: 1, packetId: 1 }]);
  await until(() => types() === "connect puback" && handled.length === 1);
  let hasRoom = false;
  const room = connection.receive([{ ...publish, qos: 0 }]).then(() => hasRoom = true);
  assert.equal((await page.client.inspect()).unhandled, 2);
  assert.equal(hasRoom, false);
  isQuick = true;
  for (const resolve of handled) resolve();
  await room;
  await page.client[Symbol.asyncDispose]();
});
