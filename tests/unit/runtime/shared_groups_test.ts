import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { SessionStore } from "../../../mod.ts";
import { FILTER, GROUP } from "./shared_support.ts";
import { subscribePacket, type TestClient, world } from "./support.ts";

/** How many PUBLISH packets a client got. */
function count({ got }: TestClient): number {
  return got.filter(({ type }) => type === "publish").length;
}

async function publish(broker: ReturnType<typeof world>["broker"], messages: number): Promise<void> {
  for (let index = 0; index < messages; index++) {
    await broker.publish({ topic: "t", payload: Uint8Array.of(index), qos: 1 });
  }
}

Deno.test("members take turns, whatever node they are on", async () => {
  const { connect, another, broker, pass } = world();
  const far = another({ nodeId: "far" });
  broker.start();
  far.start();
  const members = [await connect("a"), await connect("b"), await connect("c", {}, far)];
  for (const each of members) await each.send(subscribePacket(1, FILTER));
  await pass(5_000);
  for (let round = 0; round < 30; round++) {
    await publish(broker, 1);
    await pass(50);
  }
  await pass(5_000);
  assert.deepEqual(members.map(count), [10, 10, 10]);
  await far.shutdown();
  await broker.shutdown();
});

Deno.test("a group gets what is published at QoS 0, on whatever node its members are", async () => {
  const { connect, another, broker, pass, store } = world();
  const far = another({ nodeId: "far" });
  broker.start();
  far.start();
  const members = [await connect("a"), await connect("b"), await connect("c", {}, far)];
  for (const each of members) await each.send(subscribePacket(1, FILTER));
  await pass(5_000);
  for (let round = 0; round < 12; round++) {
    await (round % 2 === 0 ? broker : far).publish({ topic: "t", payload: Uint8Array.of(round), qos: 0 });
    await pass(50);
  }
  await pass(5_000);
  assert.deepEqual(members.map(count), [4, 4, 4]);
  for (const each of members) each.connection.closed();
  await pass(5_000);
  // Nobody is there, and QoS 0 is not kept.
  await broker.publish({ topic: "t", payload: Uint8Array.of(99), qos: 0 });
  await pass(5_000);
  assert.equal((await store.directory.inspect(GROUP))?.queuedMessages, 0);
  await far.shutdown();
  await broker.shutdown();
});

Deno.test("what a member has acknowledged before its node heard of the claim is not given back", async () => {
  const inner = memoryStore();
  let answer = () => {};
  const commit: SessionStore["commit"] = async (batches, call) => {
    const results = await inner.commit(batches, call);
    if (batches.some(({ isWhole }) => isWhole === true)) await new Promise<void>((resolve) => answer = resolve);
    return results;
  };
  const { connect, another, broker, pass, store } = world({}, { ...inner, commit });
  const far = another({ nodeId: "far" });
  broker.start();
  far.start();
  const keeper = await connect("b", { sessionExpiryInterval: 5_000 });
  await keeper.send(subscribePacket(1, FILTER));
  keeper.connection.closed();
  const member = await connect("a", { sessionExpiryInterval: 0 });
  await member.send(subscribePacket(1, FILTER), subscribePacket(2, "own"));
  await far.publish({ topic: "t", payload: Uint8Array.of(1), qos: 1 });
  await pass(1_500);
  // Its node looks into its log for another reason.
  await far.publish({ topic: "own", payload: Uint8Array.of(2), qos: 1 });
  await pass(1_500);
  assert.equal(count(member), 2);
  for (const packet of member.got) {
    if (packet.type === "publish") await member.send({ type: "puback", packetId: packet.packetId ?? 0, reasonCode: 0 });
  }
  answer();
  await pass(100);
  member.connection.closed();
  await pass(100);
  assert.equal((await store.directory.inspect(GROUP))?.queuedMessages, 0);
  await far.shutdown();
  await broker.shutdown();
});

Deno.test("two groups of one member fill its room together, not each by itself", async () => {
  const { connect, broker, pass, store } = world();
  const member = await connect("a", { receiveMaximum: 3 });
  await member.send(subscribePacket(1, FILTER), subscribePacket(2, "$share/h/+"));
  await publish(broker, 9);
  await pass(3_000);
  assert.equal(count(member), 3);
  assert.equal((await store.directory.inspect("a"))?.queuedMessages, 3);
  const waiting = await Promise.all([GROUP, "\u0000$share/h/+"].map((name) => store.directory.inspect(name)));
  assert.equal(waiting.reduce((sum, line) => sum + (line?.queuedMessages ?? 0), 0), 15);
  await broker.shutdown();
});

Deno.test("what a node whose turn it is cannot take is taken by another after a while", async () => {
  const { connect, another, broker, pass, store } = world();
  const far = another({ nodeId: "far" });
  broker.start();
  far.start();
  const near = await connect("a");
  const slow = await connect("b", { receiveMaximum: 1 }, far);
  for (const each of [near, slow]) await each.send(subscribePacket(1, FILTER));
  await pass(5_000);
  await publish(broker, 20);
  await pass(900);
  assert.equal(count(slow), 1);
  assert.ok(count(near) < 19, "what is another's turn was taken at once");
  await pass(5_000);
  assert.equal(count(near), 19);
  assert.equal((await store.directory.inspect(GROUP))?.queuedMessages, 0);
  await far.shutdown();
  await broker.shutdown();
});

