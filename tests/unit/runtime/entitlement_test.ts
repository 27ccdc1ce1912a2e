/** What a client may have no more: filters of a session that goes on, and messages on their way to it. */
import assert from "node:assert/strict";
import type { AuthorizeQuestion, BrokerOptions } from "../../../mod.ts";
import { publishPacket, rest, subscribePacket, texts, type World, world } from "./support.ts";

/** A host whose rights change, and that may be asked later or fail. */
class Host {
  readonly asked: AuthorizeQuestion[] = [];
  /** What it refuses, as `action topic`. */
  readonly refuses = new Set<string>();
  /** `later`: it answers in a turn of its own. `fails`: it throws. */
  mode: "atOnce" | "later" | "fails" | "rejects" | "silent" = "atOnce";

  readonly authorize: NonNullable<BrokerOptions["authorize"]> = (question) => {
    this.asked.push(question);
    const verdict = !this.refuses.has(`${question.action} ${question.topic}`);
    switch (this.mode) {
      case "atOnce":
        return verdict;
      case "later":
        return rest().then(() => verdict);
      case "fails":
        throw new Error("the directory is away");
      case "rejects":
        return Promise.reject(new Error("the directory is away"));
      case "silent":
        return new Promise(() => {});
    }
  };
}

function hosted(options: Partial<BrokerOptions> = {}): { readonly host: Host; readonly at: World } {
  const host = new Host();
  const authenticate = () => ({ ok: true, principal: "p" } as const);
  return { host, at: world({ authenticate, authorize: host.authorize, ...options }) };
}

/** A session of `c` that is subscribed to `a` and `b`, and whose client has left. */
async function left(at: World): Promise<void> {
  const client = await at.connect("c");
  await client.send(subscribePacket(1, "a", "b"));
  client.connection.closed();
  await at.broker.settled();
}

async function publish(at: World, topic: string, text: string, qos: 0 | 1 | 2 = 1): Promise<void> {
  await at.broker.publish({ topic, payload: new TextEncoder().encode(text), qos });
  await rest();
}

for (const mode of ["atOnce", "later"] as const) {
  Deno.test(`filters of a session that goes on are asked again, and end before CONNACK: ${mode}`, async () => {
    const { host, at } = hosted();
    await left(at);
    host.asked.length = 0;
    host.mode = mode;
    host.refuses.add("subscribe b");
    const client = await at.connect("c");
    await at.broker.settled();
    assert.deepEqual(host.asked, [
      { clientId: "c", principal: "p", action: "subscribe", topic: "a", qos: 2 },
      { clientId: "c", principal: "p", action: "subscribe", topic: "b", qos: 2 },
    ]);
    assert.equal(client.types(), "connack");
    assert.deepEqual(at.of("subscriptionRevoked"), [{ type: "subscriptionRevoked", clientId: "c", filter: "b" }]);
    assert.deepEqual([...(await at.store.read("c"))?.snapshot.subscriptions.keys() ?? []], ["a"]);
    await publish(at, "b", "b1");
    await publish(at, "a", "a1");
    assert.deepEqual(texts(client), ["a1"]);
  });
}

Deno.test("a revoked filter is gone from the store before the client hears of its session", async () => {
  const { host, at } = hosted();
  await left(at);
  host.refuses.add("subscribe b");
  at.faults.inject({ call: "commit", fault: "startsLate" });
  const client = await at.connect("c");
  assert.equal(client.types(), "");
  at.faults.release();
  await rest();
  assert.equal(client.types(), "connack");
});

Deno.test("a session that begins anew, and one whose host does not want it, are not asked about", async () => {
  for (const [options, more] of [[{}, { cleanStart: true }], [{ reauthorizeOnResume: false }, {}]] as const) {
    const { host, at } = hosted(options);
    await left(at);
    host.asked.length = 0;
    await at.connect("c", more);
    assert.deepEqual(host.asked, []);
  }
});

for (const mode of ["fails", "rejects", "silent"] as const) {
  Deno.test(`a host that cannot answer costs no subscription: CONNECT gets 0x88 (${mode})`, async () => {
    const { host, at } = hosted({ limits: { connectTimeoutMs: 60_000 } });
    await left(at);
    host.mode = mode;
    const client = await at.connect("c");
    await at.pass(10_000);
    assert.deepEqual(client.got, [{ type: "connack", sessionPresent: false, reasonCode: 0x88 }]);
    assert.equal(client.closed, true);
    const stored = await at.store.read("c");
    assert.deepEqual([...stored?.snapshot.subscriptions.keys() ?? []], ["a", "b"]);
    assert.equal(stored?.snapshot.head.attached, false);
    host.mode = "atOnce";
    await publish(at, "b", "b1");
    assert.deepEqual(texts(await at.connect("c")), ["b1"]);
  });
}

