/** A broker that dies, and what others find. */
import assert from "node:assert/strict";
import { systemEnvironment } from "../../../../src/runtime/environment.ts";
import { AedesWorld } from "./support/aedes_world.ts";
import { mortal } from "./support/mortal_store.ts";

/** Longer than three heartbeats of aedes and the grace behind them. */
const LEASE_AND_GRACE_MS = 3 * 60_000 + 30_000;
const WILL = { topic: "will/c", payload: "it is gone", qos: 1, retain: false };

/** A clock that is set by hand; timers go by the real one. */
function clock() {
  let ahead = 0;
  return {
    environment: { ...systemEnvironment(), now: () => Date.now() + ahead },
    pass: (ms: number) => void (ahead += ms),
  };
}

for (const clean of [false, true]) {
  Deno.test(`the Will of a ${clean ? "clean" : "lasting"} session whose broker died is published once, by another`, async () => {
    const { environment, pass } = clock();
    await using world = new AedesWorld({ environment });
    const doomed = mortal(world.stores.store);
    const a = await world.broker("a", { store: doomed.store });
    const b = await world.broker("b");
    const listener = await b.connect("listener", { clean: true });
    await listener.subscribe("will/+");
    await a.connect("c", { clean, will: WILL });
    doomed.die();
    await b.publishWills();
    await listener.ping();
    assert.deepEqual(listener.unread, []);
    pass(LEASE_AND_GRACE_MS + 1);
    // The brokers that live have told so.
    await b.persistence.putWill({ id: "other" }, { ...WILL, topic: "will/other", brokerId: "b" });
    await b.publishWills();
    assert.equal(String((await listener.next("publish")).payload), "it is gone");
    await b.publishWills();
    await listener.ping();
    assert.deepEqual(listener.unread, []);
    const left = await world.stores.store.read("c");
    assert.equal(left?.snapshot.will, undefined);
    assert.equal(left?.snapshot.head.attached, clean ? undefined : false);
  });
}

Deno.test("a broker that dies before a QoS 2 message is queued has not stored its Packet Identifier either", async () => {
  await using world = new AedesWorld();
  const doomed = mortal(world.stores.store);
  const [a, b] = [await world.broker("a", { store: doomed.store }), await world.broker("b")];
  const receiver = await b.connect("receiver");
  await receiver.subscribe("t", 2);
  await receiver.lose();
  const first = await a.connect("c");
  doomed.die();
  first.send({ cmd: "publish", topic: "t", payload: "once", qos: 2, messageId: 9 });
  await first.closed;
  assert.deepEqual(first.unread, []);
  const second = await b.connect("c");
  second.send({ cmd: "publish", topic: "t", payload: "once", qos: 2, messageId: 9, dup: true });
  await second.next("pubrec");
  assert.equal((await world.stores.store.directory.inspect("receiver"))?.queuedMessages, 1);
});

Deno.test("a QoS 2 message that comes again at another broker, or twice at once, is queued once", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  const receiver = await a.connect("receiver");
  await receiver.subscribe("t", 2);
  await receiver.lose();
  const packet = { cmd: "publish", topic: "t", payload: "once", qos: 2, messageId: 9 };
  const first = await a.connect("c");
  first.send(packet, { ...packet, dup: true });
  await first.next("pubrec");
  await first.next("pubrec");
  await first.lose();
  const second = await b.connect("c");
  second.send({ ...packet, dup: true });
  await second.next("pubrec");
  second.send({ cmd: "pubrel", messageId: 9 });
  await second.next("pubcomp");
  assert.equal((await world.stores.store.directory.inspect("receiver"))?.queuedMessages, 1);
  assert.deepEqual((await world.stores.store.read("c"))?.snapshot.inbound, new Set());
});

Deno.test("a session ends when its interval is over, whether its broker saw the connection end or died", async () => {
  const { environment, pass } = clock();
  await using world = new AedesWorld({ environment, sessionExpiryInterval: 3_600 });
  const doomed = mortal(world.stores.store);
  const [a, b] = [await world.broker("a", { store: doomed.store }), await world.broker("b")];
  await a.connect("of the dead");
  const left = await b.connect("left");
  await left.disconnect();
  doomed.die();
  pass(LEASE_AND_GRACE_MS + 1);
  await b.persistence.runDue();
  assert.equal((await world.stores.store.read("of the dead"))?.snapshot.head.attached, false);
  pass(3_600_000);
  await b.persistence.runDue();
  assert.deepEqual(await world.stores.store.directory.list({ limit: 9 }), { sessions: [] });
});

Deno.test("a broker that was closed is settled once its lease is given back", async () => {
  await using world = new AedesWorld();
  const { store } = world.stores;
  const order: string[] = [];
  const renewNode: typeof store.renewNode = async (nodeId, until, options) => {
    await store.renewNode(nodeId, until, options);
    // An answer comes in another turn of the event loop, as that of a real store does.
    await new Promise((resolve) => setTimeout(resolve));
    if (until === 0) order.push("given back");
  };
  const a = await world.broker("a", { store: { ...store, renewNode } });
  await a.connect("c");
  await a.close();
  order.push("settled");
  assert.deepEqual(order, ["given back", "settled"]);
});
