/** What soaks have found, as plain as it can be said. */
import assert from "node:assert/strict";
import type { SessionBroker } from "../../mod.ts";
import type { AcquireRequest } from "../../src/store/session_store.ts";
import type { InterceptedCall } from "../../src/testing/intercept.ts";
import { publishPacket, subscribePacket } from "../unit/runtime/support.ts";
import { STORES } from "./support/stores.ts";
import { texts, type World, world } from "./support/world.ts";

const KEPT = { sessionExpiryInterval: 600 };

/** A lease of two minutes and its grace are over. */
const LAPSED_MS = 200_000;

/** Whether a call asks for a session on behalf of this node. */
function acquiresFor({ nodeId }: SessionBroker) {
  return ({ args }: InterceptedCall): boolean => (args[0] as AcquireRequest).nodeId === nodeId;
}

/** A node whose clock is so far ahead that it takes all others for lost. */
function ahead({ another, clock }: World): SessionBroker {
  return another({
    environment: {
      now: () => clock.now() + LAPSED_MS,
      monotonic: clock.monotonic,
      wake: (at, callback) => clock.wake(at - LAPSED_MS, callback),
      randomId: () => crypto.randomUUID(),
    },
  });
}

for (const { name, make } of STORES) {
  Deno.test(`${name}: a CONNECT whose connection is gone takes no session from where its client is by now`, async () => {
    await using subject = await make();
    const { another, broker, connect, faults, pass, runDue, store } = world(subject.store);
    const elsewhere = another();
    // The store is away for a while: it is asked again and again.
    faults.inject({ call: "acquire", fault: "failsBefore", times: 6, when: acquiresFor(broker) });
    const first = await connect("c", { ...KEPT, cleanStart: true });
    await first.send({ type: "pingreq" });
    await first.drop();
    const second = await connect("c", { ...KEPT, cleanStart: false }, elsewhere);
    await second.send(subscribePacket(1, "t"));
    const publisher = await connect("p", {}, elsewhere);
    await publisher.send(publishPacket("t", 2, 1, "m"));
    await second.send({ type: "pubrec", packetId: 2, reasonCode: 0 });
    assert.equal(second.told(), "connack suback publish pubrel");
    const before = await store.read("c");
    await pass(20_000);
    await runDue();
    await runDue(elsewhere);
    assert.equal(second.closed, false);
    assert.deepEqual(await store.read("c"), before, "its message is received, and still to be released");
  });

  Deno.test(`${name}: a CONNECT that waited behind another is not carried out once its connection is gone`, async () => {
    await using subject = await make();
    const { another, broker, connect, faults, pass, runDue, store } = world(subject.store);
    const elsewhere = another();
    faults.inject({ call: "acquire", fault: "failsBefore", when: acquiresFor(broker) });
    const first = await connect("c", KEPT);
    const waiting = await connect("c", { ...KEPT, cleanStart: true });
    await first.drop();
    await waiting.drop();
    const second = await connect("c", { ...KEPT, cleanStart: false }, elsewhere);
    const before = await store.read("c");
    await pass(20_000);
    await runDue();
    await runDue(elsewhere);
    assert.equal(second.closed, false);
    assert.deepEqual(await store.read("c"), before);
  });

  Deno.test(`${name}: a node takes no session once its lease is over, also after the store was away`, async () => {
    await using subject = await make();
    const lease = { durationMs: 4_000, renewEveryMs: 1_000, closeAfterMs: 3_000, graceMs: 1_000 };
    const { another, broker, clock, connect, faults, pass, runDue, store } = world(subject.store, { lease });
    const elsewhere = another();
    const before = await connect("before");
    await before.drop();
    faults.inject({ call: "acquire", fault: "failsBefore", times: 7, when: acquiresFor(broker) });
    await connect("c", KEPT);
    await pass(5_500);
    // It owns nothing, and is forgotten.
    await runDue(elsewhere);
    await pass(1_000);
    const stored = await store.read("c");
    assert.ok(stored?.owner === undefined || (stored.ownerUntil ?? 0) > clock.now());
  });

  Deno.test(`${name}: what a client sent before it went counts where the store takes its CONNECT`, async () => {
    await using subject = await make();
    const { connect, faults, rest } = world(subject.store);
    const subscriber = await connect("s");
    await subscriber.send(subscribePacket(1, "t"));
    faults.inject({ call: "acquire", fault: "answersLate" });
    const sender = await connect("c");
    await sender.send(publishPacket("t", 1, 1, "m"));
    await sender.drop();
    faults.release();
    await rest();
    assert.deepEqual(texts(subscriber), ["m"]);
  });

  Deno.test(`${name}: a client whose session was only let go of hears that, and of no other connection`, async () => {
    await using subject = await make();
    const here = world(subject.store);
    const listening = await here.connect("listening", KEPT);
    const writing = await here.connect("writing", KEPT);
    // Before it looks once more, and forgets the node and its doorbell.
    here.faults.inject({ call: "listDue", fault: "startsLate", skip: 1 });
    const working = ahead(here).runDue();
    await here.rest();
    await writing.send(subscribePacket(1, "t"));
    assert.equal(writing.told(), "connack disconnect:83");
    await here.runDue();
    assert.equal(listening.told(), "connack disconnect:83");
    here.faults.release();
    await here.rest();
    await working;
  });

  Deno.test(`${name}: a client that was superseded by one that has gone again hears that it was taken over`, async () => {
    await using subject = await make();
    const { another, clock, connect, runDue } = world(subject.store);
    const elsewhere = another();
    const first = await connect("c", KEPT);
    clock.advance(1);
    const second = await connect("c", { ...KEPT, cleanStart: false }, elsewhere);
    await second.drop();
    await runDue();
    assert.equal(first.told(), "connack disconnect:8e");
  });
}