Deno.test("when the last member of a node goes, another node takes the group, and nothing waits for the first", async () => {
  const { connect, another, broker, pass, store } = world();
  const far = another({ nodeId: "far" });
  broker.start();
  far.start();
  const near = await connect("a");
  const other = await connect("b", {}, far);
  for (const each of [near, other]) await each.send(subscribePacket(1, FILTER));
  await pass(5_000);
  near.connection.closed();
  await pass(2_500);
  assert.equal((await store.read(GROUP))?.owner?.nodeId, far.nodeId);
  await publish(broker, 6);
  await pass(1_500);
  assert.equal(count(other), 6);
  await far.shutdown();
  await broker.shutdown();
});

Deno.test("a group of which no member is connected keeps its messages, is looked at each hour, and ends with its last member", async () => {
  const { connect, broker, pass, store, of } = world();
  const a = await connect("a", { sessionExpiryInterval: 5_000 });
  await a.send(subscribePacket(1, FILTER));
  a.connection.closed();
  await pass(10);
  await publish(broker, 3);
  await pass(3_700_000);
  await broker.runDue();
  assert.equal((await store.directory.inspect(GROUP))?.queuedMessages, 3);
  assert.deepEqual((await store.read(GROUP))?.snapshot.head.attached, false);
  await pass(2_000_000);
  await broker.runDue();
  await pass(10);
  assert.equal(await store.read(GROUP), undefined);
  assert.equal(of("dropped").filter((event) => event.type === "dropped" && event.reason === "groupEnded").length, 3);
  await broker.shutdown();
});

Deno.test("a member that was never one any more is found when its group is looked at", async () => {
  const { connect, broker, pass, store } = world();
  const a = await connect("a", { sessionExpiryInterval: 5_000 });
  await a.send(subscribePacket(1, FILTER));
  a.connection.closed();
  await pass(10);
  // As after a crash between the end of a session and its leave.
  const stored = await store.read("a");
  assert.ok(stored !== undefined);
  const limits = { maximumMessages: 9, maximumBytes: 99, whenFull: "dropNewest" } as const;
  await store.commit([{
    id: "end",
    guard: stored.guard,
    changes: [{ type: "endSession", reason: "expired" }],
    deliveries: [],
    limits,
    now: 0,
  }]);
  assert.notEqual(await store.read(GROUP), undefined);
  await pass(3_700_000);
  await broker.runDue();
  assert.equal(await store.read(GROUP), undefined);
  await broker.shutdown();
});

Deno.test("a filter that is refused on resume is asked about without its share, and leaves the group", async () => {
  let allows = true;
  const asked: string[] = [];
  const { connect, broker, pass, store } = world({
    authorize: ({ action, topic }) => {
      if (action === "subscribe") asked.push(topic);
      return allows;
    },
  });
  const a = await connect("a");
  await a.send(subscribePacket(1, FILTER));
  a.connection.closed();
  await pass(10);
  await publish(broker, 1);
  allows = false;
  const back = await connect("a");
  await pass(10);
  assert.deepEqual(asked, ["t", "t"]);
  assert.equal(count(back), 0);
  assert.equal(await store.read(GROUP), undefined);
  await broker.shutdown();
});

Deno.test("an expired message is dropped by its group, counted, and handed to nobody", async () => {
  const { connect, broker, pass, store, clock, of } = world();
  const a = await connect("a", { sessionExpiryInterval: 5_000 });
  await a.send(subscribePacket(1, FILTER));
  a.connection.closed();
  await pass(10);
  const expiresAt = clock.now() + 1_000;
  await broker.publish({ topic: "t", payload: Uint8Array.of(1), qos: 1, expiresAt });
  await pass(2_000);
  const back = await connect("a");
  await pass(10);
  assert.equal(count(back), 0);
  assert.deepEqual((await store.directory.inspect(GROUP))?.dropped, { expired: 1 });
  assert.equal(of("dropped").length, 1);
  await broker.shutdown();
});

Deno.test("a store that cannot move messages makes shared subscriptions unavailable, and is refused where they are asked for", async () => {
  const { capabilities, ...rest } = memoryStore();
  const store = { ...rest, capabilities: { ...capabilities, claims: false } };
  const { connect, broker } = world({ store });
  const a = await connect("a");
  const [connack] = a.got;
  assert.equal(connack?.type === "connack" && connack.sharedSubscriptionAvailable, false);
  await a.send(subscribePacket(1, FILTER));
  const last = a.last();
  assert.equal(last?.type === "disconnect" && last.reasonCode, 0x9e);
  await broker.shutdown();
  assert.throws(() => world({ store, limits: { sharedSubscriptionAvailable: true } }), { code: "CAPABILITY_MISSING" });
});
