/** A CONNECT that is asked for twice, where the first asking reaches the store long after the second. */
import assert from "node:assert/strict";
import type { SessionStore } from "../../mod.ts";
import type { Will } from "../../src/mqtt/will.ts";
import { publishPacket, subscribePacket } from "../unit/runtime/support.ts";
import { STORES } from "./support/stores.ts";
import { texts, type World, world } from "./support/world.ts";

const TIMEOUT_MS = 100;

const WILL: Will = {
  topic: "will",
  payload: new TextEncoder().encode("gone"),
  qos: 1,
  retain: false,
  properties: {},
  willDelayInterval: 0,
};

const KEPT = { sessionExpiryInterval: 600 };

/** A store behind a network: what was sent arrives, though nobody waits for its answer any more. */
function atADistance(inner: SessionStore): SessionStore {
  return { ...inner, acquire: (request) => inner.acquire(request) };
}

/** A world with a client whose CONNECT was asked for twice: the first asking is still on its way. */
async function askedTwice(inner: SessionStore, connect = {}) {
  const made = world(atADistance(inner), {
    commit: { timeoutMs: TIMEOUT_MS, repeatForMs: 1_000, repeatAfterMs: 10 },
  });
  const { clock, faults, pass } = made;
  faults.inject({ call: "acquire", fault: "startsLate" });
  const first = await made.connect("c", { ...KEPT, will: WILL, ...connect });
  await pass(TIMEOUT_MS + 10);
  assert.equal(first.told(), "connack", "the repetition was answered");
  assert.equal(faults.held(), 1);
  return { ...made, clock, first };
}

/** The first asking arrives, and all that may come of it. */
async function arrives({ broker, faults, rest, runDue }: World): Promise<void> {
  faults.release();
  await rest();
  await runDue(broker);
  await rest();
}

for (const { name, make } of STORES) {
  Deno.test(`${name}: a CONNECT that was repeated takes no session from whom it has gone to since`, async () => {
    await using subject = await make();
    const made = await askedTwice(subject.store, { cleanStart: true });
    const { connect, store } = made;
    const watcher = await connect("watcher", KEPT);
    await watcher.send(subscribePacket(1, "will"));
    const second = await connect("c", { ...KEPT, cleanStart: false, will: WILL }, made.another());
    await second.send(subscribePacket(1, "t"));
    const before = await store.read("c");
    await arrives(made);
    assert.deepEqual(await store.read("c"), before, "its session is as it was");
    const publisher = await connect("p");
    await publisher.send(publishPacket("t", 1, 1, "m"));
    await made.runDue();
    assert.equal(second.closed, false);
    assert.equal((await store.read("c"))?.snapshot.subscriptions.has("t"), true);
    assert.deepEqual(texts(watcher), ["gone"], "the Will of the connection that was superseded, once");
    await second.drop();
    await made.runDue();
    assert.deepEqual(texts(watcher), ["gone", "gone"], "the Will of the second, once");
  });

  Deno.test(`${name}: a CONNECT that was repeated brings no connection back that has ended`, async () => {
    await using subject = await make();
    const made = await askedTwice(subject.store);
    const { connect, first, store } = made;
    const watcher = await connect("watcher", KEPT);
    await watcher.send(subscribePacket(1, "will"));
    await first.send({ type: "disconnect", reasonCode: 0 });
    const before = await store.read("c");
    assert.equal(before?.snapshot.head.attached, false);
    await arrives(made);
    assert.deepEqual(await store.read("c"), before, "nobody has it");
    assert.deepEqual(texts(watcher), [], "whoever says goodbye has no Will");
    const again = await connect("c", { ...KEPT, cleanStart: false });
    assert.equal(again.told(), "connack");
  });

  Deno.test(`${name}: a CONNECT that is overtaken while it is repeated is refused, and its client comes again`, async () => {
    await using subject = await make();
    const made = world(atADistance(subject.store), {
      commit: { timeoutMs: TIMEOUT_MS, repeatForMs: 1_000, repeatAfterMs: 10 },
    });
    const { connect, faults, pass, store } = made;
    faults.inject({ call: "acquire", fault: "replyLost" });
    const first = await connect("c", KEPT);
    const second = await connect("c", { ...KEPT, cleanStart: false }, made.another());
    const before = await store.read("c");
    await pass(TIMEOUT_MS + 10);
    assert.equal(first.told(), "connack:88");
    assert.equal(second.told(), "connack");
    assert.equal(second.closed, false);
    assert.deepEqual(await store.read("c"), before, "the second goes on");
  });
}
