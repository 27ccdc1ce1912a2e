/** Between the joining of a shared group and the subscription. */
import assert from "node:assert/strict";
import type { SessionStore } from "../../../mod.ts";
import type { CommitBatch } from "../../../src/store/session_store.ts";
import { faultyStore } from "../../../src/testing/mod.ts";
import { changesRow, FILTER, GROUP, leaves } from "./shared_support.ts";
import { rest, subscribePacket, type TestClient, texts, world } from "./support.ts";

async function members(store: SessionStore): Promise<readonly string[] | undefined> {
  const stored = await store.read(GROUP);
  return stored && [...stored.snapshot.subscriptions.keys()].filter((row) => row.startsWith("$share/member/"));
}

function publish(broker: ReturnType<typeof world>["broker"], text: string): Promise<unknown> {
  return broker.publish({ topic: "t", payload: new TextEncoder().encode(text), qos: 1 });
}

Deno.test("who was taken over before its filters were admitted joins no group", async () => {
  const { connect, broker, faults, store } = world();
  const a = await connect("a");
  faults.inject({ fault: "startsLate", call: "admitFilters" });
  await a.send(subscribePacket(1, FILTER));
  assert.equal(faults.held(), 1);
  await connect("a");
  faults.release();
  await a.connection.done;
  await rest();
  assert.equal(await store.read(GROUP), undefined);
  await broker.shutdown();
});

for (const elsewhere of [false, true]) {
  Deno.test(`a client that was taken over before its subscription was stored leaves no group behind: ${elsewhere ? "on another node" : "on its node"}`, async () => {
    const { connect, another, broker, faults, pass, store } = world();
    const far = another({ nodeId: "far" });
    broker.start();
    far.start();
    const a = await connect("a");
    faults.inject({ fault: "startsLate", when: changesRow("member", "putSubscription") });
    await a.send(subscribePacket(1, FILTER));
    assert.equal(faults.held(), 1);
    const again = await connect("a", {}, elsewhere ? far : broker);
    await pass(2_000);
    faults.release();
    await a.connection.done;
    await pass(10);
    assert.equal(a.types(), "connack disconnect");
    assert.equal(again.types(), "connack");
    assert.equal((await store.read("a"))?.snapshot.subscriptions.size, 0);
    assert.equal(await store.read(GROUP), undefined);
    await far.shutdown();
    await broker.shutdown();
  });
}

Deno.test("a group that was made for a client that was taken over is taken by the node of another member", async () => {
  const { connect, another, broker, faults, pass, store } = world();
  const far = another({ nodeId: "far" });
  broker.start();
  far.start();
  const a = await connect("a");
  const b = await connect("b", {}, far);
  faults.inject({ fault: "startsLate", when: changesRow("member", "putSubscription") });
  await a.send(subscribePacket(1, FILTER));
  assert.equal(faults.held(), 1);
  await b.send(subscribePacket(1, FILTER));
  assert.equal((await store.read(GROUP))?.owner?.nodeId, broker.nodeId);
  await connect("a");
  faults.release();
  await a.connection.done;
  await pass(2_000);
  assert.equal((await store.read(GROUP))?.owner?.nodeId, far.nodeId);
  assert.equal((await members(store))?.length, 1);
  await publish(far, "for b");
  await rest();
  assert.deepEqual(texts(b), ["for b"]);
  await far.shutdown();
  await broker.shutdown();
});

Deno.test("a SUBACK follows once the group knows where its member is", async () => {
  const { connect, broker, faults } = world();
  const a = await connect("a");
  faults.inject({ fault: "startsLate", when: changesRow("node", "putSubscription") });
  await a.send(subscribePacket(1, FILTER), { type: "pingreq" });
  assert.equal(faults.held(), 1);
  assert.equal(a.types(), "connack");
  faults.release();
  await rest();
  assert.equal(a.types(), "connack suback pingresp");
  await broker.shutdown();
});