Deno.test("what arrives while the host is asked reaches the client", async () => {
  const { host, at } = hosted();
  await left(at);
  let decide: () => void = () => {};
  const waiting = new Promise<void>((resolve) => decide = resolve);
  const { authorize } = host;
  const slow = at.another({ authorize: (question, context) => waiting.then(() => authorize(question, context)) });
  const client = await at.connect("c", {}, slow);
  assert.equal(client.types(), "");
  await slow.publish({ topic: "a", payload: new TextEncoder().encode("a1"), qos: 1 });
  await publish(at, "a", "a2");
  decide();
  await rest();
  await slow.runDue();
  await at.pass(1_000);
  assert.equal(client.got[0]?.type, "connack");
  assert.deepEqual(texts(client), ["a1", "a2"]);
});

for (const mode of ["atOnce", "later"] as const) {
  Deno.test(`messages are asked about on their way, and those refused are dropped and counted: ${mode}`, async () => {
    const { host, at } = hosted({ authorizeDeliveries: true });
    await left(at);
    host.mode = mode;
    host.refuses.add("deliver b");
    // In the first page, as it comes, and at QoS 0.
    for (const text of ["1", "2"]) for (const topic of ["a", "b"]) await publish(at, topic, `${topic}${text}`);
    const client = await at.connect("c");
    await at.broker.settled();
    for (const topic of ["b", "a"]) await publish(at, topic, `${topic}3`, 2);
    for (const topic of ["b", "a"]) await publish(at, topic, `${topic}4`, 0);
    await at.broker.settled();
    assert.deepEqual(texts(client), ["a1", "a2", "a3", "a4"]);
    const dropped = at.of("dropped");
    assert.deepEqual(dropped.map((event) => event.type === "dropped" && [event.reason, event.topic]), [
      ["notAuthorized", "b"],
      ["notAuthorized", "b"],
      ["notAuthorized", "b"],
      ["notAuthorized", "b"],
    ]);
    const summary = await at.broker.inspect("c");
    assert.deepEqual([summary?.queuedMessages, summary?.dropped], [3, { notAuthorized: 3 }]);
    assert.deepEqual(host.asked.at(-1), { clientId: "c", principal: "p", action: "deliver", topic: "a", qos: 0 });
  });
}

Deno.test("messages that are read in later pages are asked about too", async () => {
  const { host, at } = hosted({ authorizeDeliveries: true, limits: { pageMessages: 2 } });
  await left(at);
  host.refuses.add("deliver b");
  for (let each = 0; each < 6; each++) await publish(at, each % 3 === 1 ? "b" : "a", String(each));
  const client = await at.connect("c");
  await at.broker.settled();
  assert.deepEqual(texts(client), ["0", "2", "3", "5"]);
});

Deno.test("what was started before the right was lost goes on", async () => {
  const { host, at } = hosted({ authorizeDeliveries: true });
  await left(at);
  const first = await at.connect("c");
  await publish(at, "a", "a1");
  assert.deepEqual(texts(first), ["a1"]);
  host.refuses.add("deliver a");
  first.connection.closed();
  await rest();
  const second = await at.connect("c");
  assert.deepEqual(second.got.at(-1)?.type === "publish" && second.got.at(-1), { ...first.got.at(-1), dup: true });
});

for (const mode of ["fails", "rejects", "silent"] as const) {
  Deno.test(`a host that cannot answer costs no message: the connection is closed (${mode})`, async () => {
    const { host, at } = hosted({ authorizeDeliveries: true, limits: { connectTimeoutMs: 60_000 } });
    await left(at);
    const client = await at.connect("c");
    host.mode = mode;
    await publish(at, "a", "a1");
    await at.pass(10_000);
    assert.deepEqual(client.got.at(-1), { type: "disconnect", reasonCode: 0x83 });
    await publish(at, "a", "a2");
    assert.equal((await at.broker.inspect("c"))?.queuedMessages, 2);
    host.mode = "atOnce";
    assert.deepEqual(texts(await at.connect("c")), ["a1", "a2"]);
  });
}

Deno.test("without authorizeDeliveries nobody is asked about messages", async () => {
  const { host, at } = hosted();
  await left(at);
  await at.connect("c");
  host.asked.length = 0;
  await publish(at, "a", "a1");
  assert.deepEqual(host.asked, []);
});

Deno.test("the client's own publishes wait for no verdict on what it receives", async () => {
  const { host, at } = hosted({ authorizeDeliveries: true });
  await left(at);
  const client = await at.connect("c");
  host.mode = "silent";
  await publish(at, "a", "a1");
  host.mode = "atOnce";
  await client.send(publishPacket("other", 1, 7));
  assert.equal(client.types(), "connack puback");
});
