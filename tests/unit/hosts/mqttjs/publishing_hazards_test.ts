/**
 * What a store of MQTT.js 5.16 has to know beyond the types, where it publishes, each found by running it: the client is the
 * real one.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { SessionError } from "../../../../src/errors.ts";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import { fakeClock } from "../../../../src/testing/fake_clock.ts";
import { faultyStore } from "../../../../src/testing/faulty_store.ts";
import { openPage } from "./support/client_world.ts";
import { errorOf, sent, STORES } from "./support/kit.ts";
import { shown } from "./support/scripted_server.ts";

for (const [name, makeStore] of Object.entries(STORES)) {
  Deno.test(`${name}: PUBREL takes the place of its PUBLISH, and the payload is stored no more (hazard 1)`, async () => {
    const store = makeStore();
    {
      await using page = await openPage(store);
      const wire = await page.server.wire();
      await wire.accept(false);
      await page.connected;
      for (const topic of ["a", "b", "c"]) page.client.publish(topic, "x".repeat(100), { qos: 2 });
      assert.deepEqual(await sent(wire, 3), ["publish 2 a", "publish 3 b", "publish 4 c"]);
      wire.send({ cmd: "pubrec", messageId: 3 });
      assert.deepEqual(await sent(wire, 1), ["pubrel 3"]);
      page.crash();
    }
    const summary = await store.directory.inspect("page");
    assert.deepEqual([summary?.queuedMessages, summary?.queuedBytes], [2, 202]);
    await using page = await openPage(store);
    const wire = await page.server.wire();
    await wire.accept(true);
    assert.deepEqual(await sent(wire, 3), ["publish 2 a dup", "pubrel 3", "publish 4 c dup"]);
  });

  Deno.test(`${name}: puts are answered in the order of the calls, together in few commits (hazard 2)`, async () => {
    const base = makeStore();
    const commits: number[] = [];
    const store = {
      ...base,
      commit: (batches, options) => {
        commits.push(batches[0]?.deliveries.length ?? 0);
        return base.commit(batches, options);
      },
    } satisfies SessionStore as SessionStore;
    await using page = await openPage(store);
    const wire = await page.server.wire();
    await wire.accept(false);
    await page.connected;
    await page.session.flush();
    commits.length = 0;
    for (let each = 0; each < 100; each++) page.client.publish(`t${each}`, "x", { qos: 1 });
    const topics = (await sent(wire, 100)).map((text) => text.split(" ")[2]);
    assert.deepEqual(topics, Array.from({ length: 100 }, (_, each) => `t${each}`));
    assert.ok(commits.length <= 3, `${commits}`);
  });

  Deno.test(`${name}: get and del of a packet that is not there call back with an error (hazard 3)`, async () => {
    await using page = await openPage(makeStore());
    const { outgoingStore, incomingStore } = page.session.options();
    for (const each of [outgoingStore, incomingStore]) {
      assert.equal((await errorOf((done) => each.get({ messageId: 7 }, done)))?.message, "missing packet");
      assert.equal((await errorOf((done) => each.del({ messageId: 7 }, done)))?.message, "missing packet");
    }
  });

  Deno.test(`${name}: a message that cannot be stored fails its publish, and frees its Packet Identifier`, async () => {
    await using page = await openPage(makeStore(), { maximumMessages: 1 });
    const wire = await page.server.wire();
    await wire.accept(false);
    await page.connected;
    page.client.publish("a", "x", { qos: 1 });
    const error = await errorOf((done) => page.client.publish("b", "x", { qos: 1 }, done));
    assert.equal((error as SessionError).code, "LIMIT_EXCEEDED");
    assert.deepEqual(await sent(wire, 1), ["publish 2 a"]);
    wire.send({ cmd: "puback", messageId: 2 });
    await page.session.flush();
    page.client.publish("c", "x", { qos: 1 });
    assert.deepEqual(await sent(wire, 1), ["publish 3 c"]);
    assert.deepEqual(Object.keys(page.client.outgoing), ["3"]);
  });

  Deno.test(`${name}: without Session Present what was sent is discarded and told, what never was is sent (hazard 6)`, async () => {
    const store = makeStore();
    {
      await using page = await openPage(store);
      const wire = await page.server.wire();
      await wire.accept(false);
      await page.connected;
      page.client.publish("sent", "x", { qos: 1 });
      page.client.publish("released", "x", { qos: 2 });
      await sent(wire, 2);
      wire.send({ cmd: "pubrec", messageId: 3 });
      await sent(wire, 1);
      page.crash();
    }
    await using page = await openPage(store);
    page.client.publish("offline", "x", { qos: 1 });
    const wire = await page.server.wire();
    await wire.accept(false);
    assert.deepEqual(await sent(wire, 1), ["publish 4 offline"]);
    assert.deepEqual(page.events, [{ type: "discarded", outgoing: 2, incoming: 0 }]);
    await wire.break();
    const second = await page.server.wire();
    await second.accept(false);
    await page.session.flush();
    assert.deepEqual(page.session.stored, { outgoing: 0, incoming: 0 });
  });

  Deno.test(`${name}: who asks for it has sent messages sent anew to a server that lost the session (hazard 6)`, async () => {
    await using page = await openPage(makeStore(), { whenSessionLost: "resend" });
    const wire = await page.server.wire();
    await wire.accept(false);
    await page.connected;
    page.client.publish("a", "x", { qos: 1 });
    await sent(wire, 1);
    await wire.break();
    const second = await page.server.wire();
    await second.accept(false);
    assert.deepEqual(await sent(second, 1), ["publish 2 a"]);
  });

  Deno.test(`${name}: a resend carries DUP, a message that was never sent does not (hazard 6)`, async () => {
    await using page = await openPage(makeStore());
    const wire = await page.server.wire();
    await wire.accept(false);
    await page.connected;
    page.client.publish("sent", "x", { qos: 1 });
    await sent(wire, 1);
    await wire.break();
    page.client.publish("offline", "x", { qos: 1 });
    const second = await page.server.wire();
    await second.accept(true);
    assert.deepEqual(await sent(second, 2), ["publish 2 sent dup", "publish 3 offline"]);
  });

  Deno.test(`${name}: a packet that is never acknowledged holds up neither the others nor connect (hazard 7)`, async () => {
    await using page = await openPage(makeStore());
    for (const topic of ["a", "b", "c"]) page.client.publish(topic, "x", { qos: 1 });
    const wire = await page.server.wire();
    await wire.accept(false);
    assert.deepEqual(await sent(wire, 3), ["publish 2 a", "publish 3 b", "publish 4 c"]);
    await page.connected;
    page.client.publish("d", "x", { qos: 1 });
    assert.deepEqual(await sent(wire, 1), ["publish 5 d"]);
  });

  Deno.test(`${name}: what is sent again keeps to the server's Receive Maximum (hazards 7 and 11)`, async () => {
    await using page = await openPage(makeStore());
    for (const topic of ["a", "b", "c"]) page.client.publish(topic, "x", { qos: 1 });
    const wire = await page.server.wire();
    await wire.accept(false, { receiveMaximum: 2 });
    assert.deepEqual(await sent(wire, 2), ["publish 2 a", "publish 3 b"]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(wire.waiting, 0);
    wire.send({ cmd: "puback", messageId: 3 });
    assert.deepEqual(await sent(wire, 1), ["publish 4 c"]);
    await page.connected;
  });

  Deno.test(`${name}: Packet Identifiers in use after a reload are not given again (hazard 8)`, async () => {
    const store = makeStore();
    {
      await using page = await openPage(store);
      page.client.publish("a", "x", { qos: 1 });
      page.client.publish("b", "x", { qos: 1 });
      await page.session.flush();
      page.crash();
    }
    await using page = await openPage(store);
    page.client.publish("c", "x", { qos: 1 });
    page.client.subscribe("s");
    page.client.publish("d", "x", { qos: 1 });
    const wire = await page.server.wire();
    await wire.accept(false);
    const packets = await sent(wire, 5);
    assert.deepEqual(packets.map((text) => text.split(" ")[2] ?? "s"), ["a", "b", "c", "d", "s"]);
    assert.equal(new Set(packets.map((text) => text.split(" ")[1])).size, 5);
  });

  Deno.test(`${name}: end and reconnect without arguments go on with the same stores (hazard 10)`, async () => {
    await using page = await openPage(makeStore());
    const wire = await page.server.wire();
    await wire.accept(false);
    await page.connected;
    page.client.publish("a", "x", { qos: 1 });
    await sent(wire, 1);
    await page.client.endAsync(true);
    page.client.reconnect();
    const second = await page.server.wire();
    await second.accept(true);
    assert.deepEqual(await sent(second, 1), ["publish 2 a dup"]);
    page.client.publish("b", "x", { qos: 1 });
    assert.deepEqual(await sent(second, 1), ["publish 3 b"]);
    assert.equal(page.session.stored.outgoing, 2);
  });

  Deno.test(`${name}: what waited longer than its Message Expiry Interval is not sent, the rest with what is left (hazard 11)`, async () => {
    const clock = fakeClock(1_000_000);
    const environment = { now: clock.now };
    const store = makeStore();
    {
      await using page = await openPage(store, { environment });
      page.client.publish("short", "x", { qos: 1, properties: { messageExpiryInterval: 10 } });
      page.client.publish("long", "x", { qos: 1, properties: { messageExpiryInterval: 60 } });
      await page.session.flush();
      page.crash();
    }
    clock.advance(20_000);
    await using page = await openPage(store, { environment });
    const failure = errorOf((done) =>
      page.client.publish("late", "x", { qos: 1, properties: { messageExpiryInterval: 5 } }, done)
    );
    await page.session.flush();
    clock.advance(5_000);
    const wire = await page.server.wire();
    await wire.accept(false);
    const packet = await wire.next();
    assert.equal(shown(packet), "publish 3 long");
    assert.equal((packet as { properties?: { messageExpiryInterval?: number } }).properties?.messageExpiryInterval, 35);
    assert.match(String(await failure), /expired/);
    await page.connected;
    assert.equal(page.events.filter(({ type }) => type === "dropped").length, 2);
  });

  Deno.test(`${name}: the session ends here when it has ended at the server, but not what was never sent (hazard 11)`, async () => {
    const clock = fakeClock(1_000_000);
    const options = { environment: { now: clock.now }, sessionExpiryInterval: 60 };
    const store = makeStore();
    {
      await using page = await openPage(store, options);
      const wire = await page.server.wire();
      await wire.accept(false);
      await page.connected;
      page.client.publish("sent", "x", { qos: 1 });
      await sent(wire, 1);
      await wire.break();
      page.client.publish("offline", "x", { qos: 1 });
      await page.session.close();
    }
    clock.advance(60_000);
    await using page = await openPage(store, options);
    assert.deepEqual(page.events, [{ type: "discarded", outgoing: 1, incoming: 0 }]);
    const wire = await page.server.wire();
    const connect = await wire.accept(false);
    assert.equal(connect.clean, true);
    assert.deepEqual(await sent(wire, 1), ["publish 3 offline"]);
  });

  Deno.test(`${name}: a second page takes the session; the first is ended and told, and acknowledges nothing more`, async () => {
    const store = makeStore();
    await using first = await openPage(store);
    const wire = await first.server.wire();
    await wire.accept(false);
    await first.connected;
    await first.session.flush();
    await using second = await openPage(store);
    wire.send({ cmd: "publish", topic: "in", payload: "x", qos: 2, messageId: 9, dup: false, retain: false });
    await wire.closed;
    assert.deepEqual(wire.log, ["connect"]);
    assert.ok(first.session.lost.aborted && first.session.lost.reason instanceof SessionError);
    assert.ok(first.events.some(({ type }) => type === "lost"));
    assert.equal(second.session.lost.aborted, false);
  });

  Deno.test(`${name}: a commit whose answer is lost is repeated, and stores nothing twice`, async () => {
    const faulty = faultyStore(makeStore());
    await using page = await openPage(faulty.store, { commit: { repeatAfterMs: 1 } });
    const wire = await page.server.wire();
    await wire.accept(false);
    await page.connected;
    await page.session.flush();
    faulty.inject({ call: "commit", fault: "failsAfter", times: 2 });
    for (const topic of ["a", "b", "c"]) page.client.publish(topic, "x", { qos: 1 });
    assert.deepEqual(await sent(wire, 3), ["publish 2 a", "publish 3 b", "publish 4 c"]);
    assert.equal((await faulty.store.directory.inspect("page"))?.queuedMessages, 3);
  });
}