for (const elsewhere of [false, true]) {
  Deno.test(`a session that leaves a group late does not put it out that has subscribed again ${elsewhere ? "elsewhere" : "here"}`, async () => {
    const { connect, another, broker, faults, pass, store } = world();
    const far = another({ nodeId: "far" });
    broker.start();
    far.start();
    const near = await connect("a");
    await near.send(subscribePacket(1, FILTER));
    faults.inject({ fault: "startsLate", when: leaves });
    await near.send({ type: "unsubscribe", packetId: 2, filters: [FILTER] });
    assert.equal(faults.held(), 1);
    const again: TestClient = await connect("a", {}, elsewhere ? far : broker);
    await again.send(subscribePacket(1, FILTER));
    await pass(2_000);
    // One commit of a group on a node follows the other.
    if (elsewhere) assert.equal(again.types(), "connack suback");
    faults.release();
    await near.connection.done;
    await pass(10);
    assert.equal(again.types(), "connack suback");
    assert.equal((await members(store))?.length, 1);
    await publish(elsewhere ? far : broker, "for a");
    await rest();
    assert.deepEqual(texts(again), ["for a"]);
    await far.shutdown();
    await broker.shutdown();
  });
}

Deno.test("a group does not live on with a member whose session was ended elsewhere, which its node hears of late", async () => {
  const { connect, another, broker, store } = world();
  const far = another({ nodeId: "far" });
  const [a, b] = [await connect("a"), await connect("b")];
  for (const each of [a, b]) await each.send(subscribePacket(1, FILTER));
  for (const clientId of ["a", "b"]) await far.end(clientId);
  await rest();
  assert.equal(await store.read(GROUP), undefined);
  // What each wants to store tells its node that the session is gone: one after the other.
  for (const each of [a, b]) {
    await each.send({ type: "unsubscribe", packetId: 2, filters: ["other"] }, { type: "disconnect", reasonCode: 0 });
    await each.connection.done;
  }
  await rest();
  assert.equal(await store.read(GROUP), undefined);
  await far.shutdown();
  await broker.shutdown();
});

Deno.test("a member whose session was ended elsewhere is taken out after all that its node was still telling of it", async () => {
  const { connect, another, broker, faults, pass, store } = world();
  const far = another({ nodeId: "far" });
  const [a, b] = [await connect("a"), await connect("b")];
  await a.send(subscribePacket(1, FILTER));
  await far.end("a");
  await rest();
  assert.equal(await store.read(GROUP), undefined);
  // It tells of both, as it has not heard yet.
  faults.inject({ fault: "startsLate", when: changesRow("node", "putSubscription") });
  await b.send(subscribePacket(1, FILTER));
  assert.equal(faults.held(), 1);
  broker.start();
  await pass(2_000);
  assert.ok(a.closed);
  faults.release();
  await pass(10);
  assert.equal(b.types(), "connack suback");
  assert.deepEqual((await members(store))?.filter((row) => !row.includes("/b/")), []);
  await far.shutdown();
  await broker.shutdown();
});

Deno.test("a group of which the node died before a subscription was stored ends when the node is found dead", async () => {
  const { connect, another, pass, store } = world();
  const dying = faultyStore(store);
  const far = another({ nodeId: "far" });
  const doomed = another({ nodeId: "doomed", store: dying.store });
  const a = await connect("a", {}, doomed);
  dying.inject({ fault: "neverStarts", when: changesRow("node", "putSubscription"), times: Infinity });
  dying.inject({
    fault: "neverStarts",
    when: ({ name, args }) =>
      name === "commit" && (args[0] as readonly CommitBatch[]).some(({ guard }) => guard?.clientId === "a"),
    times: Infinity,
  });
  await a.send(subscribePacket(1, FILTER));
  assert.equal((await members(store))?.length, 1);
  // It is dead: nothing of what it asks for from now on happens.
  dying.inject({ fault: "neverStarts", when: () => true, times: Infinity });
  far.start();
  const again = await connect("a", {}, far);
  assert.equal(again.types(), "connack");
  await pass(600_000);
  assert.equal(await store.read(GROUP), undefined);
  await far.shutdown();
});
